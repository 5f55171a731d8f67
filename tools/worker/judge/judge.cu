// The judge's device code: draws inputs, poisons outputs, measures what a launch left behind. It
// agrees with TypeScript: inputs bit by bit, counts exactly, distances to what the order of a
// float64 sum makes. Compiled with -fmad=false, since a contraction would round once where
// TypeScript rounds twice; no approximate instruction.
// The interpreter executes the same PTX in test/worker/.

#include "fill.cuh"
#include "measure.cuh"

extern "C" {

__global__ void __launch_bounds__(kThreads) kw_draw(const __grid_constant__ judge_case c) {
  element_store<false> store;
  visit_gaps(c, false, store);
#pragma unroll 1
  for (int32_t second = 0; second < 2; ++second) {
    visit_rows(c, second, store);
    visit_vector(c, second, store);
  }
}

// Of what the case's launches write. x and residual are inputs as well: kw_draw renews them.
__global__ void __launch_bounds__(kThreads) kw_poison(const __grid_constant__ judge_case c) {
  poison_row_values(c.rstd, c.rows);
  poison_row_values(c.mean, c.rows);
  if (c.in_place) return;
  element_store<false> store;
  visit_gaps(c, true, store);
  poison_out(c);
}

__global__ void __launch_bounds__(kThreads) kw_check(const __grid_constant__ judge_case c) {
  judge_result* const result = reinterpret_cast<judge_result*>(c.result);
#pragma unroll 1
  for (int32_t second = 0; second < 2; ++second) {
    element_store<true> gaps, rows, vector;
    // Where out is x, its gaps are out's, and its rows hold the output.
    if (second || !c.in_place) visit_gaps(c, second, gaps);
    if (second ? !c.residual_is_sum : !c.in_place) visit_rows(c, second, rows);
    visit_vector(c, second, vector);
    const uint64_t gap_bytes = gaps.differing * bytes_of(second ? c.out_dtype : c.dtype);
    add_to(second ? &result->canaries_broken : &result->guards_broken, gap_bytes);
    add_to(second ? &result->residual_changed : &result->x_changed, rows.differing);
    add_to(second ? &result->bias_changed : &result->weight_changed, vector.differing);
  }
}

// One row of blocks a zone. Without a result the zones are filled, else changed bytes are counted.
__global__ void __launch_bounds__(kThreads) kw_zones(const __grid_constant__ judge_zones zones) {
  uint16_t* const at = reinterpret_cast<uint16_t*>(zones.address[blockIdx.y]);
  const uint64_t units = zones.bytes[blockIdx.y] / sizeof(uint16_t);
  uint64_t changed = 0;
  for (uint64_t i = uint64_t(blockIdx.x) * kThreads + threadIdx.x; i < units;
       i += uint64_t(gridDim.x) * kThreads) {
    if (zones.result) {
      changed += at[i] != kGuard;
    } else {
      at[i] = kGuard;
    }
  }
  if (zones.result == 0) return;
  judge_result* const result = reinterpret_cast<judge_result*>(zones.result);
  add_to(&result->guards_broken, changed * sizeof(uint16_t));
}

__global__ void __launch_bounds__(kThreads) kw_zero(uint32_t* words, uint64_t count) {
  for (uint64_t i = uint64_t(blockIdx.x) * kThreads + threadIdx.x; i < count;
       i += uint64_t(gridDim.x) * kThreads) {
    words[i] = 0;
  }
}

__global__ void __launch_bounds__(kThreads) kw_measure(const __grid_constant__ judge_case c) {
  measure(c);
}

}  // extern "C"
