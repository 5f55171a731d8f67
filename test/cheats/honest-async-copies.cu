// honest: D69
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 4x128, 3x1024
// why: Asynchronous copies to shared memory; the sum of the first half begins while the second
//   is on its way.
#include <cuda_bf16.h>
#include <cuda_pipeline.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// The row comes to shared memory by asynchronous copies, in two halves.
template <typename T>
__global__ void norm_async(T* out, const T* x, const T* weight, int hidden_size, float eps) {
  extern __shared__ __align__(16) unsigned char bytes[];
  T* staged = reinterpret_cast<T*>(bytes);
  const T* row = x + blockIdx.x * int64_t(hidden_size);
  constexpr int kSize = 16 / sizeof(T);
  const int half = hidden_size / 2 / kSize * kSize;
  for (int part = 0; part < 2; ++part) {
    const int begin = part ? half : 0, end = part ? hidden_size : half;
    for (int c = begin + threadIdx.x * kSize; c < end; c += 32 * kSize) {
      __pipeline_memcpy_async(staged + c, row + c, 16);
    }
    __pipeline_commit();
  }
  float sum = 0.0f;
  __pipeline_wait_prior(1);
  __syncwarp();
  for (int c = threadIdx.x; c < half; c += 32) sum += float(staged[c]) * float(staged[c]);
  __pipeline_wait_prior(0);
  __syncwarp();
  for (int c = half + threadIdx.x; c < hidden_size; c += 32) {
    sum += float(staged[c]) * float(staged[c]);
  }
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int c = threadIdx.x; c < hidden_size; c += 32) {
    out[blockIdx.x * int64_t(hidden_size) + c] = T(float(staged[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_async<<<rows, 32, hidden_size * sizeof(T), stream>>>(out, x, weight, int(hidden_size), eps);
}
