// honest: D21
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 3x16, 7x1024
// why: Half of the last warp leaves early, and the masks of the other half do not name it.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

// Sixteen lanes a row, two rows a warp: each half shuffles under its own mask.
template <typename T>
__global__ void norm_two_rows(T* out, const T* x, const T* weight, int64_t rows,
                              int64_t hidden_size, float eps) {
  const int lane = threadIdx.x % 16;
  const int64_t r = blockIdx.x * int64_t(2) + threadIdx.x / 16;
  if (r >= rows) return;
  const uint32_t mask = threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u;
  const T* row = x + r * hidden_size;
  float sum = 0.0f;
  for (int64_t c = lane; c < hidden_size; c += 16) sum += float(row[c]) * float(row[c]);
  for (int other = 8; other > 0; other /= 2) sum += __shfl_xor_sync(mask, sum, other);
  const float rstd = rsqrtf(sum / hidden_size + eps);
  for (int64_t c = lane; c < hidden_size; c += 16) {
    out[r * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_two_rows<<<(rows + 1) / 2, 32, 0, stream>>>(out, x, weight, rows, hidden_size, eps);
}
