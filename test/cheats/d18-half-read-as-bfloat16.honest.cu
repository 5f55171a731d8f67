// honest: D18
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16, float16
// shapes: 2x128, 3x1024
// why: One kernel takes both 16-bit types by their bits, and asks which it is.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

template <typename T>
constexpr bool kIsBfloat16 = false;
template <>
constexpr bool kIsBfloat16<__nv_bfloat16> = true;

// The exact value of either 16-bit type, by its bits.
__device__ float value_of(uint16_t bits, bool bfloat16) {
  return bfloat16 ? float(__ushort_as_bfloat16(bits)) : float(__ushort_as_half(bits));
}

__device__ uint16_t bits_of(float value, bool bfloat16) {
  return bfloat16 ? __bfloat16_as_ushort(__nv_bfloat16(value)) : __half_as_ushort(__half(value));
}

// One warp a row.
__global__ void norm_row(uint16_t* out, const uint16_t* x, const uint16_t* weight,
                         int64_t hidden_size, float eps, bool bfloat16) {
  const uint16_t* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    sum += value_of(row[c], bfloat16) * value_of(row[c], bfloat16);
  }
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    const float scale = value_of(weight[c], bfloat16);
    out[blockIdx.x * hidden_size + c] =
        bits_of(value_of(row[c], bfloat16) * rstd * scale, bfloat16);
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>((uint16_t*)out, (const uint16_t*)x, (const uint16_t*)weight,
                                    hidden_size, eps, kIsBfloat16<T>);
}
