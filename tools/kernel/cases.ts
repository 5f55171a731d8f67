import { type Dtype, dtypeFacts } from "./dtypes.ts";
import { type InputRecipe, inputRecipes, mix32 } from "./inputs.ts";
import type { OperatorName } from "./operators.ts";
import { type Factor, pairwise } from "./pairwise.ts";

export const roundings = ["llama", "single"] as const;
export const weightForms = ["none", "same", "float32"] as const;
export const layouts = ["contiguous", "strided", "grouped", "unaligned"] as const;
export const efforts = ["quick", "default", "full"] as const;

export type Rounding = (typeof roundings)[number];
export type WeightForm = (typeof weightForms)[number];
/** `far_strided`: rows so far apart that element offsets pass 2^31 and 2^32. */
export type Layout = (typeof layouts)[number] | "far_strided";
export type Effort = (typeof efforts)[number];

/** One tuple of everything that a kernel's answer may depend on. Data: both executors read it. */
export interface KernelCase {
  operator: OperatorName;
  dtype: Dtype;
  rows: number;
  hidden_size: number;
  rounding: Rounding;
  weight: WeightForm;
  weight_offset: number;
  eps: number;
  out_dtype: Dtype;
  layout: Layout;
  inputs: InputRecipe;
  /** Whether the optional rstd output is asked for. */
  with_rstd: boolean;
  /** `add_rmsnorm`: whether the sum is rounded to the dtype before it is normalised. */
  rounded_sum: boolean;
  /** Whether the output is written over `x`. */
  in_place: boolean;
  /** `layernorm`: whether there is a bias, and whether the mean of each row is asked for. */
  with_bias: boolean;
  with_mean: boolean;
  seed: number;
}

/** What a kernel says that it can do: it is tested inside of it. */
export interface Supported {
  dtypes: readonly Dtype[];
  rounding: readonly Rounding[];
  weight: readonly WeightForm[];
  weight_offset: readonly number[];
  layouts: readonly (typeof layouts)[number][];
}

/** The form of the entry point, beyond what it supports. */
export interface EntryForm {
  /** Whether it writes rstd: where asked to, in every call, or not at all. */
  rstd: "optional" | "always" | "never";
  /** Whether the output is written over `x`, there being no separate one. */
  in_place: boolean;
  rounded_sum: boolean;
  /** `layernorm`: whether it takes a bias, and whether it writes the mean of each row. */
  bias: boolean;
  mean: boolean;
}

export interface CaseOptions {
  operator: OperatorName;
  supports: Supported;
  form: EntryForm;
  effort: Effort;
  /** Replaces the list of rows and hidden sizes. */
  shapes?: readonly { rows: number; hidden_size: number }[];
  /** Sites of the kernel: where a float32 weight promotes the output. */
  promotes: boolean;
  /** Replaces the eps values: for an entry point that has its own. */
  eps?: number;
}

const hiddenSizes = [1, 3, 64, 127, 128, 512, 1536, 2048, 4096, 4097, 8192];
/** Wider than the registers of a block hold, in every dtype. */
const wideHiddenSize = 16392;
const rowCounts = [0, 1, 2, 31];
/** Quick: one size for each way that a launcher may go (narrow, odd, wide, any shape). */
const quickHiddenSizes = [3, 128, 4096, 4097];

/**
 * The case list: pairwise over all factors (every two values of two factors meet at least once),
 * or every combination with effort `full`, then two cases with offsets past 2^31 elements.
 */
export function listCases(options: CaseOptions): KernelCase[] {
  const factors = factorsOf(options);
  const shapesGiven = options.shapes !== undefined || options.effort === "quick";
  const tuples = options.effort === "full" ? combinations(factors) : pairwise(factors, seedOfList);
  const cases = tuples.map((tuple, index) => caseOf(options, tuple, index));
  const wide = shapesGiven ? [] : wideCases(options, cases.length);
  return [...cases, ...wide, ...farCases(options, cases.length + wide.length)];
}

/** "bf16 31x4096 llama, weight float32, strided, std_1e-2": how reports name a case. */
export function caseName(one: KernelCase): string {
  const parts = [
    `${dtypeFacts[one.dtype].short} ${one.rows}x${one.hidden_size} ${one.rounding}`,
    `weight ${one.weight}${one.weight_offset ? `+${one.weight_offset}` : ""}`,
    one.layout,
    `inputs ${one.inputs}`,
    `eps ${Number(one.eps.toPrecision(6))}`,
  ];
  if (one.out_dtype !== one.dtype) parts.push(`out ${dtypeFacts[one.out_dtype].short}`);
  return parts.join(", ");
}

/** What a mean that is taken away does to infinities and overflow, every kernel answers otherwise. */
const ordinaryRecipes: readonly InputRecipe[] = ["std_1", "std_1e-2", "nans"];

const seedOfList = 0x4b57;
const epsValues = [1e-6, 1e-5];

type Tuple = Record<string, string | number>;

function factorsOf({ operator, supports, effort, shapes, eps }: CaseOptions): Factor[] {
  const sizes = effort === "quick" ? quickHiddenSizes : hiddenSizes;
  const shapeFactors: Factor[] = shapes
    ? [{ name: "shape", values: shapes.map((_, index) => index) }]
    : [
        { name: "hidden_size", values: sizes },
        { name: "rows", values: effort === "quick" ? [1, 31] : rowCounts },
      ];
  const factors: Factor[] = [
    ...shapeFactors,
    { name: "inputs", values: operator === "layernorm" ? ordinaryRecipes : inputRecipes },
    { name: "layout", values: supports.layouts },
    { name: "dtype", values: supports.dtypes },
    { name: "weight", values: supports.weight },
    { name: "rounding", values: supports.rounding },
    { name: "weight_offset", values: supports.weight_offset },
    { name: "eps", values: eps === undefined ? epsValues : [eps] },
  ];
  return factors;
}

function caseOf(options: CaseOptions, tuple: Tuple, index: number): KernelCase {
  const { operator, form, shapes, promotes } = options;
  const shape = shapes?.[Number(tuple.shape)];
  const dtype = tuple.dtype as Dtype;
  const weight = tuple.weight as WeightForm;
  return {
    operator,
    dtype,
    rows: shape?.rows ?? Number(tuple.rows),
    hidden_size: shape?.hidden_size ?? Number(tuple.hidden_size),
    rounding: tuple.rounding as Rounding,
    weight,
    // Without a weight there is nothing to add an offset to.
    weight_offset: weight === "none" ? 0 : Number(tuple.weight_offset),
    eps: Math.fround(Number(tuple.eps)),
    out_dtype: weight === "float32" && promotes && index % 2 === 0 ? "float32" : dtype,
    layout: tuple.layout as Layout,
    inputs: tuple.inputs as InputRecipe,
    with_rstd: form.rstd === "always" || (form.rstd === "optional" && index % 3 === 0),
    rounded_sum: form.rounded_sum,
    in_place: form.in_place,
    with_bias: form.bias,
    with_mean: form.mean,
    seed: mix32(seedOfList + index),
  };
}

/** One row of every dtype: the shape that a launcher treats apart, and few others do. */
function wideCases(options: CaseOptions, firstIndex: number): KernelCase[] {
  return options.supports.dtypes.map((dtype, index) => ({
    ...simpleCase(options, firstIndex + index),
    dtype,
    out_dtype: dtype,
    rows: 1,
    hidden_size: wideHiddenSize,
    layout: "contiguous",
  }));
}

/** Four rows so far apart that the last ones start past 2^31 and 2^32 elements. */
function farCases(options: CaseOptions, firstIndex: number): KernelCase[] {
  const { supports, shapes } = options;
  if (!supports.layouts.includes("strided")) return [];
  const sizes = shapes
    ? [...new Set(shapes.map((shape) => shape.hidden_size))].slice(0, 2)
    : [128, 4096];
  return sizes.map((hidden_size, index) => ({
    ...simpleCase(options, firstIndex + index),
    rows: 4,
    hidden_size,
    layout: "far_strided",
  }));
}

/** The first of everything that is supported, and ordinary inputs. */
function simpleCase({ operator, supports, form, eps }: CaseOptions, index: number): KernelCase {
  const dtype = supports.dtypes[0] ?? "float32";
  return {
    operator,
    dtype,
    rows: 1,
    hidden_size: 128,
    rounding: supports.rounding[0] ?? "llama",
    weight: supports.weight.includes("same") ? "same" : (supports.weight[0] ?? "none"),
    weight_offset: supports.weight_offset[0] ?? 0,
    eps: Math.fround(eps ?? 1e-6),
    out_dtype: dtype,
    layout: "contiguous",
    inputs: "std_1",
    with_rstd: form.rstd === "always",
    rounded_sum: form.rounded_sum,
    in_place: form.in_place,
    with_bias: form.bias,
    with_mean: form.mean,
    seed: mix32(seedOfList + index),
  };
}

function combinations(factors: readonly Factor[]): Tuple[] {
  let tuples: Tuple[] = [{}];
  for (const factor of factors) {
    tuples = tuples.flatMap((tuple) =>
      factor.values.map((value) => ({ ...tuple, [factor.name]: value })),
    );
  }
  return tuples;
}
