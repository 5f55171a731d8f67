// Rung 5, the row in registers: one block per row, the row held between its two uses.
//
// Work split   Block b owns rows b, b + gridDim.x, ...; thread t owns vectors t, t + blockDim.x
//              and so on.
// Traffic      x once, out once: 2 * rows * hidden_size * sizeof(T) bytes, the floor for this
//              operator. weight is shared by all rows and stays in cache.
// Numerics     problem.cuh.
// Requires     hidden_size a multiple of Vector<T>::kSize, at most blockDim.x * kVectorsPerThread
//              of them; 16-byte aligned rows of x, out and weight; a block of whole warps.
#pragma once

#include "common/reduction.cuh"
#include "problem.cuh"

// Vectors of the widest row that a block's registers hold, however many each thread has: half of
// the register file for x and weight, the other half for the arithmetic.
constexpr int kBlockVectors = 2048;

template <typename T, int kVectorsPerThread>
__global__ void __launch_bounds__(kBlockVectors / kVectorsPerThread)
    rmsnorm_row_in_registers(const Problem problem) {
  constexpr int kSize = Vector<T>::kSize;
  const int vectors = int(problem.hidden_size) / kSize;
  __shared__ BlockSums sums;
  int turn = 0;
  for (int64_t row = blockIdx.x; row < problem.rows; row += gridDim.x, turn ^= 1) {
    const RowStart start = start_of(problem.layout, row);
    const T* x = static_cast<const T*>(problem.x) + start.x;

    // 1. Issue all loads before the first use: their latencies overlap.
    Vector<T> held[kVectorsPerThread] = {};
    Vector<T> weight[kVectorsPerThread] = {};
#pragma unroll
    for (int v = 0; v < kVectorsPerThread; ++v) {
      const int vector = threadIdx.x + v * blockDim.x;
      if (vector < vectors) held[v] = load_vector(x + vector * kSize, problem.streaming);
    }
#pragma unroll
    for (int v = 0; v < kVectorsPerThread; ++v) {
      const int vector = threadIdx.x + v * blockDim.x;
      if (vector < vectors) weight[v] = load_weight<T>(problem, vector * kSize);
    }

    // 2. One sum, and so one rstd, for the whole row. Vectors past the end are zero.
    float sum = 0.0f;
#pragma unroll
    for (int v = 0; v < kVectorsPerThread; ++v) sum = add_squares(held[v], sum);
    const float rstd = rstd_of(problem, block_sum(sum, sums, turn));
    store_rstd(problem, row, rstd, threadIdx.x == 0);

    // 3. Scale in registers and store.
#pragma unroll
    for (int v = 0; v < kVectorsPerThread; ++v) {
      const int vector = threadIdx.x + v * blockDim.x;
      if (vector >= vectors) break;
      float scale[kSize];
      scale_of(problem, vector * kSize, weight[v], scale);
      store_scaled<T>(problem, start.out, vector * kSize, held[v], rstd, scale);
    }
  }
}
