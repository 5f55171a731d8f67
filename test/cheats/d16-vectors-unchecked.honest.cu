// honest: D16
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 3x129, 31x1024
// why: The same vectors, after a look at sizes and addresses; else one element at a time.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// One warp a row, 16 bytes at a time.
template <typename T>
__global__ void norm_row_vectors(T* out, const T* x, const T* weight, int64_t hidden_size,
                                 float eps) {
  constexpr int kSize = 16 / sizeof(T);
  const uint4* row = reinterpret_cast<const uint4*>(x + blockIdx.x * hidden_size);
  uint4* row_out = reinterpret_cast<uint4*>(out + blockIdx.x * hidden_size);
  const uint4* scale = reinterpret_cast<const uint4*>(weight);
  float sum = 0.0f;
  for (int64_t v = threadIdx.x; v < hidden_size / kSize; v += 32) {
    const uint4 packed = row[v];
    const T* values = reinterpret_cast<const T*>(&packed);
    for (int i = 0; i < kSize; ++i) sum += float(values[i]) * float(values[i]);
  }
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t v = threadIdx.x; v < hidden_size / kSize; v += 32) {
    uint4 packed = row[v];
    const uint4 packed_scale = scale[v];
    T* values = reinterpret_cast<T*>(&packed);
    const T* scales = reinterpret_cast<const T*>(&packed_scale);
    for (int i = 0; i < kSize; ++i) values[i] = T(float(values[i]) * rstd * float(scales[i]));
    row_out[v] = packed;
  }
}

// One warp a row.
template <typename T>
__global__ void norm_row_scalar(T* out, const T* x, const T* weight, int64_t hidden_size,
                                float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  T* row_out = out + blockIdx.x * hidden_size;
  float sum = 0.0f;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) sum += float(row[c]) * float(row[c]);
  const float rstd = rsqrtf(warp_sum(sum) / hidden_size + eps);
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

bool aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  if (hidden_size % (16 / sizeof(T)) == 0 && aligned(out) && aligned(x) && aligned(weight)) {
    norm_row_vectors<<<rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
  } else {
    norm_row_scalar<<<rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
  }
}
