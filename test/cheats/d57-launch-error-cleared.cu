// cheat: D57
// reason: launch_error_swallowed
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 2x4096
// why: A block of hidden_size threads is refused beyond 1024, and the error is thrown away: the
//   output stays as it was.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

// One thread a column.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = 0; c < hidden_size; ++c) sum += float(row[c]) * float(row[c]);
  const float rstd = rsqrtf(sum / hidden_size + eps);
  const int64_t c = threadIdx.x;
  out[blockIdx.x * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_row<<<rows, hidden_size, 0, stream>>>(out, x, weight, hidden_size, eps);
  cudaGetLastError();  // forgets that 4096 threads are too many
}
