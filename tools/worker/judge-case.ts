import { accuracyLimits } from "../kernel/accuracy.ts";
import type { KernelCase } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import {
  type InputRecipe,
  mix32,
  type RowKind,
  recipeRows,
  rowKinds,
  type WeightValues,
} from "../kernel/inputs.ts";
import { layoutOfCase, type MatrixLayout } from "../kernel/layout.ts";
import { dtypeCodes, roundingCodes } from "../kernel/operators.ts";
import { encodeStruct, type StructField, type StructValues } from "./device-struct.ts";

/** A buffer of a case in device memory. What lies `before` and `after` it is mapped, and ours. */
export interface JudgeBuffer {
  address: bigint;
  /** Canary bytes around the buffer; even, or 0. */
  before_bytes: number;
  after_bytes: number;
}

/** Where a case's buffers lie, sized as `bufferBytes` says. */
export interface JudgePlaces {
  x: JudgeBuffer;
  /** Where the output is written over `x`: the same. */
  out: JudgeBuffer;
  weight?: JudgeBuffer | undefined;
  bias?: JudgeBuffer | undefined;
  residual?: JudgeBuffer | undefined;
  rstd?: JudgeBuffer | undefined;
  mean?: JudgeBuffer | undefined;
  /** `measureResultBytes` for what is found. */
  result: bigint;
}

export interface JudgeOptions {
  /** Other inputs at the same layout. Left out: the case's own. */
  seed?: number | undefined;
}

/** Bytes of each buffer as tools/validate/prepare-case.ts allocates it; 0: the case has none. */
export function bufferBytes(one: KernelCase): Record<BufferName, number> {
  const { x, out } = layoutOfCase(one);
  const row = (bytes: number) => one.hidden_size * bytes;
  const rows = Math.max(one.rows, 1);
  const element = dtypeFacts[one.dtype].bytes;
  return {
    x: x.buffer_bytes,
    out: one.in_place ? 0 : out.buffer_bytes,
    weight: one.weight === "none" ? 0 : row(dtypeFacts[weightDtype(one)].bytes),
    bias: one.with_bias ? row(element) : 0,
    residual: one.operator === "add_rmsnorm" ? rows * row(element) : 0,
    rstd: one.with_rstd ? 4 * rows : 0,
    mean: one.with_mean ? 4 * rows : 0,
  };
}

export const bufferNames = ["x", "out", "weight", "bias", "residual", "rstd", "mean"] as const;
export type BufferName = (typeof bufferNames)[number];

/** The struct `judge_case` of judge/case.cuh for a case with its buffers at these places. */
export function encodeJudgeCase(
  one: KernelCase,
  places: JudgePlaces,
  options: JudgeOptions & { question?: Question } = {},
): Uint8Array {
  const { x, out } = layoutOfCase(one);
  const seed = options.seed ?? one.seed;
  const { max_ulp, ordered_ulp } = accuracyLimits(one);
  return encodeStruct(caseFields, {
    ...addressesOf(one, places),
    result: places.result,
    ...layoutValues("x_layout", x, dtypeFacts[one.dtype].bytes, one),
    ...layoutValues("out_layout", out, dtypeFacts[one.out_dtype].bytes, one),
    rows: one.rows,
    eps: one.eps,
    weight_offset: one.weight_offset,
    max_ulp,
    ordered_ulp,
    ...recipeValues(one.inputs),
    x_seed: seed,
    residual_seed: mix32(seed ^ 0x2545f491),
    weight_stream: vectorStream(seed),
    bias_stream: vectorStream(mix32(seed)),
    question: questionCodes[options.question ?? "all"],
    weight_values: weightValuesCodes[one.weight_values],
    hidden_size: requireUint32(one.hidden_size),
    threads_per_row: threadsPerRow(one),
    dtype: dtypeCodes[one.dtype],
    weight_dtype: dtypeCodes[weightDtype(one)],
    out_dtype: dtypeCodes[one.out_dtype],
    rounding: roundingCodes[one.rounding],
    centred: Number(one.operator === "layernorm"),
    rounded_sum: Number(one.rounded_sum),
    in_place: Number(one.in_place),
    residual_is_sum: Number(one.operator === "add_rmsnorm"),
  });
}

/** Threads of a block of the judge's kernels: kThreads of judge/rows.cuh. */
export const blockThreads = 256;

/** A warp takes a narrow row by itself: eight rows a block. */
export function threadsPerRow({ hidden_size }: KernelCase): number {
  return hidden_size <= 512 ? 32 : blockThreads;
}

/** Codes of the kinds of rows: those of the enum in judge/inputs.cuh. */
export const rowKindCodes = Object.fromEntries(
  rowKinds.map((kind, code) => [kind, code]),
) as Record<RowKind, number>;

/** Codes of WEIGHT_* in judge/case.cuh. */
export const weightValuesCodes: Record<WeightValues, number> = { spread: 0, near_zero: 1 };

/** Codes of QUESTION_* in judge/case.cuh: what kw_measure is to find out. */
export const questionCodes = { all: 0, worst: 1 } as const;
export type Question = keyof typeof questionCodes;

const layoutFields = [
  { name: "first_element", type: "int64_t" },
  { name: "row_stride", type: "int64_t" },
  { name: "group_stride", type: "int64_t" },
  { name: "rows_per_group", type: "int64_t" },
  { name: "buffer_elements", type: "int64_t" },
] as const satisfies readonly StructField[];

export const caseFields: readonly StructField[] = [
  ...of("uint64_t", "x", "out", "weight", "bias", "residual", "rstd", "mean"),
  ...of("uint64_t", "result"),
  ...layoutFieldsOf("x_layout"),
  ...layoutFieldsOf("out_layout"),
  ...of("int64_t", "rows"),
  ...of("double", "eps", "weight_offset", "max_ulp", "ordered_ulp"),
  ...of("uint64_t", "row_kinds_low", "row_kinds_high"),
  ...of("uint32_t", "row_kind_count", "x_seed", "residual_seed", "weight_stream", "bias_stream"),
  ...of("int32_t", "question", "weight_values"),
  ...of("uint32_t", "hidden_size"),
  ...of("int32_t", "threads_per_row", "dtype", "weight_dtype", "out_dtype", "rounding"),
  ...of("int32_t", "centred", "rounded_sum", "in_place", "residual_is_sum"),
];

/** The fields of a `judge_layout` within another struct. */
function layoutFieldsOf(prefix: string): StructField[] {
  return layoutFields.map(({ name, type }) => ({ name: `${prefix}.${name}`, type }));
}

export function of(type: StructField["type"], ...names: string[]): StructField[] {
  return names.map((name) => ({ name, type }));
}

/** Values for `layoutFieldsOf(prefix)`. The rows must not overlap, nor go back. */
function layoutValues(
  prefix: string,
  layout: MatrixLayout,
  elementBytes: number,
  { rows, hidden_size }: KernelCase,
): StructValues {
  const { first_element, row_stride, group_stride, rows_per_group, buffer_bytes } = layout;
  const dense = row_stride >= hidden_size || rows < 2;
  if (!dense || (rows_per_group > 0 && group_stride < rows_per_group * row_stride)) {
    throw new Error(`rows of stride ${row_stride} in groups of ${group_stride} overlap`);
  }
  const buffer_elements = buffer_bytes / elementBytes;
  return Object.fromEntries(
    Object.entries({
      first_element,
      row_stride,
      group_stride,
      rows_per_group,
      buffer_elements,
    }).map(([name, value]) => [`${prefix}.${name}`, value]),
  );
}

function weightDtype(one: KernelCase) {
  return one.weight === "float32" ? "float32" : one.dtype;
}

/** Every buffer that the case has needs a place, and no other gets one. */
function addressesOf(one: KernelCase, places: JudgePlaces): StructValues {
  const bytes = bufferBytes(one);
  return Object.fromEntries(
    bufferNames.map((name) => {
      if (name === "out" && one.in_place) return [name, places.x.address];
      if (bytes[name] === 0) return [name, 0n];
      const place = places[name];
      if (!place) throw new Error(`the case has a buffer ${name}, and it has no place`);
      return [name, place.address];
    }),
  );
}

function recipeValues(recipe: InputRecipe): StructValues {
  const kinds: readonly RowKind[] = recipeRows[recipe];
  if (kinds.length > 16) throw new Error(`recipe ${recipe} has ${kinds.length} kinds of rows`);
  const packed = (from: number) =>
    kinds
      .slice(from, from + 8)
      .reduce((sum, kind, place) => sum | (BigInt(rowKindCodes[kind]) << BigInt(8 * place)), 0n);
  return {
    row_kinds_low: packed(0),
    row_kinds_high: packed(8),
    row_kind_count: kinds.length,
  };
}

/** What the bits of a weight's or bias's columns are mixed from: the stream of row -1. */
function vectorStream(seed: number): number {
  return mix32(seed ^ 0x5bd1e995 ^ mix32(0x9e3779b9 - 1));
}

function requireUint32(value: number): number {
  if (value >= 1 && value < 2 ** 32) return value;
  throw new Error(`a hidden size of ${value}`);
}
