// Rung 4, several rows per warp: for the narrow rows of a norm per head, one vector wide per lane.
//
// Work split   A group of lanes_per_row lanes owns a row, one vector a lane. A warp takes
//              32 / lanes_per_row rows at a time and kRowsInFlight times as many before it reduces:
//              one narrow row alone has too few bytes in flight to hide memory latency.
// Traffic      x once, out once: the floor. weight is read once a warp and kept in registers.
// Numerics     problem.cuh.
// Requires     hidden_size a multiple of Vector<T>::kSize, at most 32 of them; lanes_per_row the
//              next power of two; 16-byte aligned rows of x, out and weight; whole warps.
#pragma once

#include "common/reduction.cuh"
#include "problem.cuh"

template <typename T, int kWarpsPerBlock, int kRowsInFlight>
__global__ void __launch_bounds__(kWarpsPerBlock* kWarpSize)
    rmsnorm_several_rows_per_warp(const Problem problem) {
  constexpr int kSize = Vector<T>::kSize;
  const int lanes = problem.lanes_per_row;
  const int rows_side_by_side = kWarpSize / lanes;
  const int group = threadIdx.x % kWarpSize / lanes;
  const int column = threadIdx.x % lanes * kSize;
  const bool has_column = column < problem.hidden_size;

  float scale[kSize];
  if (has_column) scale_of(problem, column, load_weight<T>(problem, column), scale);

  // The whole warp stays in the loop until its last row: the shuffles need every lane.
  const int64_t rows_per_warp = rows_side_by_side * kRowsInFlight;
  const int64_t warp = int64_t(blockIdx.x) * kWarpsPerBlock + threadIdx.x / kWarpSize;
  const int64_t step = int64_t(gridDim.x) * kWarpsPerBlock * rows_per_warp;
  for (int64_t first = warp * rows_per_warp; first < problem.rows; first += step) {
    // 1. Issue all loads before the first use. Neighbouring groups take neighbouring rows.
    Vector<T> held[kRowsInFlight] = {};
    int64_t out_row[kRowsInFlight];
#pragma unroll
    for (int r = 0; r < kRowsInFlight; ++r) {
      const int64_t row = first + r * rows_side_by_side + group;
      if (row < problem.rows && has_column) {
        const RowStart start = start_of(problem.layout, row);
        const T* x = static_cast<const T*>(problem.x) + start.x;
        held[r] = load_vector(x + column, problem.streaming);
        out_row[r] = start.out;
      }
    }

    // 2. One sum, and so one rstd, a row; then scale in registers and store.
#pragma unroll
    for (int r = 0; r < kRowsInFlight; ++r) {
      const int64_t row = first + r * rows_side_by_side + group;
      const float rstd = rstd_of(problem, group_sum(add_squares(held[r], 0.0f), lanes));
      if (row < problem.rows && has_column) {
        store_rstd(problem, row, rstd, column == 0);
        store_scaled<T>(problem, out_row[r], column, held[r], rstd, scale);
      }
    }
  }
}
