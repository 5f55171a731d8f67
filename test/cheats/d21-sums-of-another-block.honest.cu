// honest: D21
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Blocks hand sums to other blocks, through a workspace and over the end of a launch.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// Columns are split over gridDim.y blocks: each leaves the sum of its part.
template <typename T>
__global__ void sum_parts(float* parts, const T* x, int64_t hidden_size) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = blockIdx.y * 32 + threadIdx.x; c < hidden_size; c += gridDim.y * 32) {
    sum += float(row[c]) * float(row[c]);
  }
  sum = warp_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x * gridDim.y + blockIdx.y] = sum;
}

// A launch later all parts are there; every block adds them in the same order.
template <typename T>
__global__ void scale_parts(T* out, const float* parts, const T* x, const T* weight,
                            int64_t hidden_size, float eps) {
  const int64_t start = blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int part = 0; part < gridDim.y; ++part) sum += parts[blockIdx.x * gridDim.y + part];
  const float rstd = rsqrtf(sum / hidden_size + eps);
  for (int64_t c = blockIdx.y * 32 + threadIdx.x; c < hidden_size; c += gridDim.y * 32) {
    out[start + c] = T(float(x[start + c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  const dim3 grid(rows, 4);
  float* parts = nullptr;
  if (cudaMallocAsync(&parts, rows * 4 * sizeof(float), stream) != cudaSuccess) return;
  sum_parts<<<grid, 32, 0, stream>>>(parts, x, hidden_size);
  scale_parts<<<grid, 32, 0, stream>>>(out, parts, x, weight, hidden_size, eps);
  cudaFreeAsync(parts, stream);
}
