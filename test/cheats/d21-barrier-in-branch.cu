// cheat: D21
// reason: divergent_barrier
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Even lanes wait at one barrier and odd ones at another: undefined for a warp, though many
//   GPUs let it pass.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// A block of 256 threads a row.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += blockDim.x) {
    sum += float(row[c]) * float(row[c]);
  }
  __shared__ float partial[8];
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  if (threadIdx.x % 2 == 0) {
    __syncthreads();
    sum = 0.0f;
    for (int warp = 0; warp < 8; ++warp) sum += partial[warp];
  } else {
    __syncthreads();  // another one
    sum = 0.0f;
    for (int warp = 7; warp >= 0; --warp) sum += partial[warp];
  }
  const float rstd = rsqrtf(sum / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += blockDim.x) {
    out[blockIdx.x * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 256, 0, stream>>>(out, x, weight, hidden_size, eps);
}
