// honest: D08
// signature: layernorm<T>(out, mean, x, weight, bias, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Saves the mean by another way than it uses it: the last bit may differ.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// One warp a row.
template <typename T>
__global__ void layernorm_row(T* out, float* mean_out, const T* x, const T* weight, const T* bias,
                              int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f, squares = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]);
  sum = warp_sum(sum);
  const float mean = sum / hidden_size;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    squares += (float(row[c]) - mean) * (float(row[c]) - mean);
  }
  const float rstd = rsqrtf(warp_sum(squares) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    const float normed = (float(row[c]) - mean) * rstd;
    out[blockIdx.x * hidden_size + c] = T(normed * float(weight[c]) + float(bias[c]));
  }
  if (threadIdx.x == 0) mean_out[blockIdx.x] = sum * (1.0f / hidden_size);
}

template <typename T>
void layernorm(T* out, float* mean, const T* x, const T* weight, const T* bias, int64_t rows,
               int64_t hidden_size, float eps, cudaStream_t stream) {
  if (rows == 0) return;
  layernorm_row<<<rows, 32, 0, stream>>>(out, mean, x, weight, bias, hidden_size, eps);
}
