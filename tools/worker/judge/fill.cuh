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

template <bool kCheck>
__device__ void visit_gaps(uint64_t buffer, const judge_layout& layout, int32_t dtype, int64_t rows,
                           uint32_t columns, int32_t threads_per_row,
                           element_store<kCheck>& store) {
  const row_walk walk = walk_rows(threads_per_row);
  const uint32_t poison = facts_of(dtype).poison;
  for (int64_t place = walk.first; place <= rows; place += walk.step) {
    visit_gap(gap_before(layout, rows, columns, place), walk,
              [&](int64_t index) { store.put(buffer, index, poison, dtype); });
  }
}

template <bool kCheck>
__device__ void visit_drawn_rows(uint64_t buffer, const judge_layout& layout, uint32_t seed,
                                 const judge_case& c, element_store<kCheck>& store) {
  const row_walk walk = walk_rows(c.threads_per_row);
  for (int64_t row = walk.first; row < c.rows; row += walk.step) {
    const drawn_row drawn = draw_row(c, seed, row);
    const int64_t start = row_start(layout, row);
    for (uint32_t column = walk.lane; column < c.hidden_size; column += walk.width) {
      store.put(buffer, start + column, bits_of(draw_value(drawn, column), c.dtype), c.dtype);
    }
  }
}

__device__ inline judge_layout dense_layout(const judge_case& c) {
  return {0, c.hidden_size, 0, 0, c.rows * c.hidden_size};
}

template <bool kCheck>
__device__ void visit_x(const judge_case& c, element_store<kCheck>& store) {
  visit_drawn_rows(c.x, c.x_layout, c.x_seed, c, store);
}

template <bool kCheck>
__device__ void visit_x_gaps(const judge_case& c, element_store<kCheck>& store) {
  visit_gaps(c.x, c.x_layout, c.dtype, c.rows, c.hidden_size, c.threads_per_row, store);
}

template <bool kCheck>
__device__ void visit_out_gaps(const judge_case& c, element_store<kCheck>& store) {
  visit_gaps(c.out, c.out_layout, c.out_dtype, c.rows, c.hidden_size, c.threads_per_row, store);
}

template <bool kCheck>
__device__ void visit_residual(const judge_case& c, element_store<kCheck>& store) {
  if (c.residual) visit_drawn_rows(c.residual, dense_layout(c), c.residual_seed, c, store);
}

template <bool kCheck>
__device__ void visit_weight(const judge_case& c, element_store<kCheck>& store) {
  if (c.weight == 0) return;
  for (uint32_t column = blockIdx.x * blockDim.x + threadIdx.x; column < c.hidden_size;
       column += gridDim.x * blockDim.x) {
    store.put(c.weight, column, bits_of(drawn_weight(c, column), c.weight_dtype), c.weight_dtype);
  }
}

template <bool kCheck>
__device__ void visit_bias(const judge_case& c, element_store<kCheck>& store) {
  if (c.bias == 0) return;
  for (uint32_t column = blockIdx.x * blockDim.x + threadIdx.x; column < c.hidden_size;
       column += gridDim.x * blockDim.x) {
    store.put(c.bias, column, bits_of(drawn_bias(c, column), c.dtype), c.dtype);
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
