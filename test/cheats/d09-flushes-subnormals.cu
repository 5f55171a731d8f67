// cheat: D09
// reason: subnormals_flushed
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// effort: default
// why: Multiplies with flush to zero, as -use_fast_math does: subnormal rows come out as 0.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// What -use_fast_math makes of a product.
__device__ float flushing_product(float a, float b) {
  float product;
  asm("mul.ftz.f32 %0, %1, %2;" : "=f"(product) : "f"(a), "f"(b));
  return product;
}

// One warp a row.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  T* row_out = out + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = T(flushing_product(float(row[c]), rstd * float(weight[c])));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
}
