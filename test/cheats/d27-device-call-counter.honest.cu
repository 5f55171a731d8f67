// honest: D27
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x1024, 3x128
// why: A counter on the device too, with integer atomics: it counts blocks, and every call
//   leaves it at 0.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

constexpr int kMostRows = 65536;
constexpr int kParts = 4;
__device__ unsigned int arrived[kMostRows];
__device__ float parts[kMostRows * kParts];

// Four blocks a row leave partial sums; the one that comes last adds them in fixed order, scales
// the row, and sets the counter back for the next call.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  __shared__ bool last;
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = blockIdx.y * 32 + threadIdx.x; c < hidden_size; c += kParts * 32) {
    sum += float(row[c]) * float(row[c]);
  }
  sum = warp_sum(sum);
  if (threadIdx.x == 0) {
    parts[blockIdx.x * kParts + blockIdx.y] = sum;
    __threadfence();
    last = atomicAdd(&arrived[blockIdx.x], 1u) == kParts - 1;
  }
  __syncthreads();
  if (!last) return;
  __threadfence();
  sum = 0.0f;
  for (int part = 0; part < kParts; ++part) sum += __ldcg(&parts[blockIdx.x * kParts + part]);
  const float rstd = rsqrtf(sum / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    out[blockIdx.x * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
  if (threadIdx.x == 0) arrived[blockIdx.x] = 0;
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  for (int64_t first = 0; first < rows; first += kMostRows) {
    const dim3 grid(rows - first < kMostRows ? rows - first : kMostRows, kParts);
    const int64_t offset = first * hidden_size;
    norm_row<<<grid, 32, 0, stream>>>(out + offset, x + offset, weight, hidden_size, eps);
  }
}
