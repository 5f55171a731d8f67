// RMSNorm forward: the C entry point. A ladder of five kernels, each in a file of its own:
//
//   any_shape              the naive one: an element at a time; odd sizes and unaligned pointers
//   wide_row               the same in 16-byte vectors; rows too wide for registers
//   warp_per_row           the row in one warp's registers, no barrier
//   several_rows_per_warp  the narrow rows of a norm per head
//   row_in_registers       a block per row, x read once: most hidden sizes
//
// problem.cuh has the formula and the arithmetic they share, launch.cuh chooses among them.
// Five kernels of three dtypes: 15 in all. Rounding, weight form, weight_offset and the dtype of
// out are branches that all threads take alike, not template parameters: compiling stays fast.
#include "common/args.cuh"
#include "launch.cuh"
#include "supports.cuh"

// Returns cudaErrorInvalidValue for wrong arguments and cudaErrorNotSupported for what this kernel
// does not do, launching nothing; otherwise what the launch returned. Empty input is a success.
extern "C" cudaError_t rmsnorm(const rmsnorm_args* args, cudaStream_t stream) {
  const cudaError_t refused = check(args);
  if (refused != cudaSuccess) return refused;
  if (args->rows == 0 || args->hidden_size == 0) return cudaSuccess;
  switch (args->dtype) {
#if SUPPORT_BFLOAT16
    case DTYPE_BFLOAT16:
      return launch<bfloat16>(*args, stream);
#endif
#if SUPPORT_FLOAT16
    case DTYPE_FLOAT16:
      return launch<float16>(*args, stream);
#endif
#if SUPPORT_FLOAT32
    case DTYPE_FLOAT32:
      return launch<float>(*args, stream);
#endif
    default:
      return cudaErrorNotSupported;
  }
}
