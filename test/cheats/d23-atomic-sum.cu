// cheat: D23
// reason: nondeterministic
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: float32
// shapes: 4x1024, 8x4096
// why: Adds floats atomically, in the order in which threads come: other bits from run to run.
#include <cuda_runtime.h>
#include <stdint.h>

// A block of 256 threads a row.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += blockDim.x) {
    sum += float(row[c]) * float(row[c]);
  }
  __shared__ float total;
  if (threadIdx.x == 0) total = 0.0f;
  __syncthreads();
  atomicAdd(&total, sum);
  __syncthreads();
  sum = total;
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
