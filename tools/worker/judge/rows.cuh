// How the rows of a matrix are walked: by warps where they are narrow, by blocks where they are
// not.
#pragma once

#include "case.cuh"

constexpr int32_t kThreads = 256;
constexpr int32_t kWarpThreads = 32;
constexpr uint32_t kAllLanes = 0xffffffffu;

// The rows of this thread's group (a warp, or the block), and its place in the group.
struct row_walk {
  int64_t first, step;
  uint32_t lane, width;
};

// The same for all threads of a group: barriers and shuffles may stand in the loop over rows.
__device__ inline row_walk walk_rows(int32_t threads_per_row) {
  const int64_t groups_per_block = kThreads / threads_per_row;
  return {int64_t(blockIdx.x) * groups_per_block + int64_t(threadIdx.x) / threads_per_row,
          int64_t(gridDim.x) * groups_per_block, threadIdx.x % uint32_t(threads_per_row),
          uint32_t(threads_per_row)};
}

// The first element of a row, as the C entry point's contract computes it.
__device__ inline int64_t row_start(const judge_layout& layout, int64_t row) {
  if (layout.rows_per_group == 0) return layout.first_element + row * layout.row_stride;
  return layout.first_element + (row / layout.rows_per_group) * layout.group_stride +
         (row % layout.rows_per_group) * layout.row_stride;
}

// What lies before row `place`, or behind the last row: elements begin to end.
struct gap {
  int64_t begin, end;
};

__device__ inline gap gap_before(const judge_layout& layout, int64_t rows, int64_t columns,
                                 int64_t place) {
  return {place == 0 ? 0 : row_start(layout, place - 1) + columns,
          place < rows ? row_start(layout, place) : layout.buffer_elements};
}

// Of a gap longer than kLongestGap only both ends are used: canaryRanges of validate/canaries.ts.
constexpr int64_t kLongestGap = 1 << 20;
constexpr int64_t kUsedOfLongGaps = 1 << 12;

template <typename Visit>
__device__ void visit_gap(const gap& g, const row_walk& walk, Visit visit) {
  const bool is_long = g.end - g.begin > kLongestGap;
  const int64_t used = is_long ? 2 * kUsedOfLongGaps : g.end - g.begin;
  for (int64_t i = walk.lane; i < used; i += walk.width) {
    const bool from_end = is_long && i >= kUsedOfLongGaps;
    visit(from_end ? g.end - 2 * kUsedOfLongGaps + i : g.begin + i);
  }
}

// The sum over a group, in an order that never changes. Every thread of the group gets it.
__device__ __noinline__ double group_sum(double value, uint32_t width) {
  __shared__ double sums[kThreads / kWarpThreads];
  for (int32_t distance = kWarpThreads / 2; distance > 0; distance /= 2) {
    value = __dadd_rn(value, __shfl_xor_sync(kAllLanes, value, distance));
  }
  if (width == kWarpThreads) return value;
  if (threadIdx.x % kWarpThreads == 0) sums[threadIdx.x / kWarpThreads] = value;
  __syncthreads();
  double sum = 0;
  for (int32_t warp = 0; warp < kThreads / kWarpThreads; ++warp) sum = __dadd_rn(sum, sums[warp]);
  __syncthreads();
  return sum;
}

__device__ inline bool group_any(bool value, uint32_t width) {
  if (width == kWarpThreads) return __any_sync(kAllLanes, value);
  return __syncthreads_or(value);
}

// Adds up a warp's counts, and one lane adds the sum to the total. All lanes of the warp call it.
__device__ __noinline__ void add_to(uint64_t* total, uint64_t count) {
  for (int32_t distance = kWarpThreads / 2; distance > 0; distance /= 2) {
    count += __shfl_xor_sync(kAllLanes, count, distance);
  }
  if (threadIdx.x % kWarpThreads == 0 && count > 0) {
    atomicAdd(reinterpret_cast<unsigned long long*>(total), count);
  }
}

__device__ __noinline__ void raise_to(uint64_t* greatest, uint64_t value) {
  for (int32_t distance = kWarpThreads / 2; distance > 0; distance /= 2) {
    const uint64_t other = __shfl_xor_sync(kAllLanes, value, distance);
    value = other > value ? other : value;
  }
  if (threadIdx.x % kWarpThreads == 0 && value > 0) {
    atomicMax(reinterpret_cast<unsigned long long*>(greatest), value);
  }
}
