import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { drawRow, drawWeight, inputRecipes, kindOfRow } from "../../tools/kernel/inputs.ts";
import { type Deviation, referenceRow } from "../../tools/kernel/reference.ts";

/** What witness.py worked out, in exact fractions and in another language. */
type Vector = Pick<
  KernelCase,
  | "operator"
  | "dtype"
  | "rounding"
  | "weight_offset"
  | "weight_values"
  | "eps"
  | "inputs"
  | "hidden_size"
  | "seed"
> & { row: number; rstd: number; x: number[]; weight: number[]; ordered: number[] };

const fixture = path.join(import.meta.dirname, "../fixtures/kernel/witness.json.gz");
const vectors: readonly Vector[] = JSON.parse(gunzipSync(readFileSync(fixture)).toString(), revive);

/** NaN, infinities and -0 are strings in JSON. */
function revive(_key: string, value: unknown): unknown {
  return typeof value === "string" && /^(?:NaN|-?Infinity|-0)$/u.test(value)
    ? Number(value)
    : value;
}

test("the witness has some hundred vectors of every operator, dtype and recipe", () => {
  expect(vectors.length).toBe(432);
  const kinds = vectors.map(({ operator, dtype, inputs }) => `${operator} ${dtype} ${inputs}`);
  expect(new Set(kinds).size).toBe(3 * 3 * inputRecipes.length);
  const rows = new Set(vectors.map(({ inputs, row }) => kindOfRow(inputs, row)));
  expect(rows.size).toBe(18);
  expect(new Set(vectors.map(({ eps }) => eps)).size).toBe(6);
});

test("drawn rows and weights are the witness's, bit for bit", () => {
  for (const { inputs, seed, row, hidden_size, dtype, x, weight, ...one } of vectors) {
    expect(sameBits(drawRow(inputs, seed, row, hidden_size, dtype), x)).toBe(true);
    const { weight_offset, weight_values } = one;
    const drawn = drawWeight(seed, hidden_size, dtype, weight_offset, weight_values);
    expect(sameBits(drawn, weight)).toBe(true);
  }
});

function sameBits(a: Float64Array, b: readonly number[]): boolean {
  return a.length === b.length && a.every((value, index) => Object.is(value, b[index]));
}

/**
 * float64 arithmetic against exact fractions: a sum of at most 33 squares, a division, a root and
 * two products, each within 2^-53; layernorm takes a mean away, which may cancel some bits.
 */
const tolerance = 2 ** -44;

test("the reference is within 2^-44 of the witness, and has its NaN and infinities", () => {
  expect(Math.max(...vectors.map((vector) => distance(vector)))).toBeLessThan(tolerance);
});

test.each<Deviation>([
  { ignore_weight: true },
  { ignore_rstd: true },
  { ignore_eps: true },
  { eps: 1e-5 },
  { eps_place: "outside" },
  { eps_place: "floor" },
  { divisor_offset: -1 },
  { round_weight_sum: true },
  { swap_rounding: true },
  { sum_without_last: 1 },
])("a reference that deviates by %j is not within it", (deviation) => {
  expect(vectors.some((vector) => distance(vector, deviation) > 2 ** -20)).toBe(true);
});

/** The largest relative distance of a row to the witness's; infinite where NaN stand elsewhere. */
function distance(vector: Vector, deviation: Deviation = {}): number {
  const { operator, seed, row, hidden_size, dtype } = vector;
  const residual =
    operator === "add_rmsnorm" ? drawRow("std_1", seed ^ 77, row, hidden_size, dtype) : undefined;
  const one: KernelCase = {
    ...vector,
    rows: 1,
    weight: "same",
    out_dtype: dtype,
    layout: "contiguous",
    with_rstd: false,
    rounded_sum: true,
    in_place: false,
    with_bias: false,
    with_mean: false,
    drawn: false,
  };
  const inputs = {
    x: Float64Array.from(vector.x),
    weight: Float64Array.from(vector.weight),
    residual,
    bias: undefined,
  };
  const got = referenceRow(one, inputs, deviation);
  const scale = Math.max(...vector.ordered.filter(Number.isFinite).map(Math.abs)) || 1;
  return Math.max(
    apart(got.rstd, vector.rstd, Math.abs(vector.rstd) || 1),
    ...vector.ordered.map((value, column) => apart(got.ordered[column] as number, value, scale)),
  );
}

function apart(got: number, expected: number, scale: number): number {
  if (got === expected || (Number.isNaN(got) && Number.isNaN(expected))) return 0;
  const finite = Number.isFinite(got) && Number.isFinite(expected);
  return finite ? Math.abs(got - expected) / scale : Infinity;
}
