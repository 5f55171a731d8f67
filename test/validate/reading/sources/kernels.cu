// One kernel for each thing that PTX shows, bad and honest.
#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>
#include <cstdio>

// Offsets of rows.
__global__ void offset_in_int(float* out, const float* x, int hidden_size) {
  const int row = blockIdx.x;
  out[row * hidden_size + threadIdx.x] = x[row * hidden_size + threadIdx.x];
}
__global__ void offset_in_unsigned(float* out, const float* x, unsigned hidden_size) {
  for (unsigned c = threadIdx.x; c < hidden_size; c += blockDim.x) {
    out[blockIdx.x * hidden_size + c] = x[blockIdx.x * hidden_size + c];
  }
}
__global__ void offset_of_fixed_size(float4* out, const float4* x) {
  out[blockIdx.x * 1024u + threadIdx.x] = x[blockIdx.x * 1024u + threadIdx.x];
}
__global__ void offset_after_stride(float* out, const float* x, int rows, int hidden_size) {
  for (int row = blockIdx.x; row < rows; row += gridDim.x) {
    const float* from = x + row * hidden_size;
    out[row] = from[threadIdx.x];
  }
}
__global__ void honest_offset(float* out, const float* x, int hidden_size) {
  const int64_t start = int64_t(blockIdx.x) * hidden_size;
  out[start + threadIdx.x] = x[start + threadIdx.x];
}
__global__ void honest_pointer(float* out, const float* x, int64_t hidden_size) {
  const float* row = x + blockIdx.x * hidden_size;
  float* row_out = out + blockIdx.x * hidden_size;
  for (int c = threadIdx.x; c < hidden_size; c += blockDim.x) row_out[c] = row[c];
}
__global__ void honest_warp_per_row(float* out, const float* x, int rows, int64_t hidden_size) {
  const int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32;
  const int lane = threadIdx.x % 32;
  if (row < rows) out[row * hidden_size + lane] = x[row * hidden_size + lane];
}
__global__ void honest_tile_of_rows(float* out, const float* x, int64_t hidden_size) {
  const int row = blockIdx.x * 128 + threadIdx.x;
  out[row * hidden_size] = x[row * hidden_size];
}
__global__ void honest_thread_index(float* out, const float* x) {
  out[blockIdx.x * blockDim.x + threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
}

// Arithmetic.
__global__ void honest_rsqrt(float* out, float a, float b) { *out = rsqrtf(a) * expf(b) / a; }
__global__ void divides_approximately(float* out, float a, float b) { *out = __fdividef(a, b); }
__global__ void flushes_to_zero(float* out, float a) {
  asm("rsqrt.approx.ftz.f32 %0, %1;" : "=f"(*out) : "f"(a));
}
__global__ void fusable(float* out, float a, float b, float c) {
  asm("{ .reg .f32 p; mul.f32 p, %1, %2; add.f32 %0, p, %3; }"
      : "=f"(*out)
      : "f"(a), "f"(b), "f"(c));
}
__global__ void honest_fused(float* out, float a, float b, float c) { *out = __fmaf_rn(a, b, c); }
__global__ void honest_separate(float* out, float a, float b, float c) {
  *out = __fadd_rn(__fmul_rn(a, b), c);
}

// What kernels do besides computing.
__global__ void reads_clock(int64_t* out) { *out = clock64(); }
__global__ void prints(float a) { printf("%f\n", a); }
__global__ void allocates(float** out) { *out = static_cast<float*>(malloc(64)); }
__global__ void sums_atomically(float* out, float a) { atomicAdd(out, a); }
__global__ void sums_in_shared(float* out, float a) {
  __shared__ float sum;
  if (threadIdx.x == 0) sum = 0.0f;
  __syncthreads();
  atomicAdd(&sum, a);
  __syncthreads();
  *out = sum;
}
__global__ void honest_counter(int* out) { atomicAdd(out, 1); }

// For one generation only.
__global__ void only_newer(float* out) {
#if __CUDA_ARCH__ >= 800
  *out = 1.0f;
#endif
}
__global__ void honest_empty() {}
