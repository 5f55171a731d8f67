// Sums over the threads that share a row. Every one of them gets the same bits: a float32 sum
// depends on its order, and each of these has one fixed order.
#pragma once

#include <stdint.h>

constexpr int kWarpSize = 32;
constexpr int kMaxWarpsPerBlock = 32;
constexpr uint32_t kAllLanes = 0xffffffffu;

// Over groups of `lanes` neighbouring lanes (a power of two). All 32 lanes must call it together.
__device__ __forceinline__ float group_sum(float value, int lanes) {
  for (int distance = lanes / 2; distance > 0; distance /= 2) {
    value = __fadd_rn(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
  for (int distance = kWarpSize / 2; distance > 0; distance /= 2) {
    value = __fadd_rn(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  return value;
}

// Shared memory of block_sum. Two sets used in turn: a warp that is still reading one set cannot
// meet the next row's sums, because those go to the other and a barrier lies in between.
struct BlockSums {
  float of_warp[2][kMaxWarpsPerBlock];
};

// Over a block of whole warps. `turn` must alternate between 0 and 1 from call to call.
__device__ __forceinline__ float block_sum(float value, BlockSums& sums, int turn) {
  const int lane = threadIdx.x % kWarpSize;
  const int warp = threadIdx.x / kWarpSize;
  const int warps = blockDim.x / kWarpSize;
  value = warp_sum(value);
  if (lane == 0) sums.of_warp[turn][warp] = value;
  __syncthreads();
  return warp_sum(lane < warps ? sums.of_warp[turn][lane] : 0.0f);
}
