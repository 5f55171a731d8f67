import { expect, test } from "vitest";
import {
  type CaseOptions,
  caseName,
  type KernelCase,
  listCases,
} from "../../tools/kernel/cases.ts";
import { inputRecipes } from "../../tools/kernel/inputs.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { pairwise } from "../../tools/kernel/pairwise.ts";

const options: CaseOptions = {
  operator: "rmsnorm",
  supports: {
    dtypes: ["bfloat16", "float16", "float32"],
    rounding: ["llama", "single"],
    weight: ["none", "same", "float32"],
    weight_offset: [0, 1],
    layouts: ["contiguous", "strided", "grouped", "unaligned"],
  },
  form: { rstd: "optional", in_place: false, rounded_sum: true, bias: false, mean: false },
  effort: "default",
  promotes: true,
};

test("every two values of every two factors meet in the pairwise list", () => {
  const factors = [
    { name: "a", values: [1, 2, 3, 4, 5] },
    { name: "b", values: ["x", "y", "z"] },
    { name: "c", values: [0, 1] },
    { name: "d", values: [0, 1, 2, 3] },
  ];
  const tuples = pairwise(factors, 7);
  for (const first of factors) {
    for (const second of factors) {
      if (first === second) continue;
      for (const a of first.values) {
        for (const b of second.values) {
          expect(tuples.some((t) => t[first.name] === a && t[second.name] === b)).toBe(true);
        }
      }
    }
  }
  // 5 * 4 pairs of the two largest factors cannot do with less; all 120 combinations would be waste.
  expect(tuples.length).toBeGreaterThanOrEqual(20);
  expect(tuples.length).toBeLessThanOrEqual(26);
});

test("optional pairs need not meet, and forbidden ones never do", () => {
  const factors = [
    { name: "a", values: [0, 1, 2, 3, 4, 5, 6, 7] },
    { name: "b", values: [0, 1, 2, 3, 4, 5, 6, 7] },
    { name: "c", values: [0, 1, 2] },
  ];
  const tuples = pairwise(factors, 7, (first, second) => {
    if (first.name === "a" && second.name === "b") return "optional";
    return first.value === 1 && second.name === "c" && second.value === 1 ? "forbidden" : "needed";
  });
  expect(tuples.some(({ a, b, c }) => (a === 1 || b === 1) && c === 1)).toBe(false);
  expect(tuples.some(({ a, c }) => a === 1 && c === 2)).toBe(true);
  // 64 pairs of a and b would need as many tuples.
  expect(tuples.length).toBeLessThan(40);
});

const efforts = ["quick", "default", "full"] as const;
const lists = new Map(efforts.map((effort) => [effort, listCases({ ...options, effort })]));
const casesOf = (effort: (typeof efforts)[number]) => lists.get(effort) ?? [];

test.each([
  ["quick", 20, 30],
  ["default", 85, 110],
  ["full", 240, 310],
] as const)("effort %s lists between %i and %i cases, the same every time", (effort, low, high) => {
  const cases = casesOf(effort);
  expect(cases.length).toBeGreaterThanOrEqual(low);
  expect(cases.length).toBeLessThanOrEqual(high);
  expect(listCases({ ...options, effort })).toEqual(cases);
  expect(new Set(cases.map(caseName)).size).toBeGreaterThanOrEqual(cases.length - 2);
});

test("a list with everything that can be declared is not cut", () => {
  const all: CaseOptions = {
    ...options,
    effort: "full",
    supports: { ...options.supports, weight_offset: [0, 1, 0.5], in_place: true },
  };
  const paired = listCases(all).filter(({ rows, layout }) => rows > 0 && layout !== "far_strided");
  expect(paired.length).toBeLessThan(300);
});

test.each([
  ["default", 2 ** 15, 3],
  ["full", 2 ** 26, 0],
] as const)("with effort %s only few cases are above the element limit", (effort, most, few) => {
  const sizes = casesOf(effort).map(({ rows, hidden_size }) => rows * hidden_size);
  expect(sizes.filter((size) => size > most).length).toBeLessThanOrEqual(few);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(Math.max(most, 65537 * 8));
});

test("full effort holds the validation plan: sizes, rows past gridDim.y, every eps and recipe", () => {
  const cases = casesOf("full");
  const values = (key: keyof KernelCase) => new Set(cases.map((one) => one[key]));
  for (const size of [1, 3, 64, 127, 4097, 65536, 262144]) {
    expect(values("hidden_size")).toContain(size);
  }
  for (const rows of [0, 1, 2, 31, 133, 65537, 300000]) expect(values("rows")).toContain(rows);
  expect(values("eps").size).toBe(6);
  expect(values("inputs")).toEqual(new Set(inputRecipes));
  expect(values("weight_values").size).toBe(2);
});

test("default effort has a row of 262144 columns and more rows than gridDim.y takes", () => {
  const shapes = casesOf("default").map(({ rows, hidden_size }) => `${rows}x${hidden_size}`);
  expect(shapes).toEqual(expect.arrayContaining(["1x262144", "65537x8", "0x128"]));
});

test("what float32 squares cannot tell from zero is not asked for without eps", () => {
  for (const effort of efforts) {
    const vague = casesOf(effort).filter(({ eps }) => eps === 0);
    expect(vague.filter(({ inputs }) => inputs === "subnormal" || inputs === "mixed")).toEqual([]);
  }
  expect(casesOf("full").some(({ eps, inputs }) => eps === 0 && inputs === "zeros")).toBe(true);
});

test("every weight form meets every size, and no weight has neither offset nor values", () => {
  for (const one of casesOf("default").filter(({ weight }) => weight === "none")) {
    expect(one).toMatchObject({ weight_offset: 0, weight_values: "spread" });
  }
  const near = casesOf("default").filter(
    ({ weight, weight_values, weight_offset }) =>
      weight === "same" && weight_values === "near_zero" && weight_offset === 1,
  );
  expect(near.length).toBeGreaterThan(5);
});

test("in place is tested where it is declared, with one layout and no other dtype", () => {
  const cases = listCases({ ...options, supports: { ...options.supports, in_place: true } });
  const inPlace = cases.filter(({ in_place }) => in_place);
  expect(inPlace.length).toBeGreaterThan(20);
  expect(inPlace.every(({ dtype, out_dtype }) => dtype === out_dtype)).toBe(true);
  expect(new Set(inPlace.map(({ layout }) => layout)).size).toBe(4);
  expect(casesOf("default").some(({ in_place }) => in_place)).toBe(false);
});

test("one dense case passes 2^31 elements where it is asked for, unless the kernel says less", () => {
  const dense = (max_elements?: number) =>
    listCases({
      ...options,
      dense_past_2_31: true,
      supports: { ...options.supports, ...(max_elements ? { max_elements } : {}) },
    }).filter(({ rows, hidden_size }) => rows * hidden_size > 2 ** 31);
  expect(dense()).toMatchObject([{ layout: "contiguous", dtype: "bfloat16" }]);
  expect(dense(2 ** 31)).toEqual([]);
});

test("drawn shapes come from their seed, within the limit, odd and even, and say that they are", () => {
  const drawn = (seed: number, multiple_of?: number) =>
    listCases({
      ...options,
      drawn: { seed, count: 16, ...(multiple_of ? { multiple_of } : {}) },
    }).filter((one) => one.drawn);
  expect(drawn(1)).toEqual(drawn(1));
  const shapes = (cases: KernelCase[]) => cases.map((one) => `${one.rows}x${one.hidden_size}`);
  expect(shapes(drawn(1))).not.toEqual(shapes(drawn(2)));
  for (const one of [...drawn(1), ...drawn(2)]) {
    expect(one.rows * one.hidden_size).toBeLessThanOrEqual(2 ** 15);
    expect(one.rows).toBeGreaterThanOrEqual(1);
    expect(caseName(one)).toMatch(/, drawn$/u);
  }
  const sizes = drawn(3).map(({ hidden_size }) => hidden_size);
  expect(sizes.filter((size) => size % 8 === 0).length).toBeGreaterThanOrEqual(8);
  expect(sizes.some((size) => size % 2 === 1)).toBe(true);
  expect(drawn(3, 128).every(({ hidden_size }) => hidden_size % 128 === 0)).toBe(true);
});

test("a kernel is tested only inside of what it supports", () => {
  const cases = listCases({
    ...options,
    supports: {
      ...options.supports,
      dtypes: ["float16"],
      layouts: ["contiguous"],
      weight: ["none"],
    },
  });
  expect(new Set(cases.map(({ dtype }) => dtype))).toEqual(new Set(["float16"]));
  expect(new Set(cases.map(({ layout }) => layout))).toEqual(new Set(["contiguous"]));
  expect(cases.every(({ weight_offset }) => weight_offset === 0)).toBe(true);
});

test("rows of every layout lie inside of the buffer and do not overlap", () => {
  for (const one of casesOf("default")) {
    const { out } = layoutOfCase(one);
    const starts = Array.from({ length: one.rows }, (_, row) => rowStart(out, row));
    starts.sort((a, b) => a - b);
    const gaps = starts.map((start, i) => (i === 0 ? start : start - (starts[i - 1] as number)));
    expect(gaps.slice(1).every((gap) => gap >= one.hidden_size)).toBe(true);
    expect(gaps.every((gap) => gap >= 0)).toBe(true);
    const bytes = one.out_dtype === "float32" ? 4 : 2;
    expect(out.buffer_bytes).toBeGreaterThanOrEqual(
      ((starts.at(-1) ?? 0) + (one.rows ? one.hidden_size : 0)) * bytes,
    );
  }
});

test("the far rows start past 2^31 and past 2^32 elements", () => {
  const far = casesOf("default").filter(({ layout }) => layout === "far_strided");
  expect(far.length).toBe(2);
  expect(casesOf("quick").some(({ layout }) => layout === "far_strided")).toBe(false);
  for (const one of far) {
    const { x } = layoutOfCase(one);
    expect(rowStart(x, 2)).toBeGreaterThan(2 ** 31);
    expect(rowStart(x, 3)).toBeGreaterThan(2 ** 32);
  }
});
