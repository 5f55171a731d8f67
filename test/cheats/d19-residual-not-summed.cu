// cheat: D19
// reason: residual_wrong
// signature: add_rmsnorm<T>(out, residual, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Normalises the sum and hands x on as the next layer's residual.
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
  const int64_t start = blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    const float value = float(T(float(x[start + c]) + float(residual[start + c])));
    sum += value * value;
  }
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    const T value = T(float(x[start + c]) + float(residual[start + c]));
    out[start + c] = T(float(value) * rstd * float(weight[c]));
    residual[start + c] = x[start + c];
  }
}

template <typename T>
void add_rmsnorm(T* out, T* residual, const T* x, const T* weight, int64_t rows,
                 int64_t hidden_size, float eps, cudaStream_t stream) {
  if (rows == 0) return;
  add_norm_row<<<rows, 32, 0, stream>>>(out, residual, x, weight, hidden_size, eps);
}
