// Whether two buffers hold the same bits in all their rows.
#pragma once

#include "dtypes.cuh"
#include "rows.cuh"

struct judge_compare {
  uint64_t a, b;
  uint64_t result;  // judge_comparison
  judge_layout layout;
  int64_t rows, elements;  // the last row may be shorter
  uint32_t hidden_size;
  int32_t dtype, threads_per_row;
};

// All zero at first; complements as in judge_result. Index: row * hidden_size + column.
struct judge_comparison {
  uint64_t compared, differing, first_differing_complement;
};

__device__ inline void compare_rows(const judge_compare& c) {
  const row_walk walk = walk_rows(c.threads_per_row);
  uint64_t compared = 0, differing = 0, first = 0;
  for (int64_t row = walk.first; row < c.rows; row += walk.step) {
    const int64_t start = row_start(c.layout, row);
    for (uint32_t column = walk.lane; column < c.hidden_size; column += walk.width) {
      const int64_t index = row * int64_t(c.hidden_size) + column;
      if (index >= c.elements) break;
      compared += 1;
      const uint32_t a = load_bits(c.a, start + column, c.dtype);
      if (a == load_bits(c.b, start + column, c.dtype)) continue;
      differing += 1;
      if (first == 0) first = ~uint64_t(index);
    }
  }
  judge_comparison* const result = reinterpret_cast<judge_comparison*>(c.result);
  add_to(&result->compared, compared);
  add_to(&result->differing, differing);
  raise_to(&result->first_differing_complement, first);
}
