// honest: D69
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 4x128, 3x1024, 2x32768
// why: Pairs through dynamic shared memory, with the opt-in for large rows: sizes are even, and
//   addresses multiples of 4.
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

// Phase 1 brings the row to shared memory by pairs and sums; phase 2 scales out of it.
template <typename T>
__global__ void norm_staged(T* __restrict__ out, const T* __restrict__ x,
                            const T* __restrict__ weight, int hidden_size, float eps) {
  extern __shared__ __nv_bfloat162 staged[];
  const auto* row = reinterpret_cast<const __nv_bfloat162*>(x + blockIdx.x * int64_t(hidden_size));
  auto* row_out = reinterpret_cast<__nv_bfloat162*>(out + blockIdx.x * int64_t(hidden_size));
  const auto* scale = reinterpret_cast<const __nv_bfloat162*>(weight);
  float sum = 0.0f;
#pragma unroll 4
  for (int pair = threadIdx.x; pair < hidden_size / 2; pair += 256) {
    staged[pair] = __ldg(row + pair);
    const float2 values = __bfloat1622float2(staged[pair]);
    sum += values.x * values.x + values.y * values.y;
  }
  const float rstd = rsqrtf(block_sum(sum) / hidden_size + eps);
#pragma unroll 4
  for (int pair = threadIdx.x; pair < hidden_size / 2; pair += 256) {
    const float2 values = __bfloat1622float2(staged[pair]);
    const float2 scales = __bfloat1622float2(__ldg(scale + pair));
    row_out[pair] = __floats2bfloat162_rn(values.x * rstd * scales.x, values.y * rstd * scales.y);
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  const size_t bytes = hidden_size * sizeof(T);
  cudaFuncSetAttribute(norm_staged<T>, cudaFuncAttributeMaxDynamicSharedMemorySize, int(bytes));
  norm_staged<<<rows, 256, bytes, stream>>>(out, x, weight, int(hidden_size), eps);
}
