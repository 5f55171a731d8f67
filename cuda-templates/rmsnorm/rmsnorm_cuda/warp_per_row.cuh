// Rung 3, a warp per row: the row in the registers of one warp, so no shared memory and no barrier.
//
// Work split   Warp w of the grid owns rows w, w + warps, ...; lane l owns vectors l, l + 32, ...
// Traffic      x once, out once: 2 * rows * hidden_size * sizeof(T) bytes, the floor for this
//              operator. weight is shared by all rows and stays in cache.
// Numerics     problem.cuh.
// Requires     hidden_size a multiple of Vector<T>::kSize and at most kWarpVectors of them;
//              16-byte aligned rows of x, out and weight; a block of whole warps.
#pragma once

#include "common/reduction.cuh"
#include "problem.cuh"

constexpr int kVectorsPerLane = 4;
constexpr int kWarpVectors = kWarpSize * kVectorsPerLane;

// At least this many threads share the registers of an SM: 128 for each.
constexpr int kThreadsPerSm = 512;

template <typename T, int kWarpsPerBlock>
__global__ void __launch_bounds__(kWarpsPerBlock* kWarpSize,
                                  kThreadsPerSm / (kWarpsPerBlock * kWarpSize))
    rmsnorm_warp_per_row(const Problem problem) {
  constexpr int kSize = Vector<T>::kSize;
  const int lane = threadIdx.x % kWarpSize;
  const int vectors = int(problem.hidden_size) / kSize;
  const int64_t warps = int64_t(gridDim.x) * kWarpsPerBlock;
  for (int64_t row = int64_t(blockIdx.x) * kWarpsPerBlock + threadIdx.x / kWarpSize;
       row < problem.rows; row += warps) {
    const RowStart start = start_of(problem.layout, row);
    const T* x = static_cast<const T*>(problem.x) + start.x;

    // 1. Issue all loads before the first use: their latencies overlap.
    Vector<T> held[kVectorsPerLane] = {};
    Vector<T> weight[kVectorsPerLane] = {};
#pragma unroll
    for (int v = 0; v < kVectorsPerLane; ++v) {
      const int vector = lane + v * kWarpSize;
      if (vector < vectors) held[v] = load_vector(x + vector * kSize, problem.streaming);
    }
#pragma unroll
    for (int v = 0; v < kVectorsPerLane; ++v) {
      const int vector = lane + v * kWarpSize;
      if (vector < vectors) weight[v] = load_weight<T>(problem, vector * kSize);
    }

    // 2. One sum, and so one rstd, for the whole row. Vectors past the end are zero.
    float sum = 0.0f;
#pragma unroll
    for (int v = 0; v < kVectorsPerLane; ++v) sum = add_squares(held[v], sum);
    const float rstd = rstd_of(problem, warp_sum(sum));
    store_rstd(problem, row, rstd, lane == 0);

    // 3. Scale in registers and store.
#pragma unroll
    for (int v = 0; v < kVectorsPerLane; ++v) {
      const int vector = lane + v * kWarpSize;
      if (vector >= vectors) break;
      float scale[kSize];
      scale_of(problem, vector * kSize, weight[v], scale);
      store_scaled<T>(problem, start.out, vector * kSize, held[v], rstd, scale);
    }
  }
}
