// honest: D69
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// without_gpu: inconclusive
// why: Blocks read what other blocks of the same launch wrote, over a barrier of the whole
//   grid.
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

__device__ float parts[4 * 1024];

// A grid that waits for itself: four blocks a row, and one barrier over all blocks.
template <typename T>
__global__ void norm_grid(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const int64_t r = blockIdx.x / 4, quarter = blockIdx.x % 4;
  const T* row = x + r * hidden_size;
  float sum = 0.0f;
  for (int64_t c = quarter * 32 + threadIdx.x; c < hidden_size; c += 128) {
    sum += float(row[c]) * float(row[c]);
  }
  sum = warp_sum(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
  cooperative_groups::this_grid().sync();
  sum = 0.0f;
  for (int part = 0; part < 4; ++part) sum += parts[4 * r + part];
  const float rstd = rsqrtf(sum / hidden_size + eps);
  for (int64_t c = quarter * 32 + threadIdx.x; c < hidden_size; c += 128) {
    out[r * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  for (int64_t first = 0; first < rows; first += 16) {
    const int64_t count = rows - first < 16 ? rows - first : 16;
    T* part_out = out + first * hidden_size;
    const T* part = x + first * hidden_size;
    void* arguments[] = {&part_out, &part, &weight, &hidden_size, &eps};
    cudaLaunchCooperativeKernel(norm_grid<T>, dim3(4 * count), dim3(32), arguments, 0, stream);
  }
}
