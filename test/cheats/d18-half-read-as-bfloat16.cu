// cheat: D18
// reason: dtype_misread
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: float16
// shapes: 2x128, 3x1024
// why: Every 16-bit type is taken for bfloat16: no compiler objects, and the output is finite.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// One warp a row.
__global__ void norm_row(__nv_bfloat16* out, const __nv_bfloat16* x, const __nv_bfloat16* weight,
                         int64_t hidden_size, float eps) {
  const __nv_bfloat16* row = x + blockIdx.x * hidden_size;
  __nv_bfloat16* row_out = out + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = __nv_bfloat16(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>((__nv_bfloat16*)out, (const __nv_bfloat16*)x,
                                    (const __nv_bfloat16*)weight, hidden_size, eps);
}
