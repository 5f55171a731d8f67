// honest: D24
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 3x128, 2x1024
// why: Allocates its workspace in the first call and clears it once; the last block of each row
//   resets what it counted, so that every call finds it as the first one did.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

constexpr int kParts = 4;
constexpr int kMostRows = 4096;

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// Four blocks of a warp sum a part of the row each; the one that comes last writes the row.
template <typename T>
__global__ void split_row(T* out, const T* x, const T* weight, float* partial, unsigned* tickets,
                          int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = blockIdx.y * 32 + threadIdx.x; c < hidden_size; c += 32 * kParts) {
    sum += float(row[c]) * float(row[c]);
  }
  sum = warp_sum(sum);
  unsigned ticket = 0;
  if (threadIdx.x == 0) {
    partial[blockIdx.x * kParts + blockIdx.y] = sum;
    __threadfence();
    ticket = atomicAdd(&tickets[blockIdx.x], 1u);
  }
  if (__shfl_sync(0xffffffffu, ticket, 0) != kParts - 1) return;
  __threadfence();
  sum = 0.0f;
  for (int part = 0; part < kParts; ++part) {
    sum += *static_cast<volatile float*>(&partial[blockIdx.x * kParts + part]);
  }
  const float rstd = rsqrtf(sum / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    out[blockIdx.x * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
  if (threadIdx.x == 0) tickets[blockIdx.x] = 0;
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  static float* partial = nullptr;
  static unsigned* tickets = nullptr;
  if (rows == 0) return;
  if (partial == nullptr) {
    cudaMalloc(&partial, kMostRows * kParts * sizeof(float));
    cudaMalloc(&tickets, kMostRows * sizeof(unsigned));
    cudaMemsetAsync(tickets, 0, kMostRows * sizeof(unsigned), stream);
  }
  const dim3 grid(rows, kParts);
  split_row<<<grid, 32, 0, stream>>>(out, x, weight, partial, tickets, hidden_size, eps);
}
