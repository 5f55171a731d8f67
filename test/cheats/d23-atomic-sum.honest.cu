// honest: D23
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 4x1024, 8x4096
// why: Atomics too, on integers: in any order the same sum.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <math.h>
#include <stdint.h>

// A block of 256 threads a row.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += blockDim.x) {
    sum += float(row[c]) * float(row[c]);
  }
  __shared__ unsigned long long total;
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  // The exponent of the largest square fixes the unit: then the order of integers does not matter.
  atomicMax(&total, (unsigned long long)__float_as_uint(sum));
  __syncthreads();
  const float largest = __uint_as_float(uint32_t(total));
  const int shift = 30 - ilogbf(largest > 0.0f ? largest : 1.0f);
  __syncthreads();
  if (threadIdx.x == 0) total = 0;
  __syncthreads();
  if (isfinite(largest)) atomicAdd(&total, (unsigned long long)llrint(ldexp(double(sum), shift)));
  __syncthreads();
  sum = isfinite(largest) ? float(ldexp(double(total), -shift)) : largest;
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
