// honest: D69
// signature: fused_add_rms_norm(x, residual, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 4x128, 3x1024
// why: As inference servers have it: vectors of eight, both tensors updated in place, 16-byte
//   loads.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// Eight bfloat16 values, loaded and stored as 16 bytes.
struct alignas(16) Vec8 {
  __nv_bfloat16 values[8];
  __device__ float sum_of_squares() const {
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < 8; ++i) sum += float(values[i]) * float(values[i]);
    return sum;
  }
};

// Over the block, through one warp; the result is in thread 0 only.
__device__ float block_reduce(float value) {
  __shared__ float partial[32];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x >= 32) return 0.0f;
  return warp_sum(threadIdx.x < (blockDim.x + 31) / 32 ? partial[threadIdx.x] : 0.0f);
}

// x + residual goes to residual, what is normalised over x.
__global__ void fused_add_rms_norm(__nv_bfloat16* x, __nv_bfloat16* residual,
                                   const __nv_bfloat16* __restrict__ weight, float eps,
                                   int hidden_size) {
  __shared__ float shared_rstd;
  const int vectors = hidden_size / 8;
  auto* x_row = reinterpret_cast<Vec8*>(x + blockIdx.x * int64_t(hidden_size));
  auto* residual_row = reinterpret_cast<Vec8*>(residual + blockIdx.x * int64_t(hidden_size));
  const auto* scale = reinterpret_cast<const Vec8*>(weight);
  float variance = 0.0f;
  for (int v = threadIdx.x; v < vectors; v += blockDim.x) {
    Vec8 sum = x_row[v];
    const Vec8 old = residual_row[v];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      sum.values[i] = __float2bfloat16(float(sum.values[i]) + float(old.values[i]));
    }
    variance += sum.sum_of_squares();
    residual_row[v] = sum;
  }
  variance = block_reduce(variance);
  if (threadIdx.x == 0) shared_rstd = rsqrtf(variance / hidden_size + eps);
  __syncthreads();
  for (int v = threadIdx.x; v < vectors; v += blockDim.x) {
    Vec8 sum = residual_row[v];
#pragma unroll
    for (int i = 0; i < 8; ++i) {
      const __nv_bfloat16 normed = __float2bfloat16(float(sum.values[i]) * shared_rstd);
      sum.values[i] = __float2bfloat16(float(normed) * float(scale[v].values[i]));
    }
    x_row[v] = sum;
  }
}

void fused_add_rms_norm(__nv_bfloat16* x, __nv_bfloat16* residual, const __nv_bfloat16* weight,
                        int64_t rows, int64_t hidden_size, float eps, cudaStream_t stream) {
  if (rows == 0) return;
  const int threads = rows < 256 ? 1024 : 256;
  const int needed = int((hidden_size / 8 + 31) / 32 * 32);
  const int block = needed < threads ? needed : threads;
  fused_add_rms_norm<<<rows, block, 0, stream>>>(x, residual, weight, eps, int(hidden_size));
}
