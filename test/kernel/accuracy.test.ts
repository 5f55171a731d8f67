import { expect, test } from "vitest";
import {
  type AccuracyPool,
  accuracyLimits,
  tooManyBeyond,
  ulpDistance,
} from "../../tools/kernel/accuracy.ts";
import { roundTo } from "../../tools/kernel/dtypes.ts";

test("the nearest value is at most half an ulp away, its neighbour one more", () => {
  const reference = 1.2345678;
  const nearest = roundTo(reference, "bfloat16");
  const distance = ulpDistance(nearest, reference, "bfloat16");
  expect(distance).toBeLessThanOrEqual(0.5);
  const away = ulpDistance(nearest + 2 ** -7, reference, "bfloat16");
  expect(away + distance).toBeGreaterThanOrEqual(1);
});

test("NaN and infinities must stand where the reference has them, with their sign", () => {
  expect(ulpDistance(Number.NaN, Number.NaN, "float16")).toBe(0);
  expect(ulpDistance(1, Number.NaN, "float16")).toBe(Infinity);
  expect(ulpDistance(Number.NaN, 1, "float16")).toBe(Infinity);
  expect(ulpDistance(Infinity, Infinity, "float16")).toBe(0);
  expect(ulpDistance(-Infinity, Infinity, "float16")).toBeGreaterThan(1e3);
  expect(ulpDistance(65504, Infinity, "float16")).toBe(Infinity);
  expect(ulpDistance(Infinity, 3, "float16")).toBeGreaterThan(1e3);
});

test("infinity is right where a finite reference rounds to it, and one ulp off just below", () => {
  expect(ulpDistance(Infinity, 65521, "float16")).toBeLessThan(0.5);
  expect(ulpDistance(Infinity, 65504, "float16")).toBe(1);
});

test("the sign of a zero does not count", () => {
  expect(ulpDistance(-0, 0, "bfloat16")).toBe(0);
});

test("below the smallest normal number distances are counted in the smallest subnormal", () => {
  expect(ulpDistance(0, 2 ** -24, "float16")).toBe(1);
});

test("llama order may be 1.51 ulp off, one rounding 0.51, float32 8", () => {
  const limits = (dtype: "bfloat16" | "float32", rounding: "llama" | "single") =>
    accuracyLimits({ operator: "rmsnorm", dtype, out_dtype: dtype, rounding }).max_ulp;
  expect(limits("bfloat16", "llama")).toBe(1.51);
  expect(limits("bfloat16", "single")).toBe(0.51);
  expect(limits("float32", "single")).toBe(8);
});

test("a pool fails on a hundredth of its elements, not on a ten-thousandth, nor on one of a few", () => {
  const pool = (elements: number, beyond: number): AccuracyPool => ({
    operator: "rmsnorm",
    dtype: "bfloat16",
    out_dtype: "bfloat16",
    rounding: "llama",
    weight: "same",
    elements,
    max_ulp: 1.2,
    beyond,
  });
  expect(tooManyBeyond(pool(100_000, 1000))).toBe(true);
  expect(tooManyBeyond(pool(100_000, 10))).toBe(false);
  expect(tooManyBeyond(pool(64, 1))).toBe(false);
  expect(tooManyBeyond(pool(64, 20))).toBe(true);
});
