import { expect, test } from "vitest";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { dtypeFacts, roundTo } from "../../tools/kernel/dtypes.ts";
import { bell, drawRow, drawWeight, inputRecipes } from "../../tools/kernel/inputs.ts";
import { referenceRow } from "../../tools/kernel/reference.ts";

const base: KernelCase = {
  operator: "rmsnorm",
  dtype: "bfloat16",
  rows: 1,
  hidden_size: 4,
  rounding: "single",
  weight: "same",
  weight_values: "spread",
  weight_offset: 0,
  eps: 0,
  out_dtype: "bfloat16",
  layout: "contiguous",
  inputs: "std_1",
  with_rstd: false,
  rounded_sum: true,
  in_place: false,
  with_bias: false,
  with_mean: false,
  drawn: false,
  seed: 1,
};

const row = (x: number[], weight?: number[]) => ({
  x: Float64Array.from(x),
  weight: weight ? Float64Array.from(weight) : undefined,
  residual: undefined,
  bias: undefined,
});

test("the reference is x / sqrt(mean square) * weight, worked out by hand", () => {
  // mean square of 1, 2, 2, 4 is 25/4: rstd 0.4.
  const { exact, rstd } = referenceRow(base, row([1, 2, 2, 4], [1, -1, 2, 0.5]));
  expect(rstd).toBe(0.4);
  expect([...exact]).toEqual([0.4, -0.8, 1.6, 0.8]);
});

test("eps is added to the mean square, weight_offset to the weight", () => {
  const one = { ...base, eps: 6.25, weight_offset: 1 };
  const { exact } = referenceRow(one, row([1, 2, 2, 4], [0, 1, 0, -1]));
  const rstd = 1 / Math.sqrt(12.5);
  expect([...exact]).toEqual([rstd, 4 * rstd, 2 * rstd, 0]);
});

test("llama order rounds the normalised value before the product", () => {
  const { ordered } = referenceRow({ ...base, rounding: "llama" }, row([1, 2, 2, 4], [3, 3, 3, 3]));
  expect([...ordered]).toEqual([0.4, 0.8, 0.8, 1.6].map((n) => roundTo(n, "bfloat16") * 3));
});

test("an infinity gives NaN in its place and zeros elsewhere, a NaN poisons its row", () => {
  expect([...referenceRow(base, row([1, Infinity, 2, -3])).exact]).toEqual([0, Number.NaN, 0, -0]);
  expect([...referenceRow(base, row([1, Number.NaN, 2, 3])).exact].every(Number.isNaN)).toBe(true);
});

test("an unrounded sum past the largest float32 is an infinity, as in float32 arithmetic", () => {
  const one: KernelCase = {
    ...base,
    operator: "add_rmsnorm",
    rounded_sum: false,
    hidden_size: 2,
  };
  const most = dtypeFacts.bfloat16.max_finite;
  const inputs = { ...row([most, 1]), residual: Float64Array.from([most, 1]) };
  expect([...referenceRow(one, inputs).exact]).toEqual([Number.NaN, 0]);
});

test("a sum of squares past the largest float32 is marked, infinite inputs are not", () => {
  expect(referenceRow(base, row([2 ** 64, 0, 0, 0])).overflows).toBe(true);
  expect(referenceRow(base, row([Infinity, 0, 0, 0])).overflows).toBe(false);
  expect(referenceRow(base, row([2 ** 60, 0, 0, 0])).overflows).toBe(false);
});

test("drawn values are exact in their dtype, and have the spread that the recipe says", () => {
  for (const recipe of inputRecipes) {
    for (const dtype of ["bfloat16", "float16", "float32"] as const) {
      for (const value of drawRow(recipe, 3, 1, 64, dtype)) {
        if (!Number.isNaN(value)) expect(roundTo(value, dtype)).toBe(value);
      }
    }
  }
  const values = drawRow("std_1", 9, 0, 8192, "float32");
  const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
  // 1.155^2 = 1.333; the mean of 8192 squares of a bell-shaped value is within 4 % of it.
  expect(square).toBeGreaterThan(1.28);
  expect(square).toBeLessThan(1.39);
});

test("neither rows nor columns repeat, and the weight has negative and large values", () => {
  const first = drawRow("std_1", 5, 0, 256, "float32");
  const second = drawRow("std_1", 5, 1, 256, "float32");
  expect(new Set(first).size).toBeGreaterThan(250);
  expect(first.filter((value, i) => value === second[i]).length).toBeLessThan(3);
  const weight = drawWeight(5, 256, "bfloat16", 0);
  expect(Math.min(...weight)).toBeLessThan(-4);
  expect(drawWeight(5, 256, "bfloat16", 1)[0]).toBeCloseTo((weight[0] as number) - 1, 1);
});

test.each([
  ["zeros", 2, "float16", (x: number[]) => x.every((value) => Object.is(value, -0))],
  ["zeros", 3, "float16", (x: number[]) => x.filter((value) => value !== 0).join() === "3"],
  ["max_finite", 0, "float16", (x: number[]) => x.every((value) => value === 65504)],
  ["max_finite", 2, "float16", (x: number[]) => new Set(x).size === 2],
  ["max_finite", 3, "float16", (x: number[]) => x.filter((value) => value > 5).join() === "65504"],
  [
    "infinities",
    4,
    "float32",
    (x: number[]) => x.filter((value) => !Number.isFinite(value)).length === 2,
  ],
  ["nans", 2, "bfloat16", (x: number[]) => x.filter(Number.isNaN).length === 1],
  ["one_outlier", 1, "bfloat16", (x: number[]) => x.filter((value) => value > 5).join() === "1024"],
  ["large_mean", 1, "float32", (x: number[]) => x.every((value) => value >= 9 && value <= 11)],
  ["large", 3, "bfloat16", (x: number[]) => Math.max(...x) > 2 ** 64],
  ["subnormal", 0, "float16", (x: number[]) => x.every((value) => Math.abs(value) < 2 ** -14)],
  ["mixed", 1, "bfloat16", (x: number[]) => x.every((value) => Math.abs(value) <= 4)],
] as const)("recipe %s, row %i in %s, is of its kind", (recipe, index, dtype, holds) => {
  expect(holds([...drawRow(recipe, 3, index, 64, dtype)])).toBe(true);
});

test("weights near zero are small, and 0 in every 17th column, whatever the offset", () => {
  const near = drawWeight(5, 256, "bfloat16", 1, "near_zero");
  expect(Math.max(...near.map(Math.abs))).toBeLessThanOrEqual(2 ** -4);
  expect(near[3]).toBe(0);
  expect(near).toEqual(drawWeight(5, 256, "bfloat16", 0, "near_zero"));
  const lost = near.filter((w) => roundTo(1 + w, "bfloat16") !== 1 + w).length;
  expect(lost).toBeGreaterThan(200);
});

test("the hash gives the same numbers as always: every executor must draw these bits", () => {
  expect([bell(1, 0, 0), bell(1, 0, 1), bell(2, 5, 7)]).toMatchInlineSnapshot(`
    [
      -0.043609619140625,
      -2.9228515625,
      0.948486328125,
    ]
  `);
});
