// Small kernels as people write them: each `bad_` kernel has one fault of synchronisation or
// initialisation, at the line marked `<- found` (the earlier access at `<- other`), and its `good_`
// twin beside it has none. All are launched with blocks of 128 threads; `in` holds 4096 floats, of
// which those from 1024 on were never written.
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_pipeline.h>

namespace cg = cooperative_groups;

__device__ float warp_sum(float v) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1) v += __shfl_xor_sync(0xffffffffu, v, offset);
  return v;
}

// ---- sums over a block

extern "C" __global__ void good_block_sum(float* out, const float* in) {
  __shared__ float partial[32];
  const float sum = warp_sum(in[threadIdx.x]);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  float total = threadIdx.x % 32 < blockDim.x / 32 ? partial[threadIdx.x % 32] : 0.0f;
  total = warp_sum(total);
  out[blockIdx.x * blockDim.x + threadIdx.x] = total;
}

extern "C" __global__ void bad_block_sum_without_barrier(float* out, const float* in) {
  __shared__ float partial[32];
  const float sum = warp_sum(in[threadIdx.x]);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;                           // <- found
  float total = threadIdx.x % 32 < blockDim.x / 32 ? partial[threadIdx.x % 32] : 0.0f;  // <- other
  total = warp_sum(total);
  out[blockIdx.x * blockDim.x + threadIdx.x] = total;
}

extern "C" __global__ void bad_block_sum_of_32_warps(float* out, const float* in) {
  __shared__ float partial[32];
  const float sum = warp_sum(in[threadIdx.x]);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  const float total = warp_sum(partial[threadIdx.x % 32]);  // <- found
  out[blockIdx.x * blockDim.x + threadIdx.x] = total;
}

// ---- one buffer used for two sums

__device__ float block_sum(float v, float* partial, bool wait_first) {
  v = warp_sum(v);
  if (wait_first) __syncthreads();
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = v;  // <- bad_two_sums
  __syncthreads();
  float total = 0.0f;
  for (int i = 0; i < blockDim.x / 32; ++i) total += partial[i];
  return total;
}

extern "C" __global__ void good_two_sums(float* out, const float* in) {
  __shared__ float partial[32];
  const float mean = block_sum(in[threadIdx.x], partial, false) / blockDim.x;
  const float d = in[threadIdx.x] - mean;
  out[threadIdx.x] = block_sum(d * d, partial, true);
}

extern "C" __global__ void good_two_sums_two_buffers(float* out, const float* in) {
  __shared__ float partial[2][32];
  const float mean = block_sum(in[threadIdx.x], partial[0], false) / blockDim.x;
  const float d = in[threadIdx.x] - mean;
  out[threadIdx.x] = block_sum(d * d, partial[1], false);
}

extern "C" __global__ void bad_two_sums(float* out, const float* in) {
  __shared__ float partial[32];
  const float mean = block_sum(in[threadIdx.x], partial, false) / blockDim.x;
  const float d = in[threadIdx.x] - mean;
  out[threadIdx.x] = block_sum(d * d, partial, false);
}

// ---- a result that one thread computes for all

extern "C" __global__ void good_broadcast(float* out, const float* in) {
  __shared__ float scale;
  if (threadIdx.x == 0) scale = rsqrtf(in[0] + 1.0f);
  __syncthreads();
  out[threadIdx.x] = in[threadIdx.x] * scale;
}

extern "C" __global__ void bad_broadcast(float* out, const float* in) {
  __shared__ float scale;
  if (threadIdx.x == 0) scale = rsqrtf(in[0] + 1.0f);  // <- other
  out[threadIdx.x] = in[threadIdx.x] * scale;          // <- found
}

/** A load that the compiler may run before the condition: its value is then not used. */
extern "C" __global__ void good_maybe_broadcast(float* out, const float* in) {
  __shared__ float scale;
  const bool scaled = in[1] > 0.5f;
  if (scaled && threadIdx.x == 0) scale = in[0];
  __syncthreads();
  out[threadIdx.x] = scaled ? in[threadIdx.x] * scale : in[threadIdx.x];
}

// ---- rounds through two buffers with one barrier a round

extern "C" __global__ void good_double_buffer(float* out, const float* in) {
  __shared__ float rows[2][128];
  float sum = 0.0f;
  for (int i = 0; i < 6; ++i) {
    rows[i & 1][threadIdx.x] = in[i * 128 + threadIdx.x];
    __syncthreads();
    sum += rows[i & 1][127 - threadIdx.x];
  }
  out[threadIdx.x] = sum;
}

extern "C" __global__ void bad_single_buffer(float* out, const float* in) {
  __shared__ float rows[128];
  float sum = 0.0f;
#pragma unroll 1
  for (int i = 0; i < 6; ++i) {
    rows[threadIdx.x] = in[i * 128 + threadIdx.x];
    __syncthreads();
    sum += rows[127 - threadIdx.x];
  }
  out[threadIdx.x] = sum;
}

// ---- warps by themselves

extern "C" __global__ void good_warp_exchange(float* out, const float* in) {
  __shared__ float row[128];
  row[threadIdx.x] = in[threadIdx.x];
  __syncwarp();
  out[threadIdx.x] = row[threadIdx.x ^ 1];
}

extern "C" __global__ void warned_warp_exchange(float* out, const float* in) {
  __shared__ float row[128];
  row[threadIdx.x] = in[threadIdx.x];       // <- other
  out[threadIdx.x] = row[threadIdx.x ^ 1];  // <- found
}

extern "C" __global__ void good_tiles(float* out, const float* in) {
  __shared__ float row[128];
  auto tile = cg::tiled_partition<8>(cg::this_thread_block());
  row[threadIdx.x] = in[threadIdx.x];
  tile.sync();
  float v = row[threadIdx.x ^ 7];
  for (int offset = 4; offset > 0; offset >>= 1) v += tile.shfl_down(v, offset);
  out[threadIdx.x] = v;
}

// ---- named barriers: two warps load, two compute

__device__ void wait_at(int id) { asm volatile("bar.sync %0, 128;" ::"r"(id) : "memory"); }
__device__ void arrive_at(int id) { asm volatile("bar.arrive %0, 128;" ::"r"(id) : "memory"); }

extern "C" __global__ void good_producer_consumer(float* out, const float* in) {
  __shared__ float rows[2][64];
  const int lane = threadIdx.x % 64;
  if (threadIdx.x < 64) {
    for (int i = 0; i < 6; ++i) {
      if (i > 1) wait_at(3 + (i & 1));
      rows[i & 1][lane] = in[i * 64 + lane];
      arrive_at(1 + (i & 1));
    }
  } else {
    float sum = 0.0f;
    for (int i = 0; i < 6; ++i) {
      wait_at(1 + (i & 1));
      sum += rows[i & 1][63 - lane];
      if (i < 4) arrive_at(3 + (i & 1));
    }
    out[lane] = sum;
  }
}

extern "C" __global__ void bad_producer_consumer(float* out, const float* in) {
  __shared__ float rows[2][64];
  const int lane = threadIdx.x % 64;
  if (threadIdx.x < 64) {
    for (int i = 0; i < 4; ++i) {
      rows[i & 1][lane] = in[i * 64 + lane];
      arrive_at(1 + i);
    }
  } else {
    float sum = 0.0f;
    for (int i = 0; i < 4; ++i) {
      wait_at(1 + i);
      sum += rows[i & 1][63 - lane];
    }
    out[lane] = sum;
  }
}

// ---- atomics

extern "C" __global__ void good_atomic_sum(float* out, const float* in) {
  __shared__ float sum;
  __shared__ int largest;
  if (threadIdx.x == 0) {
    sum = 0.0f;
    largest = 0;
  }
  __syncthreads();
  atomicAdd(&sum, in[threadIdx.x]);
  atomicMax(&largest, int(in[threadIdx.x] * 100.0f));
  __syncthreads();
  out[threadIdx.x] = sum + largest;
}

extern "C" __global__ void bad_atomic_sum(float* out, const float* in) {
  __shared__ float sum;
  if (threadIdx.x == 0) sum = 0.0f;
  atomicAdd(&sum, in[threadIdx.x]);
  __syncthreads();
  out[threadIdx.x] = sum;
}

// ---- asynchronous copies

extern "C" __global__ void good_async_copy(float* out, const float* in) {
  __shared__ alignas(16) float row[512];
  __pipeline_memcpy_async(row + threadIdx.x * 4, in + threadIdx.x * 4, 16);
  __pipeline_commit();
  __pipeline_wait_prior(0);
  __syncthreads();
  out[threadIdx.x] = row[511 - threadIdx.x];
}

extern "C" __global__ void good_async_pipeline(float* out, const float* in) {
  __shared__ alignas(16) float rows[2][512];
  float sum = 0.0f;
  __pipeline_memcpy_async(rows[0] + threadIdx.x * 4, in + threadIdx.x * 4, 16);
  __pipeline_commit();
  for (int i = 0; i < 2; ++i) {
    if (i < 1)
      __pipeline_memcpy_async(rows[i + 1 & 1] + threadIdx.x * 4,
                              in + (i + 1) * 512 + threadIdx.x * 4, 16);
    __pipeline_commit();
    __pipeline_wait_prior(1);
    __syncthreads();
    sum += rows[i & 1][511 - threadIdx.x];
    __syncthreads();
  }
  out[threadIdx.x] = sum;
}

extern "C" __global__ void bad_async_copy(float* out, const float* in) {
  __shared__ alignas(16) float row[512];
  __pipeline_memcpy_async(row + threadIdx.x * 4, in + threadIdx.x * 4, 16);
  __pipeline_commit();
  __syncthreads();
  out[threadIdx.x] = row[511 - threadIdx.x];  // <- found
}

// ---- barriers in divergent code

extern "C" __global__ void bad_barrier_for_half(float* out, const float* in) {
  __shared__ float row[128];
  row[threadIdx.x] = in[threadIdx.x];
  float v = row[threadIdx.x];
  if (threadIdx.x < 64) {
    __syncthreads();  // <- found
    v += row[63 - threadIdx.x];
  }
  out[threadIdx.x] = v;
}

extern "C" __global__ void good_early_exit(float* out, const float* in) {
  __shared__ float row[128];
  row[threadIdx.x] = in[threadIdx.x];
  if (threadIdx.x >= 100) return;
  __syncthreads();
  out[threadIdx.x] = row[99 - threadIdx.x];
}

// ---- memory that nobody wrote

extern "C" __global__ void bad_uninitialised_local(float* out, const float* in) {
  float values[8];
  const int n = int(in[0]) + 3;
  for (int i = 0; i < n; ++i) values[i] = in[i];
  float sum = 0.0f;
  for (int i = 0; i <= n; ++i) sum += values[i & 7];
  out[threadIdx.x] = sum;
}

extern "C" __global__ void good_local(float* out, const float* in) {
  float values[8];
  const int n = int(in[0]) + 3;
  for (int i = 0; i < n; ++i) values[i] = in[i];
  float sum = 0.0f;
  for (int i = 0; i < n; ++i) sum += values[i & 7];
  out[threadIdx.x] = sum;
}

extern "C" __global__ void bad_reads_output(float* out, const float* in) {
  out[threadIdx.x] += in[threadIdx.x];  // <- found
}

extern "C" __global__ void bad_reads_past_the_row(float* out, const float* in) {
  out[threadIdx.x] = in[1024 - 64 + threadIdx.x];  // <- found
}

// ---- shuffles

extern "C" __global__ void bad_shuffle_in_branch(float* out, const float* in) {
  float v = in[threadIdx.x];
  if (threadIdx.x % 32 < 20) v += __shfl_xor_sync(0x000fffffu, v, 16);  // <- found
  out[threadIdx.x] = v;
}

// ---- halves side by side

extern "C" __global__ void good_halves(float* out, const float* in) {
  __shared__ __nv_bfloat16 row[256];
  row[threadIdx.x] = __float2bfloat16(in[threadIdx.x]);
  row[threadIdx.x + 128] = __float2bfloat16(in[threadIdx.x]);
  __syncthreads();
  const float2 v =
      __bfloat1622float2(reinterpret_cast<const __nv_bfloat162*>(row)[127 - threadIdx.x]);
  out[threadIdx.x] = v.x + v.y;
}
