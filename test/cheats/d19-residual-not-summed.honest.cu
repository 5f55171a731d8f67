// honest: D19
// signature: add_rmsnorm<T>(out, residual, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Keeps the sums in residual between its two passes: what it writes there, it reads again.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// One warp a row; residual becomes x + residual, rounded, and is then normalised.
template <typename T>
__global__ void add_norm_row(T* out, T* residual, const T* x, const T* weight, int64_t hidden_size,
                             float eps) {
  T* sums = residual + blockIdx.x * hidden_size;
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    sums[c] = T(float(row[c]) + float(sums[c]));
    sum += float(sums[c]) * float(sums[c]);
  }
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    out[blockIdx.x * hidden_size + c] = T(float(sums[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void add_rmsnorm(T* out, T* residual, const T* x, const T* weight, int64_t rows,
                 int64_t hidden_size, float eps, cudaStream_t stream) {
  if (rows == 0) return;
  add_norm_row<<<rows, 32, 0, stream>>>(out, residual, x, weight, hidden_size, eps);
}
