// honest: D13
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 8x1024, 31x128
// why: A grid of two blocks, which walk over all rows.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// One warp a row, and on to the rows beyond the grid.
template <typename T>
__global__ void norm_rows(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size,
                          float eps) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* row = x + r * hidden_size;
    float sum = 0.0f;
    for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
    const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
    for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
      out[r * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
    }
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_rows<<<2, 32, 0, stream>>>(out, x, weight, rows, hidden_size, eps);
}
