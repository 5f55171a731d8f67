// Inputs as tools/kernel/inputs.ts draws them: the same bits from (seed, row, column) alone.
#pragma once

#include "dtypes.cuh"

// The order is that of rowKinds in tools/kernel/inputs.ts.
enum : int32_t {
  ROW_ORDINARY,
  ROW_SMALL,
  ROW_TINY,
  ROW_SUBNORMAL,
  ROW_LARGE,
  ROW_OVERFLOWING,
  ROW_LARGE_MEAN,
  ROW_ONE_OUTLIER,
  ROW_ZERO,
  ROW_NEGATIVE_ZERO,
  ROW_ONE_NONZERO,
  ROW_ONE_NAN,
  ROW_ONE_INFINITY,
  ROW_ONE_NEGATIVE_INFINITY,
  ROW_BOTH_INFINITIES,
  ROW_MAX_FINITE,
  ROW_MAX_FINITE_SIGNS,
  ROW_ONE_MAX_FINITE,
};

__device__ inline uint32_t mix32(uint32_t value) {
  uint32_t h = value;
  h = (h ^ (h >> 16)) * 0x85ebca6bu;
  h = (h ^ (h >> 13)) * 0xc2b2ae35u;
  return h ^ (h >> 16);
}

// Of standard deviation 1.155 within 4: exact, whatever it is multiplied with is a power of two.
__device__ __noinline__ double bell(uint32_t stream, uint32_t column) {
  const uint32_t first = mix32(stream ^ column);
  const uint32_t second = mix32(first + 0x6a09e667u);
  const uint32_t sum = (first & 0xffff) + (first >> 16) + (second & 0xffff) + (second >> 16);
  return double(int32_t(sum) - 131070) * 0x1p-15;
}

// What all columns of a drawn row share.
struct drawn_row {
  int32_t kind, dtype;
  uint32_t stream;
  double scale, shift;
  bool constant;  // every column is `shift`
  uint32_t special_column, second_column;
  double special_value;
};

constexpr uint32_t no_column = 0xffffffffu;

__device__ inline int32_t kind_of_row(const judge_case& c, int64_t row) {
  const uint32_t place = uint32_t(row % int64_t(c.row_kind_count));
  const uint64_t kinds = place < 8 ? c.row_kinds_low : c.row_kinds_high;
  return int32_t((kinds >> (8 * (place & 7))) & 0xff);
}

__device__ inline int32_t scale_exponent(int32_t kind, int32_t dtype) {
  const bool half = dtype == DTYPE_FLOAT16;
  switch (kind) {
    case ROW_SMALL:
      return -7;
    case ROW_TINY:
      return -14;
    case ROW_LARGE_MEAN:
      return -2;
    case ROW_SUBNORMAL:
      return half ? -17 : -129;
    case ROW_LARGE:
      return half ? 13 : 50;
    case ROW_OVERFLOWING:
      return half ? 13 : 64;
    default:
      return 0;
  }
}

// The one column that is unlike the others, if the kind has one.
__device__ inline bool special_of(int32_t kind, double max_finite, double& value) {
  switch (kind) {
    case ROW_ONE_OUTLIER:
      value = 1024;
      return true;
    case ROW_ONE_NONZERO:
      value = 3;
      return true;
    case ROW_ONE_NAN:
      value = __hiloint2double(0x7ff80000, 0);
      return true;
    case ROW_ONE_INFINITY:
    case ROW_BOTH_INFINITIES:
      value = kInfinity;
      return true;
    case ROW_ONE_NEGATIVE_INFINITY:
      value = -kInfinity;
      return true;
    case ROW_ONE_MAX_FINITE:
      value = max_finite;
      return true;
    default:
      return false;
  }
}

__device__ inline drawn_row draw_row(const judge_case& c, uint32_t seed, int64_t row) {
  const double max_finite = facts_of(c.dtype).max_finite;
  drawn_row d;
  d.kind = kind_of_row(c, row);
  d.dtype = c.dtype;
  d.stream = mix32(seed ^ mix32(uint32_t(row) + 0x9e3779b9u));
  d.scale = power_of_two(scale_exponent(d.kind, c.dtype));
  d.shift = d.kind == ROW_LARGE_MEAN ? 10 : 0;
  d.constant = d.kind == ROW_ZERO || d.kind == ROW_ONE_NONZERO || d.kind == ROW_NEGATIVE_ZERO ||
               d.kind == ROW_MAX_FINITE;
  if (d.kind == ROW_NEGATIVE_ZERO) d.shift = -0.0;
  if (d.kind == ROW_MAX_FINITE) d.shift = max_finite;
  const uint32_t drawn = mix32(seed + uint32_t(row)) % c.hidden_size;
  d.special_column = special_of(d.kind, max_finite, d.special_value) ? drawn : no_column;
  const bool second = d.kind == ROW_BOTH_INFINITIES;
  d.second_column = second ? (drawn + (c.hidden_size >> 1)) % c.hidden_size : no_column;
  return d;
}

__device__ inline double draw_value(const drawn_row& d, uint32_t column) {
  // With one column the second infinity takes the place of the first.
  if (column == d.second_column) return -kInfinity;
  if (column == d.special_column) return d.special_value;
  if (d.constant) return d.shift;
  const double drawn = bell(d.stream, column);
  if (d.kind == ROW_MAX_FINITE_SIGNS) {
    return copysign(facts_of(d.dtype).max_finite, drawn < 0 ? -1.0 : 1.0);
  }
  return round_to(__dadd_rn(__dmul_rn(drawn, d.scale), d.shift), d.dtype);
}

// A weight or a bias minus `offset`.
__device__ inline double draw_vector(uint32_t stream, uint32_t column, int32_t dtype, double offset,
                                     int32_t values) {
  const double drawn = bell(stream, column);
  const bool seventeenth = column % 17 == 3;
  if (values == WEIGHT_NEAR_ZERO) {
    return seventeenth ? 0 : round_to(__dmul_rn(drawn, 0x1p-6), dtype);
  }
  const double spread = __dadd_rn(1.0, __dmul_rn(drawn, 0.25));
  return round_to(__dsub_rn(seventeenth ? __dmul_rn(-8.0, spread) : spread, offset), dtype);
}

__device__ inline double drawn_weight(const judge_case& c, uint32_t column) {
  return draw_vector(c.weight_stream, column, c.weight_dtype, c.weight_offset, c.weight_values);
}

__device__ inline double drawn_bias(const judge_case& c, uint32_t column) {
  return draw_vector(c.bias_stream, column, c.dtype, 1.0, WEIGHT_SPREAD);
}
