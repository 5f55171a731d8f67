import { type CaseList, caseListOf, ruleOf } from "./case-lists.ts";
import { type Dtype, dtypeFacts } from "./dtypes.ts";
import { drawnCases, singleCases } from "./extra-cases.ts";
import { type InputRecipe, mix32, type WeightValues } from "./inputs.ts";
import type { OperatorName } from "./operators.ts";
import { pairwise, type Tuple } from "./pairwise.ts";

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
  weight_values: WeightValues;
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
  /** The shape was drawn for this validation, so that no kernel can have it built in. */
  drawn: boolean;
  seed: number;
}

/** What a kernel says that it can do: it is tested inside of it. */
export interface Supported {
  dtypes: readonly Dtype[];
  rounding: readonly Rounding[];
  weight: readonly WeightForm[];
  weight_offset: readonly number[];
  layouts: readonly (typeof layouts)[number][];
  /** Whether out may be x. */
  in_place?: boolean;
  /** Most elements (rows * hidden_size) in one call. */
  max_elements?: number;
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

export interface Shape {
  rows: number;
  hidden_size: number;
}

export interface CaseOptions {
  operator: OperatorName;
  supports: Supported;
  form: EntryForm;
  effort: Effort;
  /** Replaces the list of rows and hidden sizes. */
  shapes?: readonly Shape[];
  /** Sites of the kernel: where a float32 weight promotes the output. */
  promotes: boolean;
  /** Replaces the eps values: for an entry point that has its own. */
  eps?: number;
  /**
   * Most elements (rows * hidden_size) of a case, to which rows are cut where `shapes` does not say
   * them. Left out: 2^17, with effort full 2^26. Few cases of their own are larger.
   */
  most_elements?: number;
  /** Adds one contiguous case past 2^31 elements: 8 GiB of x and out in a 16-bit dtype. */
  dense_past_2_31?: boolean;
  /** Adds `count` cases whose shapes are drawn from `seed`; hidden sizes are whole `multiple_of`s. */
  drawn?: { seed: number; count: number; multiple_of?: number };
}

/**
 * The case list: pairwise over all factors (every two values of two factors meet at least once,
 * but for what case-lists.ts says), then cases for shapes that a launcher treats apart, offsets past
 * 2^31 elements, and drawn shapes. The same options give the same list.
 */
export function listCases(options: CaseOptions): KernelCase[] {
  const list = caseListOf(options);
  const tuples = pairwise(list.factors, seedOfList, ruleOf(options));
  const paired = tuples
    .slice(0, mostPaired)
    .map((tuple, index) => caseOf(options, list, tuple, index));
  const base = simpleCase(options);
  const more = [...singleCases(options, list, base), ...drawnCases(options, list, base)];
  return [...paired, ...more.map((one, index) => ({ ...one, seed: seedOf(index + mostPaired) }))];
}

/** "bf16 31x4096 llama, weight float32, strided, std_1e-2": how reports name a case. */
export function caseName(one: KernelCase): string {
  const offset = one.weight_offset ? `+${one.weight_offset}` : "";
  const near = one.weight_values === "near_zero" ? " near 0" : "";
  const parts = [
    `${dtypeFacts[one.dtype].short} ${one.rows}x${one.hidden_size} ${one.rounding}`,
    `weight ${one.weight}${offset}${near}`,
    one.layout,
    `inputs ${one.inputs}`,
    `eps ${Number(one.eps.toPrecision(6))}`,
  ];
  if (one.out_dtype !== one.dtype) parts.push(`out ${dtypeFacts[one.out_dtype].short}`);
  if (one.in_place) parts.push("in place");
  if (one.drawn) parts.push("drawn");
  return parts.join(", ");
}

const seedOfList = 0x4b57;

/** The lists of case-lists.ts stay below it; a test holds them to it. */
const mostPaired = 300;

function seedOf(index: number): number {
  return mix32(seedOfList + index);
}

function caseOf(options: CaseOptions, list: CaseList, tuple: Tuple, index: number): KernelCase {
  const { form, shapes, promotes } = options;
  const dtype = tuple.dtype as Dtype;
  const weight = tuple.weight as WeightForm;
  const in_place = tuple.in_place === "yes";
  const promoted = weight === "float32" && promotes && !in_place && index % 2 === 0;
  return {
    ...simpleCase(options),
    dtype,
    ...(shapes?.[Number(tuple.shape)] ??
      list.cut({ rows: Number(tuple.rows), hidden_size: Number(tuple.hidden_size) })),
    rounding: tuple.rounding as Rounding,
    weight,
    // Without a weight there is nothing to draw, or to add an offset to.
    weight_values: weight === "none" ? "spread" : (tuple.weight_values as WeightValues),
    weight_offset: weight === "none" ? 0 : Number(tuple.weight_offset),
    eps: Math.fround(Number(tuple.eps)),
    out_dtype: promoted ? "float32" : dtype,
    layout: tuple.layout as Layout,
    inputs: tuple.inputs as InputRecipe,
    with_rstd: form.rstd === "always" || (form.rstd === "optional" && index % 3 === 0),
    in_place,
    seed: seedOf(index),
  };
}

/** The first of everything that is supported, and ordinary inputs. */
function simpleCase({ operator, supports, form, eps }: CaseOptions): KernelCase {
  const dtype = supports.dtypes[0] ?? "float32";
  return {
    operator,
    dtype,
    rows: 1,
    hidden_size: 128,
    rounding: supports.rounding[0] ?? "llama",
    weight: supports.weight.includes("same") ? "same" : (supports.weight[0] ?? "none"),
    weight_values: "spread",
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
    drawn: false,
    seed: 0,
  };
}
