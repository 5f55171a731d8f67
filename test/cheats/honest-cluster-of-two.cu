// honest: D69
// signature: rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)
// dtypes: bfloat16
// shapes: 2x128, 3x1024
// archs: sm_90
// without_gpu: inconclusive
// why: A thread block cluster that adds over distributed shared memory.
#include <cooperative_groups.h>
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <stdint.h>

__device__ float warp_sum(float value) {
  for (int lane = 16; lane > 0; lane /= 2) value += __shfl_xor_sync(0xffffffffu, value, lane);
  return value;
}

// Two blocks a row, which read each other's shared memory.
template <typename T>
__global__ void __cluster_dims__(2, 1, 1)
    norm_cluster(T* out, const T* x, const T* weight, int64_t hidden_size, float eps) {
  namespace cg = cooperative_groups;
  __shared__ float part;
  const cg::cluster_group cluster = cg::this_cluster();
  const int64_t r = blockIdx.x / 2, half = cluster.block_rank();
  const T* row = x + r * hidden_size;
  float sum = 0.0f;
  for (int64_t c = half * 32 + threadIdx.x; c < hidden_size; c += 64) {
    sum += float(row[c]) * float(row[c]);
  }
  sum = warp_sum(sum);
  if (threadIdx.x == 0) part = sum;
  cluster.sync();
  const float both = *cluster.map_shared_rank(&part, 0) + *cluster.map_shared_rank(&part, 1);
  cluster.sync();  // the other block may still read part
  const float rstd = rsqrtf(both / hidden_size + eps);
  for (int64_t c = half * 32 + threadIdx.x; c < hidden_size; c += 64) {
    out[r * hidden_size + c] = T(float(row[c]) * rstd * float(weight[c]));
  }
}

template <typename T>
void rmsnorm(T* out, const T* x, const T* weight, int64_t rows, int64_t hidden_size, float eps,
             cudaStream_t stream) {
  if (rows == 0) return;
  norm_cluster<<<2 * rows, 32, 0, stream>>>(out, x, weight, hidden_size, eps);
}
