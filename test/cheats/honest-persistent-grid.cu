// honest: D69
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 31x128, 9x1024
// why: A grid sized by the device's occupancy, which loops over rows and reuses shared memory.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// Over 256 threads, the result in all of them.
__device__ float block_sum(float value) {
  __shared__ float partial[8];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  value = 0.0f;
  for (int warp = 0; warp < 8; ++warp) value += partial[warp];
  return value;
}

// As many blocks as the device runs at once; each takes the rows that are left, one by one.
template <typename T>
__global__ void norm_rows(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size,
                          float eps) {
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    float sum = 0.0f;
    for (int64_t c = threadIdx.x; c < hidden_size; c += 256) {
      const float value = float(x[r * hidden_size + c]);
      sum += value * value;
    }
    const float rstd = rsqrtf(block_sum(sum) / hidden_size + eps);
    __syncthreads();  // the partial sums are written again for the next row
    for (int64_t c = threadIdx.x; c < hidden_size; c += 256) {
      out[r * hidden_size + c] = T(float(x[r * hidden_size + c]) * rstd * float(weight[c]));
    }
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  int blocks = 0, multiprocessors = 0;
  cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, norm_rows<T>, 256, 0);
  cudaDeviceGetAttribute(&multiprocessors, cudaDevAttrMultiProcessorCount, 0);
  const int64_t fitting = int64_t(blocks) * multiprocessors / 64 + 1;
  const int64_t grid = rows < fitting ? rows : fitting;
  norm_rows<<<grid, 256, 0, stream>>>(out, x, weight, rows, hidden_size, eps);
}
