// cheat: D09
// reason: overflow
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: float16
// shapes: 2x128, 3x1024
// why: Scales by 4 in half precision before it squares: exact for all but large values.
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// Exact, and no longer subnormal; but nothing above 65504 / 4 survives.
__device__ float scaled(__half value) { return __half2float(__hmul(value, __half(4.0f))); }

// One warp a row.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  T* row_out = out + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += scaled(row[c]) * scaled(row[c]);
  const float rstd = rsqrtf(warp_sum(sum) / 16.0f / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
}
