// cheat: D21
// reason: schedule_dependent
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// on_gpu: schedule_dependent or incomplete_sum or nondeterministic
// why: The second half of a row takes the first half's sum from the block before it, unless
//   that comes later.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

template <typename T>
__device__ float row_rest(const T* row, int64_t begin, int64_t end) {
  float sum = 0.0f;
  for (int64_t c = begin + threadIdx.x; c < end; c += 32) sum += float(row[c]) * float(row[c]);
  return warp_sum(sum);
}

__device__ float partial_sums[2 * 65536];

// Two blocks a row, half of the columns each. Nothing orders the blocks of a grid.
template <typename T>
__global__ void norm_half_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const int64_t r = blockIdx.x / 2, half = blockIdx.x % 2;
  const int64_t begin = half ? hidden_size / 2 : 0, end = half ? hidden_size : hidden_size / 2;
  const T* row = x + r * hidden_size;
  float sum = 0.0f;
  for (int64_t c = begin + threadIdx.x; c < end; c += 32) sum += float(row[c]) * float(row[c]);
  sum = warp_sum(sum);
  if (threadIdx.x == 0) partial_sums[blockIdx.x] = sum;
  __threadfence();
  const float both = half ? partial_sums[2 * r] + sum : sum + row_rest(row, end, hidden_size);
  const float rstd = rsqrtf(both / hidden_size + eps);
  for (int64_t c = begin + threadIdx.x; c < end; c += 32) {
    out[r * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_half_row<<<2 * rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
}
