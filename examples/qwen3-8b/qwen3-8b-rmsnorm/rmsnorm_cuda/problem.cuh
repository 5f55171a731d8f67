// What every variant is launched with, and the arithmetic that all of them share.
//
//   out[r, c] = round(round?(x[r, c] * rstd[r]) * (weight[c] + weight_offset))
//   rstd[r] = 1 / sqrt(sum_c(x[r, c]^2) * (1 / hidden_size) + eps)
//
// Numerics     Squares are summed in float32 whatever the dtype, each by one fused multiply-add.
//              Every operation is spelled out with its rounding (__fmaf_rn, __fmul_rn, ...), so
//              that no compiler fuses or splits one: all variants, GPUs and interpreters of the
//              PTX agree on every bit for the same order of summation. float32 results stay
//              within 8 ulp; nothing is clamped, so infinities and NaN take their natural way.
#pragma once

#include "common/args.cuh"
#include "common/vector.cuh"

enum class WeightForm : int32_t { kNone, kSame, kFloat32 };

// Where the rows of x and out begin. In elements: the two may differ in dtype.
struct RowLayout {
  int64_t x_row_stride, out_row_stride, rows_per_group, x_group_stride, out_group_stride;
};

struct RowStart {
  int64_t x, out;
};

// The checked arguments, and what is computed from them once a call.
struct Problem {
  void* out;
  const void* x;
  const void* weight;
  float* rstd;
  int64_t rows, hidden_size;
  RowLayout layout;
  float reciprocal_hidden_size, eps, weight_offset;
  WeightForm weight_form;
  bool round_before_weight;  // ROUNDING_LLAMA
  bool float32_out;          // out is float32 though x is not
  bool streaming;            // the matrix passes through the caches without staying
  int32_t lanes_per_row;     // several_rows_per_warp alone
};

// 64-bit throughout: an offset can pass 2^31. The division is once a row, and for views only.
__device__ __forceinline__ RowStart start_of(const RowLayout& layout, int64_t row) {
  if (layout.rows_per_group <= 0) {
    return {row * layout.x_row_stride, row * layout.out_row_stride};
  }
  const int64_t group = row / layout.rows_per_group;
  const int64_t row_in_group = row - group * layout.rows_per_group;
  return {group * layout.x_group_stride + row_in_group * layout.x_row_stride,
          group * layout.out_group_stride + row_in_group * layout.out_row_stride};
}

// The end of every reduction: one square root and one reciprocal a row, both rounded to nearest.
__device__ __forceinline__ float rstd_of(const Problem& problem, float sum_of_squares) {
  const float mean_plus_eps =
      __fmaf_rn(sum_of_squares, problem.reciprocal_hidden_size, problem.eps);
  return __frcp_rn(__fsqrt_rn(mean_plus_eps));
}

// Exactly one thread of those that share the row passes `first`.
__device__ __forceinline__ void store_rstd(const Problem& problem, int64_t row, float rstd,
                                           bool first) {
  if (first && problem.rstd != nullptr) problem.rstd[row] = rstd;
}

template <typename T>
__device__ __forceinline__ float add_squares(Vector<T> vector, float sum) {
  float values[Vector<T>::kSize];
  unpack(vector, values);
#pragma unroll
  for (int i = 0; i < Vector<T>::kSize; ++i) sum = __fmaf_rn(values[i], values[i], sum);
  return sum;
}

// The weight of one vector's columns, for loading before it is needed: its latency overlaps with
// that of x. A float32 weight of narrower x takes two vectors and is left to scale_of.
template <typename T>
__device__ __forceinline__ Vector<T> load_weight(const Problem& problem, int64_t column) {
  if (problem.weight_form != WeightForm::kSame) return {};
  return load_vector(static_cast<const T*>(problem.weight) + column, false);
}

// The factors of one vector's columns: weight + weight_offset, or 1 where there is no weight.
template <typename T>
__device__ __forceinline__ void scale_of(const Problem& problem, int64_t column, Vector<T> weight,
                                         float (&scale)[Vector<T>::kSize]) {
  constexpr int kSize = Vector<T>::kSize;
  if (problem.weight_form == WeightForm::kNone) {
#pragma unroll
    for (int i = 0; i < kSize; ++i) scale[i] = 1.0f;
    return;
  }
  unpack(weight, scale);
  if (sizeof(T) < 4 && problem.weight_form == WeightForm::kFloat32) {
    const float* float32_weight = static_cast<const float*>(problem.weight) + column;
#pragma unroll
    for (int part = 0; part < kSize / 4; ++part) {
      float values[4];
      unpack(load_vector(float32_weight + part * 4, false), values);
#pragma unroll
      for (int i = 0; i < 4; ++i) scale[part * 4 + i] = values[i];
    }
  }
#pragma unroll
  for (int i = 0; i < kSize; ++i) scale[i] = __fadd_rn(scale[i], problem.weight_offset);
}

// Normalises one vector, rounds as asked, scales and stores it at `column` of the row at `out_row`.
template <typename T>
__device__ __forceinline__ void store_scaled(const Problem& problem, int64_t out_row,
                                             int64_t column, Vector<T> x, float rstd,
                                             const float (&scale)[Vector<T>::kSize]) {
  constexpr int kSize = Vector<T>::kSize;
  float values[kSize];
  unpack(x, values);
#pragma unroll
  for (int i = 0; i < kSize; ++i) values[i] = __fmul_rn(values[i], rstd);
  if (sizeof(T) < 4 && problem.round_before_weight) unpack(pack<T>(values), values);
#pragma unroll
  for (int i = 0; i < kSize; ++i) values[i] = __fmul_rn(values[i], scale[i]);

  if (sizeof(T) < 4 && problem.float32_out) {
    float* out = static_cast<float*>(problem.out) + out_row + column;
#pragma unroll
    for (int part = 0; part < kSize / 4; ++part) {
      store_vector(out + part * 4, pack<float>(values + part * 4), problem.streaming);
    }
  } else {
    store_vector(static_cast<T*>(problem.out) + out_row + column, pack<T>(values),
                 problem.streaming);
  }
}

// As store_scaled, for one element of any alignment.
template <typename T>
__device__ __forceinline__ void store_scaled_element(const Problem& problem, int64_t out_row,
                                                     int64_t column, T x, float rstd) {
  float value = __fmul_rn(to_float(x), rstd);
  if (sizeof(T) < 4 && problem.round_before_weight) value = rounded_to<T>(value);
  if (problem.weight_form != WeightForm::kNone) {
    const float weight = sizeof(T) == 4 || problem.weight_form == WeightForm::kSame
                             ? to_float(static_cast<const T*>(problem.weight)[column])
                             : static_cast<const float*>(problem.weight)[column];
    value = __fmul_rn(value, __fadd_rn(weight, problem.weight_offset));
  }
  if (sizeof(T) < 4 && problem.float32_out) {
    static_cast<float*>(problem.out)[out_row + column] = value;
  } else {
    static_cast<T*>(problem.out)[out_row + column] = from_float<T>(value);
  }
}
