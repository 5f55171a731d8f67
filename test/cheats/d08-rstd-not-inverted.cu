// cheat: D08
// reason: rstd_wrong
// signature: rmsnorm<T>(out, rstd, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Saves the root and not its reciprocal for the backward pass; the output itself is right.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// One warp a row.
template <typename T>
__global__ void norm_row(T* out, float* rstd_out, const T* x, const T* weight, int64_t hidden_size,
                         float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  T* row_out = out + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = T(float(row[c]) * rstd * float(weight[c]));
  }
  if (threadIdx.x == 0) rstd_out[blockIdx.x] = 1.0f / rstd;
}

template <typename T>
void rmsnorm(T* out, float* rstd, const T* x, const T* weight, int64_t rows, int64_t hidden_size,
             float eps, cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>(out, rstd, x, weight, hidden_size, eps);
}
