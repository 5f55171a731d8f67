// cheat: D21
// reason: missing_lanes
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x20, 3x1024
// why: Names the lanes that have a column, and reads from lanes beyond them; rows of 32 and
//   more are right.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

// One warp a row: of a short row only the lanes that have a column.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  const uint32_t mask = hidden_size < 32 ? (1u << hidden_size) - 1 : 0xffffffffu;
  if (threadIdx.x >= hidden_size) return;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  for (int lane = 16; lane > 0; lane /= 2) sum += __shfl_xor_sync(mask, sum, lane);
  const float rstd = rsqrtf(sum / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    out[blockIdx.x * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
}
