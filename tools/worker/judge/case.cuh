// What the judge's kernels are told, and where they leave what they found.
// tools/worker/judge-case.ts and judge-result.ts write and read these structs; tests hold the
// fields against each other.
#pragma once

#include <stdint.h>

enum : int32_t { DTYPE_BFLOAT16 = 0, DTYPE_FLOAT16 = 1, DTYPE_FLOAT32 = 2 };
enum : int32_t { ROUNDING_LLAMA = 0, ROUNDING_SINGLE = 1 };
enum : int32_t { WEIGHT_SPREAD = 0, WEIGHT_NEAR_ZERO = 1 };

// Where the rows of one matrix lie: tools/kernel/layout.ts. In elements.
struct judge_layout {
  int64_t first_element, row_stride, group_stride;
  int64_t rows_per_group;   // 0: the rows are one group
  int64_t buffer_elements;  // rows and what lies between and around them
};

// What kw_measure asks. QUESTION_WORST comes after QUESTION_ALL.
enum : int32_t {
  QUESTION_ALL = 0,    // everything in judge_result but worst_complement and what kw_check finds
  QUESTION_WORST = 1,  // worst_complement
};

struct judge_case {
  // 0: the case has no such buffer.
  uint64_t x, out, weight, bias, residual, rstd, mean;
  uint64_t result;  // judge_result
  judge_layout x_layout, out_layout;
  int64_t rows;
  double eps, weight_offset;
  // accuracy.ts: limits in ulps of out_dtype.
  double max_ulp, ordered_ulp;
  // Kinds of rows in turn, one a byte: row r is of kind r % row_kind_count.
  uint64_t row_kinds_low, row_kinds_high;
  uint32_t row_kind_count;
  uint32_t x_seed, residual_seed, weight_stream, bias_stream;
  int32_t question;       // QUESTION_*
  int32_t weight_values;  // WEIGHT_*
  uint32_t hidden_size;
  int32_t threads_per_row;  // 32, or all of a block's
  int32_t dtype, weight_dtype, out_dtype, rounding;
  int32_t centred;          // layernorm
  int32_t rounded_sum;      // add_rmsnorm
  int32_t in_place;         // out is x
  int32_t residual_is_sum;  // the launch replaces residual by x + residual
};

// All zero at first. Doubles are kept as their bits: those of numbers >= 0 are ordered as they are.
// Least indices are kept as greatest complements, so that zero says "none".
struct judge_result {
  uint64_t elements, bad_count, beyond, not_written_count, exact_count, bad_rows;
  uint64_t max_ulp_bits, worst_ulp_bits, rstd_max_ulp_bits, mean_max_ulp_bits;
  uint64_t first_bad_complement, worst_complement;
  uint64_t residual_bad;
  uint64_t canaries_broken;  // bytes between and around the rows of out
  uint64_t guards_broken;    // bytes around all buffers, and between and around the rows of x
  uint64_t x_changed, weight_changed, bias_changed, residual_changed;  // elements
};
