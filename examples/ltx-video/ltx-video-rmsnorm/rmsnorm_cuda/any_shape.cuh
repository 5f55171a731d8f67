// Rung 1, any shape: the naive kernel. One block per row, one element at a time, x read twice.
//
// Work split   Block b owns rows b, b + gridDim.x, ...; thread t owns elements t, t + blockDim.x
//              and so on.
// Traffic      x twice (the second time from cache while rows are short), out once. Neighbouring
//              threads touch neighbouring elements, but an access is one element wide: slow.
// Numerics     problem.cuh.
// Requires     Nothing: any hidden_size, any alignment, any stride. It takes what others cannot.
#pragma once

#include "common/reduction.cuh"
#include "problem.cuh"

constexpr int kAnyShapeThreads = 256;

template <typename T>
__global__ void __launch_bounds__(kAnyShapeThreads) rmsnorm_any_shape(const Problem problem) {
  __shared__ BlockSums sums;
  int turn = 0;
  for (int64_t row = blockIdx.x; row < problem.rows; row += gridDim.x, turn ^= 1) {
    const RowStart start = start_of(problem.layout, row);
    const T* x = static_cast<const T*>(problem.x) + start.x;

    // 1. Sum the squares.
    float sum = 0.0f;
#pragma unroll 4
    for (int64_t column = threadIdx.x; column < problem.hidden_size; column += blockDim.x) {
      const float value = to_float(load_element(x + column));
      sum = __fmaf_rn(value, value, sum);
    }

    // 2. One sum, and so one rstd, for the whole row.
    const float rstd = rstd_of(problem, block_sum(sum, sums, turn));
    store_rstd(problem, row, rstd, threadIdx.x == 0);

    // 3. Read the row again, scale and store.
#pragma unroll 4
    for (int64_t column = threadIdx.x; column < problem.hidden_size; column += blockDim.x) {
      store_scaled_element(problem, start.out, column, load_element(x + column), rstd);
    }
  }
}
