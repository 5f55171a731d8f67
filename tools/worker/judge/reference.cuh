// The float64 reference and the distance to it: referenceRow of tools/kernel/reference.ts and
// distanceOf of tools/validate/output.ts, operation by operation. Only the order of sums differs.
#pragma once

#include "inputs.cuh"
#include "rows.cuh"

// What the columns of a row share.
struct row_reference {
  drawn_row x, residual;
  double mean, mean_magnitude, rstd;
  bool overflows;  // the float32 sum of squares does: zeros are right as well
};

struct distance {
  double plain, ordered;
  double ordered_value;  // the reference with the half-way rounding that is declared
};

__device__ inline double summed(const judge_case& c, const row_reference& row, uint32_t column,
                                bool rounded) {
  const double x = draw_value(row.x, column);
  if (c.residual == 0) return x;
  const double sum = __dadd_rn(x, draw_value(row.residual, column));
  if (rounded) return round_to(sum, c.dtype);
  // Unrounded means float32, which has no larger number than its largest.
  return fabs(sum) > kFloat32Max ? copysign(kInfinity, sum) : sum;
}

__device__ inline row_reference reference_of_row(const judge_case& c, int64_t row,
                                                 const row_walk& walk) {
  row_reference r;
  r.x = draw_row(c, c.x_seed, row);
  r.residual = draw_row(c, c.residual_seed, row);
  r.mean = r.mean_magnitude = 0;
  if (c.centred) {
    double sum = 0, magnitude = 0;
    for (uint32_t column = walk.lane; column < c.hidden_size; column += walk.width) {
      const double value = summed(c, r, column, c.rounded_sum);
      sum = __dadd_rn(sum, value);
      magnitude = __dadd_rn(magnitude, fabs(value));
    }
    r.mean = __ddiv_rn(group_sum(sum, walk.width), double(c.hidden_size));
    r.mean_magnitude = __ddiv_rn(group_sum(magnitude, walk.width), double(c.hidden_size));
  }
  double squares = 0;
  for (uint32_t column = walk.lane; column < c.hidden_size; column += walk.width) {
    const double centred = __dsub_rn(summed(c, r, column, c.rounded_sum), r.mean);
    squares = __dadd_rn(squares, __dmul_rn(centred, centred));
  }
  squares = group_sum(squares, walk.width);
  const double mean_square = __ddiv_rn(squares, double(c.hidden_size));
  r.rstd = __ddiv_rn(1.0, __dsqrt_rn(__dadd_rn(mean_square, c.eps)));
  // Squares of values that float32 holds do not overflow a double: a finite sum has finite terms.
  r.overflows = squares > kFloat32Max * (1 - 0x1p-10) && squares <= 0x1.fffffffffffffp1023;
  return r;
}

// Rounded to dtype, and as float32's doubt about a value near a midpoint would have it.
__device__ inline void round_both_ways(double value, int32_t dtype, double& near, double& other) {
  near = round_to(value, dtype);
  other = round_to(__dmul_rn(value, 1 - 0x1p-21), dtype);
  if (other == near) other = round_to(__dmul_rn(value, 1 + 0x1p-21), dtype);
}

__device__ inline distance distance_of(const judge_case& c, const row_reference& row, double got,
                                       uint32_t column) {
  const double x = summed(c, row, column, c.rounded_sum);
  const double normalised = __dmul_rn(__dsub_rn(x, row.mean), row.rstd);
  const double factor = c.weight ? __dadd_rn(drawn_weight(c, column), c.weight_offset) : 1;
  // Adding -0 changes nothing, not even the sign of a zero.
  const double bias = c.bias ? drawn_bias(c, column) : -0.0;
  const bool llama = c.rounding == ROUNDING_LLAMA;
  double near = normalised, other = normalised;
  if (llama) round_both_ways(normalised, c.dtype, near, other);
  const double exact = __dadd_rn(__dmul_rn(normalised, factor), bias);
  const double ordered = __dadd_rn(__dmul_rn(near, factor), bias);
  const double alternative = __dadd_rn(__dmul_rn(other, factor), bias);
  if (row.overflows && got == 0) return {0, 0, ordered};

  double scale[3] = {exact, ordered, alternative};
  if (c.centred) {
    const double terms = __dmul_rn(__dmul_rn(fabs(x) + fabs(row.mean), row.rstd), fabs(factor));
    scale[0] = scale[1] = scale[2] = __dadd_rn(terms, fabs(bias));
  }
  distance d;
  d.ordered_value = ordered;
  d.plain = ulp_distance(got, exact, c.out_dtype, scale[0]);
  d.ordered = fmin(ulp_distance(got, ordered, c.out_dtype, scale[1]),
                   ulp_distance(got, alternative, c.out_dtype, scale[2]));
  const dtype_facts facts = facts_of(c.dtype);
  if (llama && fabs(normalised) < power_of_two(facts.min_exponent)) {
    // accuracy.ts counts 1 ulp for the half-way rounding; of a subnormal it may be more.
    const double slack = power_of_two(ulp_exponent(0, facts) - 1) * fabs(factor);
    const double ulps = slack * power_of_two(-ulp_exponent(exact, facts_of(c.out_dtype)));
    if (slack != 0 && ulps > 1) d.plain = fmax(0.0, d.plain - (ulps - 1));
  }
  return d;
}
