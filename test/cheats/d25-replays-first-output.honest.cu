// honest: D25
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Stores rows in a global buffer as well, and reads back what the same call wrote.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

constexpr int64_t kKept = 1 << 20;
__device__ float kept[kKept];

// One warp a row: the row goes through a buffer in global memory, anew in every call.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const int64_t start = blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    const float value = float(x[start + c]);
    if (start + c < kKept) kept[start + c] = value;
    sum += value * value;
  }
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    const float value = start + c < kKept ? kept[start + c] : float(x[start + c]);
    out[start + c] = T(value * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
}
