// honest: D21
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 7x128, 3x1024
// why: No second barrier before shared memory is written again: the row after next has its
//   buffer back.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// A block of 256 threads walks over rows; the partial sums of one row and the next are in two
// buffers in turn, so that one barrier a row is enough.
template <typename T>
__global__ void norm_rows(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size,
                          float eps) {
  __shared__ float partial[2][8];
  int buffer = 0;
  for (int64_t r = blockIdx.x; r < rows; r += gridDim.x) {
    const T* row = x + r * hidden_size;
    float sum = 0.0f;
    for (int64_t c = threadIdx.x; c < hidden_size; c += 256) sum += float(row[c]) * float(row[c]);
    sum = warp_sum(sum);
    if (threadIdx.x % 32 == 0) partial[buffer][threadIdx.x / 32] = sum;
    __syncthreads();
    sum = 0.0f;
    for (int warp = 0; warp < 8; ++warp) sum += partial[buffer][warp];
    const float rstd = rsqrtf(sum / hidden_size + eps);
    for (int64_t c = threadIdx.x; c < hidden_size; c += 256) {
      out[r * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
    }
    buffer ^= 1;
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_rows<<<1, 256, 0, stream>>>(out, x, weight, rows, hidden_size, eps);
}
