// honest: D69
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// archs: sm_90
// why: A launch with programmatic stream serialisation, and the waits that it asks for.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// Starts before the kernel ahead of it in the stream has ended, and waits before it reads.
template <typename T>
__global__ void norm_row(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
#if __CUDA_ARCH__ >= 900
  cudaGridDependencySynchronize();
#endif
  const T* row = x + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    out[blockIdx.x * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
#if __CUDA_ARCH__ >= 900
  cudaTriggerProgrammaticLaunchCompletion();
#endif
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
  attribute.val.programmaticStreamSerializationAllowed = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = dim3(rows);
  config.blockDim = dim3(32);
  config.stream = stream;
  config.attrs = &attribute;
  config.numAttrs = 1;
  cudaLaunchKernelEx(&config, norm_row<T>, out, x, weight, hidden_size, eps);
}
