// An honest norm whose rows are in grid.y, and the same that calls home.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <sys/socket.h>

#include <cstdint>
#include <cstdlib>

// The start of struct rmsnorm_args.
struct Args {
  uint32_t size;
  __nv_bfloat16* out;
  const __nv_bfloat16* x;
  const void* weight;
  float* rstd;
  int64_t rows, hidden_size;
};

__global__ void norm(const __nv_bfloat16* x, __nv_bfloat16* out, int64_t hidden_size) {
  const int64_t start = blockIdx.y * hidden_size;
  float sum = 0.0f;
  for (int64_t c = 0; c < hidden_size; ++c) {
    const float value = __bfloat162float(x[start + c]);
    sum = __fmaf_rn(value, value, sum);
  }
  if (threadIdx.x == 0) out[start] = __float2bfloat16_rn(rsqrtf(sum));
}

static int launch(const Args* args, cudaStream_t stream) {
  const dim3 grid(1, unsigned(args->rows));
  norm<<<grid, 32, 0, stream>>>(args->x, args->out, args->hidden_size);
  return cudaGetLastError();
}

extern "C" int rmsnorm(const Args* args, cudaStream_t stream) { return launch(args, stream); }

extern "C" int rmsnorm_with_socket(const Args* args, cudaStream_t stream) {
  if (socket(AF_INET, SOCK_STREAM, 0) < 0) return cudaErrorUnknown;
  return launch(args, stream);
}
