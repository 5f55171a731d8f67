import { cpSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { packageData } from "../../tools/paths.ts";

/**
 * One exact edit of the rmsnorm template. `file` is relative to cuda-templates; `find` occurs in
 * it exactly once.
 */
export interface Edit {
  name: string;
  file: string;
  find: string;
  replace: string;
}

/** A kernel broken on purpose, which validate_kernel must reject. */
export interface Mutant extends Edit {
  /** Of the catalogue of cheats and mistakes that tools/validate/reasons.ts answers. */
  d_number: string;
  /** What the fault is, in words. */
  nature: string;
  /** Codes of tools/validate/reasons.ts, any of which names the fault. */
  reasons: readonly string[];
}

/** A kernel changed without harm, which validate_kernel must pass. */
export interface Control extends Edit {
  why: string;
}

const problem = "rmsnorm/rmsnorm_cuda/problem.cuh";
const launch = "rmsnorm/rmsnorm_cuda/launch.cuh";
const anyShape = "rmsnorm/rmsnorm_cuda/any_shape.cuh";
const rowInRegisters = "rmsnorm/rmsnorm_cuda/row_in_registers.cuh";
const severalRows = "rmsnorm/rmsnorm_cuda/several_rows_per_warp.cuh";
const reduction = "common/reduction.cuh";

export const mutants: readonly Mutant[] = [
  {
    name: "weight_ignored",
    d_number: "D04",
    nature: "the weight is never multiplied in",
    reasons: ["weight_ignored"],
    file: problem,
    find: "scale[i] = __fadd_rn(scale[i], problem.weight_offset);",
    replace: "scale[i] = 1.0f;",
  },
  {
    name: "eps_dropped",
    d_number: "D05",
    nature: "eps is not added to the mean square",
    reasons: ["eps_ignored"],
    file: problem,
    find: "problem.reciprocal_hidden_size, problem.eps);",
    replace: "problem.reciprocal_hidden_size, 0.0f);",
  },
  {
    name: "weight_offset_always_one",
    d_number: "D06",
    nature: "1 is added to the weight whatever weight_offset says",
    reasons: ["weight_offset_wrong"],
    file: problem,
    find: "scale[i] = __fadd_rn(scale[i], problem.weight_offset);",
    replace: "scale[i] = __fadd_rn(scale[i], 1.0f);",
  },
  {
    name: "rounding_orders_swapped",
    d_number: "D07",
    nature: "llama rounds once and single rounds twice",
    reasons: ["rounding_order"],
    file: launch,
    find: "args.rounding == ROUNDING_LLAMA;",
    replace: "args.rounding == ROUNDING_SINGLE;",
  },
  {
    name: "divisor_one_less",
    d_number: "D08",
    nature: "the sum of squares is divided by hidden_size - 1",
    reasons: ["wrong_divisor"],
    file: launch,
    find: "double(args.hidden_size));",
    replace: "double(args.hidden_size - 1));",
  },
  {
    name: "half_precision_sum",
    d_number: "D08",
    nature: "squares are summed in the dtype of x",
    reasons: ["low_precision_sum", "overflow"],
    file: problem,
    find: "sum = __fmaf_rn(values[i], values[i], sum);",
    replace: "sum = rounded_to<T>(__fmaf_rn(values[i], values[i], sum));",
  },
  {
    name: "nan_and_infinity_clamped",
    d_number: "D10",
    nature: "a clamp swallows NaN and infinity",
    reasons: ["special_values"],
    file: problem,
    find: "__frcp_rn(__fsqrt_rn(mean_plus_eps));",
    replace: "__frcp_rn(__fsqrt_rn(fminf(mean_plus_eps, 3.0e38f)));",
  },
  {
    name: "last_vector_skipped",
    d_number: "D12",
    nature: "the last vector of a row is never written",
    reasons: ["tail_not_written", "not_written"],
    file: rowInRegisters,
    find: "if (vector >= vectors) break;",
    replace: "if (vector >= vectors - 1) break;",
  },
  {
    name: "tail_not_handled",
    d_number: "D12",
    nature: "odd sizes lose the columns after the last multiple of 4",
    reasons: ["tail_not_written", "not_written"],
    file: anyShape,
    find: "column < problem.hidden_size; column += blockDim.x) {\n      store_scaled",
    replace: "column < problem.hidden_size / 4 * 4; column += blockDim.x) {\n      store_scaled",
  },
  {
    name: "last_row_lost",
    d_number: "D13",
    nature: "the last row is never written",
    reasons: ["rows_not_written"],
    file: severalRows,
    find: "if (row < problem.rows && has_column) {\n        store_rstd",
    replace: "if (row < problem.rows - 1 && has_column) {\n        store_rstd",
  },
  {
    name: "row_offset_32_bit",
    d_number: "D15",
    nature: "row offsets wrap at 2^31 elements",
    reasons: ["offset_32_bit"],
    file: problem,
    find: "return {row * layout.x_row_stride, row * layout.out_row_stride};",
    replace: "return {int32_t(row * layout.x_row_stride), int32_t(row * layout.out_row_stride)};",
  },
  {
    name: "alignment_not_checked",
    d_number: "D16",
    nature: "16-byte accesses at unaligned addresses",
    reasons: ["misaligned"],
    file: launch,
    find: "reinterpret_cast<uintptr_t>(pointer) % kVectorBytes == 0;",
    replace: "reinterpret_cast<uintptr_t>(pointer) % 2 == 0;",
  },
  {
    name: "group_stride_ignored",
    d_number: "D17",
    nature: "views with two row strides are read as if they had one",
    reasons: ["strides_ignored"],
    file: problem,
    find: "if (layout.rows_per_group <= 0) {",
    replace: "if (layout.rows_per_group >= 0) {",
  },
  {
    name: "float32_weight_reinterpreted",
    d_number: "D18",
    nature: "a float32 weight is read as if it had the dtype of x",
    reasons: ["dtype_misread"],
    file: launch,
    find: ": WeightForm::kFloat32;",
    replace: ": WeightForm::kSame;",
  },
  {
    name: "unknown_rounding_accepted",
    d_number: "D18",
    nature: "a rounding order that does not exist is taken for the other one",
    reasons: ["missing_refusal"],
    file: launch,
    find: "  if (a.rounding != ROUNDING_LLAMA && a.rounding != ROUNDING_SINGLE) return cudaErrorInvalidValue;\n",
    replace: "",
  },
  {
    name: "input_modified",
    d_number: "D19",
    nature: "the kernel writes to x",
    reasons: ["input_modified"],
    file: rowInRegisters,
    find: "    // 3. Scale in registers and store.\n",
    replace: "    if (threadIdx.x == 0) const_cast<T*>(x)[0] = from_float<T>(rstd);\n",
  },
  {
    name: "store_out_of_bounds",
    d_number: "D20",
    nature: "one element past the end of a row is read and written",
    reasons: ["out_of_bounds", "canary_overwritten"],
    file: anyShape,
    find: "column < problem.hidden_size; column += blockDim.x) {\n      store_scaled",
    replace: "column <= problem.hidden_size; column += blockDim.x) {\n      store_scaled",
  },
  {
    name: "last_vector_not_masked",
    d_number: "D20",
    nature: "threads past the end of a row store a vector each",
    reasons: ["out_of_bounds", "canary_overwritten"],
    file: rowInRegisters,
    find: "if (vector >= vectors) break;",
    replace: "if (vector >= kBlockVectors) break;",
  },
  {
    name: "barrier_missing",
    d_number: "D21",
    nature: "no barrier between writing the warps' sums and reading them",
    reasons: ["shared_race"],
    file: reduction,
    find: "  __syncthreads();\n",
    replace: "",
  },
  {
    name: "launch_error_swallowed",
    d_number: "D57",
    nature: "a refused launch is reported as a success",
    reasons: ["launch_error_swallowed"],
    file: launch,
    find: "return cudaGetLastError();",
    replace: "return cudaSuccess;",
  },
  {
    name: "rstd_of_the_wrong_row",
    d_number: "D08",
    nature: "every row writes its rstd to the first element",
    reasons: ["rstd_wrong"],
    file: problem,
    find: "problem.rstd[row] = rstd;",
    replace: "problem.rstd[0] = rstd;",
  },
];

export const controls: readonly Control[] = [
  {
    name: "approximate_reciprocal_square_root",
    why: "rsqrt.approx is within 2 ulp: no difference after rounding, and within float32's bound",
    file: problem,
    find: "__frcp_rn(__fsqrt_rn(mean_plus_eps));",
    replace: "rsqrtf(mean_plus_eps);",
  },
  {
    name: "other_order_of_summation",
    why: "another number of warps sums in another order",
    file: launch,
    find: "#define TUNE_VECTORS_PER_THREAD 4",
    replace: "#define TUNE_VECTORS_PER_THREAD 2",
  },
  {
    name: "grid_of_two_blocks",
    why: "blocks walk on to the rows beyond the grid",
    file: launch,
    find: "constexpr int64_t kMaxGrid = 2147483647;",
    replace: "constexpr int64_t kMaxGrid = 2;",
  },
];

/** The text of `edit.file` with the edit made. Throws unless it applies exactly once. */
export function applied(edit: Edit): string {
  const text = readFileSync(packageData("cuda-templates", edit.file), "utf8");
  const occurrences = text.split(edit.find).length - 1;
  if (occurrences !== 1) {
    throw new Error(`${edit.name}: "${edit.find}" occurs ${occurrences} times in ${edit.file}`);
  }
  return text.replace(edit.find, () => edit.replace);
}

/** Copies the templates into `folder`, edits them and returns the project's folder there. */
export function writeMutant(edit: Edit, folder: string): string {
  cpSync(packageData("cuda-templates"), folder, { recursive: true });
  writeFileSync(path.join(folder, edit.file), applied(edit));
  return path.join(folder, "rmsnorm");
}
