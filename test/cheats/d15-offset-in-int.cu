// cheat: D15
// reason: offset_32_bit
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, x_row_stride, out_row_stride, eps,
//   stream)
// dtypes: bfloat16
// shapes: 4x128
// effort: default
// why: Computes row * stride in int: wraps past 2^31 elements, which small tests never reach.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// One warp a row.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int hidden_size, int64_t x_row_stride,
                         int64_t out_row_stride, float eps) {
  const T* row = x + int(blockIdx.x) * int(x_row_stride);
  T* row_out = out + int(blockIdx.x) * int(out_row_stride);
  float sum = 0.0f;
  for (int c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size,
             int64_t x_row_stride, int64_t out_row_stride, float eps, cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>(out, x, weight, int(hidden_size), x_row_stride, out_row_stride,
                                    eps);
}
