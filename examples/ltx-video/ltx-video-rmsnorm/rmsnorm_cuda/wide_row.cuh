// Rung 2, wide rows: any_shape in 16-byte vectors, for rows that no block can hold in registers.
//
// Work split   Block b owns rows b, b + gridDim.x, ...; thread t owns vectors t, t + blockDim.x
//              and so on.
// Traffic      x twice: the second time from L2 while the rows in flight fit there. out once.
// Numerics     problem.cuh.
// Requires     hidden_size a multiple of Vector<T>::kSize; 16-byte aligned rows of x, out, weight.
#pragma once

#include "common/reduction.cuh"
#include "problem.cuh"

constexpr int kWideRowThreads = 1024;

template <typename T>
__global__ void __launch_bounds__(kWideRowThreads) rmsnorm_wide_row(const Problem problem) {
  constexpr int kSize = Vector<T>::kSize;
  const int64_t vectors = problem.hidden_size / kSize;
  __shared__ BlockSums sums;
  int turn = 0;
  for (int64_t row = blockIdx.x; row < problem.rows; row += gridDim.x, turn ^= 1) {
    const RowStart start = start_of(problem.layout, row);
    const T* x = static_cast<const T*>(problem.x) + start.x;

    // 1. Sum the squares. Not streaming: the row is read again at once.
    float sum = 0.0f;
#pragma unroll 4
    for (int64_t vector = threadIdx.x; vector < vectors; vector += blockDim.x) {
      sum = add_squares(load_vector(x + vector * kSize, false), sum);
    }

    // 2. One sum, and so one rstd, for the whole row.
    const float rstd = rstd_of(problem, block_sum(sum, sums, turn));
    store_rstd(problem, row, rstd, threadIdx.x == 0);

    // 3. Read the row again, scale and store.
#pragma unroll 1
    for (int64_t vector = threadIdx.x; vector < vectors; vector += blockDim.x) {
      const int64_t column = vector * kSize;
      float scale[kSize];
      scale_of(problem, column, load_weight<T>(problem, column), scale);
      store_scaled<T>(problem, start.out, column, load_vector(x + column, problem.streaming), rstd,
                      scale);
    }
  }
}
