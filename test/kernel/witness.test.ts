import { readFileSync } from "node:fs";
import path from "node:path";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { drawRow, drawWeight } from "../../tools/kernel/inputs.ts";
import { type Deviation, referenceRow } from "../../tools/kernel/reference.ts";

/** What witness.py worked out, in exact fractions and in another language. */
type Vector = Pick<
  KernelCase,
  "operator" | "dtype" | "rounding" | "weight_offset" | "eps" | "inputs" | "hidden_size" | "seed"
> & { row: number; rstd: number; x: number[]; weight: number[]; ordered: number[] };

const fixture = path.join(import.meta.dirname, "../fixtures/kernel/witness.json.gz");
const vectors: readonly Vector[] = JSON.parse(gunzipSync(readFileSync(fixture)).toString());

test("the witness has some hundred vectors of every operator, dtype and recipe", () => {
  expect(vectors.length).toBe(300);
  const kinds = vectors.map(({ operator, dtype, inputs }) => `${operator} ${dtype} ${inputs}`);
  expect(new Set(kinds).size).toBe(3 * 3 * 4);
});

test("drawn rows and weights are the witness's, bit for bit", () => {
  for (const { inputs, seed, row, hidden_size, dtype, weight_offset, x, weight } of vectors) {
    expect([...drawRow(inputs, seed, row, hidden_size, dtype)]).toEqual(x);
    expect([...drawWeight(seed, hidden_size, dtype, weight_offset)]).toEqual(weight);
  }
});

/**
 * float64 arithmetic against exact fractions: a sum of at most 33 squares, a division, a root and
 * two products, each within 2^-53; layernorm takes a mean away, which may cancel some bits.
 */
const tolerance = 2 ** -44;

test("the reference is within 2^-44 of the witness", () => {
  expect(Math.max(...vectors.map((vector) => distance(vector)))).toBeLessThan(tolerance);
});

test.each<Deviation>([
  { ignore_weight: true },
  { ignore_eps: true },
  { divisor_offset: -1 },
  { swap_rounding: true },
  { sum_without_last: 1 },
])("a reference that deviates by %j is not within it", (deviation) => {
  expect(vectors.some((vector) => distance(vector, deviation) > 2 ** -20)).toBe(true);
});

/** The largest relative distance of a row to the witness's. */
function distance(vector: Vector, deviation: Deviation = {}): number {
  const { operator, seed, row, hidden_size, dtype } = vector;
  const residual =
    operator === "add_rmsnorm" ? drawRow("std_1", seed ^ 77, row, hidden_size, dtype) : undefined;
  const one: KernelCase = {
    ...vector,
    rows: 1,
    weight: "same",
    weight_values: "spread",
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
  const scale = Math.max(...vector.ordered.map(Math.abs));
  return Math.max(
    Math.abs(got.rstd / vector.rstd - 1),
    ...vector.ordered.map(
      (value, column) => Math.abs((got.ordered[column] as number) - value) / scale,
    ),
  );
}
