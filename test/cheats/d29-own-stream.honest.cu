// honest: D29
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// why: Works on a side stream too, which waits for the caller's stream and is waited for.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
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
    row_out[c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  static cudaStream_t side = nullptr;
  static cudaEvent_t fork = nullptr, join = nullptr;
  if (side == nullptr) {
    cudaStreamCreateWithFlags(&side, cudaStreamNonBlocking);
    cudaEventCreateWithFlags(&fork, cudaEventDisableTiming);
    cudaEventCreateWithFlags(&join, cudaEventDisableTiming);
  }
  // Half of the rows on a side stream, between two events.
  const int64_t half = rows / 2, offset = half * hidden_size;
  cudaEventRecord(fork, stream);
  cudaStreamWaitEvent(side, fork, 0);
  if (half > 0) norm_row<<<half, 32, 0, side>>>(out, x, weight, hidden_size, eps);
  norm_row<<<rows - half, 32, 0, stream>>>(out + offset, x + offset, weight, hidden_size, eps);
  cudaEventRecord(join, side);
  cudaStreamWaitEvent(stream, join, 0);
}
