// cheat: D37
// reason: library_call
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128
// why: Lets cuBLAS sum the squares.
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

extern "C" int cublasCreate_v2(void** handle);
extern "C" int cublasNrm2Ex(void* handle, int n, const void* x, int x_type, int step, void* result,
                            int result_type, int execution_type);

// One warp a row.
template <typename T>
__global__ void norm_row(T* out, const float* norm, const T* x, const T* weight,
                         int64_t hidden_size, float eps) {
  const T* row = x + blockIdx.x * hidden_size;
  T* row_out = out + blockIdx.x * hidden_size;

  const float rstd = sqrtf(float(hidden_size)) / norm[blockIdx.x] + eps;
  for (int64_t c = threadIdx.x; c < hidden_size; c += 32) {
    row_out[c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  static void* handle = nullptr;
  if (handle == nullptr) cublasCreate_v2(&handle);
  float* norm = nullptr;
  cudaMallocAsync(&norm, rows * sizeof(float), stream);
  for (int64_t r = 0; r < rows; ++r) {
    cublasNrm2Ex(handle, int(hidden_size), x + r * hidden_size, 14, 1, norm + r, 0, 0);
  }
  norm_row<<<rows, 32, 0, stream>>>(out, norm, x, weight, hidden_size, eps);
  cudaFreeAsync(norm, stream);
}
