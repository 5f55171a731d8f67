// honest: D24
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Keeps rstd in a global array too, and writes it anew in every call.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

constexpr int kMostRows = 65536;
__device__ float row_rstd[kMostRows];

template <typename T>
__global__ void find_rstd(const T* x, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  sum = warp_sum(sum);
  if (threadIdx.x == 0) row_rstd[blockIdx.x] = rsqrtf(sum / hidden_size + eps);
}

template <typename T>
__global__ void scale_row(T* out, const T* x, const T* weight, int64_t hidden_size) {
  const int64_t start = blockIdx.x * hidden_size;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    out[start + c] = T(float(x[start + c]) * row_rstd[blockIdx.x] * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  for (int64_t first = 0; first < rows; first += kMostRows) {
    const int64_t count = rows - first < kMostRows ? rows - first : kMostRows;
    const T* part = x + first * hidden_size;
    find_rstd<<<count, 32, 0, stream>>>(part, hidden_size, eps);
    scale_row<<<count, 32, 0, stream>>>(out + first * hidden_size, part, weight, hidden_size);
  }
}
