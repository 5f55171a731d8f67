// Buffers before a launch, and whether they still hold that after it. Both are one walk, so that
// what is checked is what was put there.
#pragma once

#include "inputs.cuh"
#include "rows.cuh"

// Puts elements in place, or counts those that differ.
template <bool kCheck>
struct element_store {
  uint64_t differing = 0;

  __device__ void put(uint64_t buffer, int64_t index, uint32_t bits, int32_t dtype) {
    if constexpr (kCheck) {
      differing += load_bits(buffer, index, dtype) != bits;
    } else {
      store_bits(buffer, index, bits, dtype);
    }
  }
};

// Buffers come in pairs that are treated alike: x and out, x and residual, weight and bias. A loop
// over two is compiled once, by a driver that has not seen this file.

// What lies between and around the rows of x or out.
template <bool kCheck>
__device__ void visit_gaps(const judge_case& c, bool of_out, element_store<kCheck>& store) {
  const uint64_t buffer = of_out ? c.out : c.x;
  const judge_layout layout = of_out ? c.out_layout : c.x_layout;
  const int32_t dtype = of_out ? c.out_dtype : c.dtype;
  const uint32_t poison = facts_of(dtype).poison;
  const row_walk walk = walk_rows(c.threads_per_row);
  for (int64_t place = walk.first; place <= c.rows; place += walk.step) {
    visit_gap(gap_before(layout, c.rows, c.hidden_size, place), walk,
              [&](int64_t index) { store.put(buffer, index, poison, dtype); });
  }
}

// The drawn rows of x or residual.
template <bool kCheck>
__device__ void visit_rows(const judge_case& c, bool of_residual, element_store<kCheck>& store) {
  const uint64_t buffer = of_residual ? c.residual : c.x;
  if (buffer == 0) return;
  const row_walk walk = walk_rows(c.threads_per_row);
  for (int64_t row = walk.first; row < c.rows; row += walk.step) {
    const drawn_row drawn = draw_row(c, of_residual ? c.residual_seed : c.x_seed, row);
    const int64_t start = of_residual ? row * int64_t(c.hidden_size) : row_start(c.x_layout, row);
    for (uint32_t column = walk.lane; column < c.hidden_size; column += walk.width) {
      store.put(buffer, start + column, bits_of(draw_value(drawn, column), c.dtype), c.dtype);
    }
  }
}

// The weight or the bias.
template <bool kCheck>
__device__ void visit_vector(const judge_case& c, bool of_bias, element_store<kCheck>& store) {
  const uint64_t buffer = of_bias ? c.bias : c.weight;
  if (buffer == 0) return;
  const int32_t dtype = of_bias ? c.dtype : c.weight_dtype;
  for (uint32_t column = blockIdx.x * blockDim.x + threadIdx.x; column < c.hidden_size;
       column += gridDim.x * blockDim.x) {
    const double value = of_bias ? drawn_bias(c, column) : drawn_weight(c, column);
    store.put(buffer, column, bits_of(value, dtype), dtype);
  }
}

// rstd and mean hold at least one float, as an allocation does.
__device__ inline void poison_row_values(uint64_t buffer, int64_t rows) {
  if (buffer == 0) return;
  const uint32_t poison = facts_of(DTYPE_FLOAT32).poison;
  const int64_t count = rows > 0 ? rows : 1;
  for (int64_t row = int64_t(blockIdx.x) * blockDim.x + threadIdx.x; row < count;
       row += int64_t(gridDim.x) * blockDim.x) {
    store_bits(buffer, row, poison, DTYPE_FLOAT32);
  }
}

__device__ inline void poison_out(const judge_case& c) {
  const row_walk walk = walk_rows(c.threads_per_row);
  const uint32_t poison = facts_of(c.out_dtype).poison;
  for (int64_t row = walk.first; row < c.rows; row += walk.step) {
    const int64_t start = row_start(c.out_layout, row);
    for (uint32_t column = walk.lane; column < c.hidden_size; column += walk.width) {
      store_bits(c.out, start + column, poison, c.out_dtype);
    }
  }
}

// Guards around buffers: bytes that read as NaN in every dtype, in units of two.
constexpr int32_t kMostZones = 16;
constexpr uint16_t kGuard = 0xffa5;

struct judge_zones {
  uint64_t result;  // judge_result, or 0: fill
  uint64_t count;
  uint64_t address[kMostZones], bytes[kMostZones];
};
