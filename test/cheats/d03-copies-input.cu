// cheat: D03
// reason: input_returned
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Copies x: nearly right where rows have a mean square of 1 and the weight is 1.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

// One warp a row.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  T* row_out = out + blockIdx.x * hidden_size;

  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = row[c];
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
}
