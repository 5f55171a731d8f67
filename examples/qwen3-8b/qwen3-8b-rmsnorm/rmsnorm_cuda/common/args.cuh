// The C entry points' arguments: one plain struct an operator, and the numbers in its fields.
// Torch-free, so that a build takes seconds; the torch op and every test call through these.
#pragma once

#include <stdint.h>

enum : int32_t { DTYPE_BFLOAT16 = 0, DTYPE_FLOAT16 = 1, DTYPE_FLOAT32 = 2 };

// When the normalised value is rounded to x's dtype.
enum : int32_t {
  ROUNDING_LLAMA = 0,   // before the product with weight, which is rounded again: Llama, Qwen, ...
  ROUNDING_SINGLE = 1,  // not at all: one rounding at the end, as torch.nn.RMSNorm and Gemma do
};

extern "C" {

typedef struct {
  uint32_t size;              // sizeof(rmsnorm_args): a mismatch is cudaErrorInvalidValue
  void* out;                  // [rows, hidden_size] of out_dtype
  const void* x;              // [rows, hidden_size] of dtype
  const void* weight;         // [hidden_size] of weight_dtype, or NULL: no scale
  float* rstd;                // [rows], or NULL: not wanted
  int64_t rows, hidden_size;  // rows: the product of all leading dimensions
  int64_t x_row_stride, out_row_stride;  // in elements; the last dimension is contiguous
  // Views of a fused qkv: row r starts at (r / rows_per_group) * group_stride +
  // (r % rows_per_group) * row_stride. rows_per_group <= 0: one group, r * row_stride.
  int64_t rows_per_group, x_group_stride, out_group_stride;
  float eps, weight_offset;  // weight_offset is added to weight in float32; Gemma's is 1
  int32_t dtype, weight_dtype, out_dtype, rounding;
} rmsnorm_args;

}  // extern "C"
