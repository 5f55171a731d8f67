// The judge's device code: draws inputs, poisons outputs, measures what a launch left behind. It
// agrees with TypeScript: inputs bit by bit, counts exactly, distances to what the order of a
// float64 sum makes. Compiled with -fmad=false, since a contraction would round once where
// TypeScript rounds twice; no approximate instruction.
// The interpreter executes the same PTX in test/worker/.

#include "compare.cuh"
#include "fill.cuh"
#include "measure.cuh"

extern "C" {

__global__ void __launch_bounds__(kThreads) kw_draw(const __grid_constant__ judge_case c) {
  element_store<false> store;
  visit_x_gaps(c, store);
  visit_x(c, store);
  visit_residual(c, store);
  visit_weight(c, store);
  visit_bias(c, store);
}

// Of what the case's launches write. x and residual are inputs as well: kw_draw renews them.
__global__ void __launch_bounds__(kThreads) kw_poison(const __grid_constant__ judge_case c) {
  poison_row_values(c.rstd, c.rows);
  poison_row_values(c.mean, c.rows);
  if (c.in_place) return;
  element_store<false> store;
  visit_out_gaps(c, store);
  poison_out(c);
}

__global__ void __launch_bounds__(kThreads) kw_check(const __grid_constant__ judge_case c) {
  judge_result* const result = reinterpret_cast<judge_result*>(c.result);
  element_store<true> out_gaps, x_gaps, x, weight, bias, residual;
  visit_out_gaps(c, out_gaps);
  add_to(&result->canaries_broken, out_gaps.differing * bytes_of(c.out_dtype));
  if (!c.in_place) {
    visit_x_gaps(c, x_gaps);
    visit_x(c, x);
  }
  if (!c.residual_is_sum) visit_residual(c, residual);
  visit_weight(c, weight);
  visit_bias(c, bias);
  add_to(&result->guards_broken, x_gaps.differing * bytes_of(c.dtype));
  add_to(&result->x_changed, x.differing);
  add_to(&result->weight_changed, weight.differing);
  add_to(&result->bias_changed, bias.differing);
  add_to(&result->residual_changed, residual.differing);
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

__global__ void __launch_bounds__(kThreads) kw_compare(const __grid_constant__ judge_compare c) {
  compare_rows(c);
}

}  // extern "C"
