import { expect, test } from "vitest";
import { type CaseOptions, caseName, listCases } from "../../tools/kernel/cases.ts";
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

test("the default list has about 60 cases, is the same every time, and no two names are equal", () => {
  const cases = listCases(options);
  expect(cases.length).toBeGreaterThanOrEqual(60);
  expect(cases.length).toBeLessThanOrEqual(72);
  expect(listCases(options)).toEqual(cases);
  expect(new Set(cases.map(caseName)).size).toBeGreaterThanOrEqual(cases.length - 2);
});

test("full effort lists every combination", () => {
  const cases = listCases({ ...options, effort: "full" });
  expect(cases.length).toBe(11 * 4 * 6 * 4 * 3 * 3 * 2 * 2 * 2 + 3 + 2);
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
  for (const one of listCases(options)) {
    const { out } = layoutOfCase(one);
    const starts = Array.from({ length: one.rows }, (_, row) => rowStart(out, row)).sort(
      (a, b) => a - b,
    );
    starts.forEach((start, i) => {
      expect(start).toBeGreaterThanOrEqual(
        i === 0 ? 0 : (starts[i - 1] as number) + one.hidden_size,
      );
    });
    const bytes = one.out_dtype === "float32" ? 4 : 2;
    expect(out.buffer_bytes).toBeGreaterThanOrEqual(
      ((starts.at(-1) ?? 0) + (one.rows ? one.hidden_size : 0)) * bytes,
    );
  }
});

test("the far rows start past 2^31 and past 2^32 elements", () => {
  const far = listCases(options).filter(({ layout }) => layout === "far_strided");
  expect(far.length).toBe(2);
  for (const one of far) {
    const { x } = layoutOfCase(one);
    expect(rowStart(x, 2)).toBeGreaterThan(2 ** 31);
    expect(rowStart(x, 3)).toBeGreaterThan(2 ** 32);
  }
});
