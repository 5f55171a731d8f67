// What validate/measure.ts tallies, element by element: one walk over the output, several
// questions.
#pragma once

#include "reference.cuh"

struct seen_element {
  int64_t index;  // row * hidden_size + column
  uint32_t column;
  double got;
  distance away;
  bool not_written, bad;
};

// The numbers of one thread, and after finish() of all.
struct tally {
  uint64_t elements = 0, bad_count = 0, beyond = 0, not_written = 0, exact = 0, bad_rows = 0;
  uint64_t residual_bad = 0, first_bad_complement = 0, worst_complement = 0;
  double max_ulp = 0, worst_ulp = 0, rstd_max_ulp = 0, mean_max_ulp = 0;

  __device__ void add(const judge_case& c, const row_reference& reference,
                      const seen_element& seen) {
    elements += 1;
    if (seen.away.plain > max_ulp) max_ulp = seen.away.plain;
    beyond += seen.away.ordered > c.ordered_ulp;
    exact +=
        !seen.not_written && same_value(seen.got, round_to(seen.away.ordered_value, c.out_dtype));
    if (seen.bad) {
      bad_count += 1;
      not_written += seen.not_written;
      if (first_bad_complement == 0) first_bad_complement = ~uint64_t(seen.index);
      if (seen.away.plain > worst_ulp) worst_ulp = seen.away.plain;
    }
    if (c.residual_is_sum) {
      const double wanted = summed(c, reference, seen.column, true);
      const uint32_t bits = load_bits(c.residual, seen.index, c.dtype);
      residual_bad += !same_value(value_of(bits, c.dtype), wanted);
    }
  }

  __device__ void add_row(const judge_case& c, int64_t row, const row_reference& reference,
                          bool bad) {
    bad_rows += bad;
    if (c.rstd) {
      const double got = value_of(load_bits(c.rstd, row, DTYPE_FLOAT32), DTYPE_FLOAT32);
      const double ulp = ulp_distance(got, reference.rstd, DTYPE_FLOAT32, reference.rstd);
      if (!(reference.overflows && got == 0)) rstd_max_ulp = fmax(rstd_max_ulp, ulp);
    }
    if (c.mean) {
      const double got = value_of(load_bits(c.mean, row, DTYPE_FLOAT32), DTYPE_FLOAT32);
      const double ulp = ulp_distance(got, reference.mean, DTYPE_FLOAT32, reference.mean_magnitude);
      mean_max_ulp = fmax(mean_max_ulp, ulp);
    }
  }

  __device__ void finish(judge_result* result) {
    add_to(&result->elements, elements);
    add_to(&result->bad_count, bad_count);
    add_to(&result->beyond, beyond);
    add_to(&result->not_written_count, not_written);
    add_to(&result->exact_count, exact);
    add_to(&result->bad_rows, bad_rows);
    add_to(&result->residual_bad, residual_bad);
    raise_to(&result->first_bad_complement, first_bad_complement);
    raise_to(&result->worst_complement, worst_complement);
    raise_to(&result->max_ulp_bits, __double_as_longlong(max_ulp));
    raise_to(&result->worst_ulp_bits, __double_as_longlong(worst_ulp));
    raise_to(&result->rstd_max_ulp_bits, __double_as_longlong(rstd_max_ulp));
    raise_to(&result->mean_max_ulp_bits, __double_as_longlong(mean_max_ulp));
  }

  // Zeros of both signs are the same, and so are all NaN.
  static __device__ bool same_value(double a, double b) { return a == b || (a != a && b != b); }
};

__device__ inline seen_element see(const judge_case& c, const row_reference& reference, int64_t row,
                                   int64_t start, uint32_t column) {
  seen_element seen;
  seen.index = row * int64_t(c.hidden_size) + column;
  seen.column = column;
  const uint32_t bits = load_bits(c.out, start + column, c.out_dtype);
  seen.got = value_of(bits, c.out_dtype);
  seen.away = distance_of(c, reference, seen.got, column);
  seen.not_written = bits == facts_of(c.out_dtype).poison;
  seen.bad = !(seen.away.plain <= c.max_ulp) || seen.not_written;
  return seen;
}

__device__ inline void measure(const judge_case& c) {
  judge_result* const result = reinterpret_cast<judge_result*>(c.result);
  // Of the first of those that are furthest off only the distance is known by now.
  const bool asks_worst = c.question == QUESTION_WORST;
  if (asks_worst && result->bad_count == 0) return;
  const double worst_ulp = asks_worst ? __longlong_as_double(result->worst_ulp_bits) : 0;
  const row_walk walk = walk_rows(c.threads_per_row);
  tally found;
  for (int64_t row = walk.first; row < c.rows; row += walk.step) {
    const row_reference reference = reference_of_row(c, row, walk);
    const int64_t start = row_start(c.out_layout, row);
    bool bad = false;
    for (uint32_t column = walk.lane; column < c.hidden_size; column += walk.width) {
      const seen_element seen = see(c, reference, row, start, column);
      bad |= seen.bad;
      if (c.question == QUESTION_ALL) {
        found.add(c, reference, seen);
      } else if (seen.bad) {
        const bool first = seen.away.plain == worst_ulp && found.worst_complement == 0;
        if (first) found.worst_complement = ~uint64_t(seen.index);
      }
    }
    bad = group_any(bad, walk.width);
    if (walk.lane == 0 && c.question == QUESTION_ALL) found.add_row(c, row, reference, bad);
  }
  found.finish(result);
}
