// Rung 5, the row in registers: one block per row, the row held between its two uses.
//
// Work split   Block b owns rows b, b + gridDim.x, ...; thread t owns vectors t, t + blockDim.x,
// ... Traffic      x once, out once: 2 * rows * hidden_size * sizeof(T) bytes, the floor for this
//              operator. weight is shared by all rows and stays in cache.
// Numerics     problem.cuh.
// Requires     hidden_size a multiple of Vector<T>::kSize, at most blockDim.x * kVectorsPerThread
//              of them; 16-byte aligned rows of x, out and weight; a block of whole warps.
#pragma once

#include "common/reduction.cuh"
#include "problem.cuh"

// 64 registers hold 4 vectors and the rest for a block of 1024; 8 vectors need twice as many.
template <int kVectorsPerThread>
constexpr int kMaxThreadsFor = kVectorsPerThread <= 4 ? 1024 : 512;

template <typename T, int kVectorsPerThread>
__global__ void __launch_bounds__(kMaxThreadsFor<kVectorsPerThread>)
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
#pragma unroll
    for (int v = 0; v < kVectorsPerThread; ++v) {
      const int vector = threadIdx.x + v * blockDim.x;
      if (vector < vectors) held[v] = load_vector(x + vector * kSize, problem.streaming);
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
      load_scale<T>(problem, vector * kSize, scale);
      store_scaled<T>(problem, start.out, vector * kSize, held[v], rstd, scale);
    }
  }
}
