// honest: D69
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 3x128, 70x127
// why: No cooperation at all, and a sum in double.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

// One thread a row, as a first try is written: slow, and right.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size,
                         float eps) {
  const int64_t r = blockIdx.x * int64_t(blockDim.x) + threadIdx.x;
  if (r >= rows) return;
  double sum = 0.0;
  for (int64_t c = 0; c < hidden_size; ++c) {
    const double value = float(x[r * hidden_size + c]);
    sum += value * value;
  }
  const float rstd = float(1.0 / sqrt(sum / hidden_size + eps));
  for (int64_t c = 0; c < hidden_size; ++c) {
    const int64_t at = r * hidden_size + c;
    out[at] = T(float(x[at]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<(rows + 63) / 64, 64, 0, stream>>>(out, x, weight, rows, hidden_size, eps);
}
