import { expect, test } from "vitest";
import * as approximate from "../../../tools/ptx/arithmetic/approximate.ts";
import { roundTo32 } from "../../../tools/ptx/arithmetic/float32.ts";
import { Bits, Checker } from "./draw.ts";
import * as exact from "./exact.ts";

// The special values of the ISA's tables (9.7.3.8 to 9.7.3.22); h200.test.ts compares the rest with hardware.
const subnormal = 2 ** -130;
const inputs = [-Infinity, -1, -subnormal, -0, 0, subnormal, Infinity, Number.NaN];

test("special values without ftz are those of the ISA's tables", () => {
  const { NaN: nan } = Number;
  const of = (f: (a: number, ftz: boolean) => number) => inputs.map((a) => f(a, false));
  expect(of(approximate.rsqrtApprox32)).toEqual([
    nan,
    nan,
    nan,
    -Infinity,
    Infinity,
    2 ** 65,
    0,
    nan,
  ]);
  expect(of(approximate.rcpApprox32)).toEqual([
    -0,
    -1,
    -Infinity,
    -Infinity,
    Infinity,
    Infinity,
    0,
    nan,
  ]);
  expect(of(approximate.sqrtApprox32)).toEqual([nan, nan, nan, -0, 0, 2 ** -65, Infinity, nan]);
  expect(of(approximate.ex2Approx32)).toEqual([0, 0.5, 1, 1, 1, 1, Infinity, nan]);
  expect(of(approximate.lg2Approx32)).toEqual([
    nan,
    nan,
    nan,
    -Infinity,
    -Infinity,
    -130,
    Infinity,
    nan,
  ]);
  expect(inputs.map(approximate.tanhApprox32)).toEqual([
    -1,
    Math.fround(Math.tanh(-1)),
    -subnormal,
    -0,
    0,
    subnormal,
    1,
    nan,
  ]);
  expect(approximate.sinApprox32(-0, false)).toBe(-0);
  expect([approximate.sinApprox32(Infinity, false), approximate.cosApprox32(Infinity)]).toEqual([
    nan,
    nan,
  ]);
});

test("ftz treats subnormal operands as zeros of their sign and flushes subnormal results", () => {
  expect(approximate.rsqrtApprox32(-subnormal, true)).toBe(-Infinity);
  expect(approximate.rcpApprox32(-subnormal, true)).toBe(-Infinity);
  expect(approximate.rcpApprox32(-(2 ** 127), true)).toBe(-0);
  expect(approximate.sqrtApprox32(-subnormal, true)).toBe(-0);
  expect(approximate.lg2Approx32(-subnormal, true)).toBe(-Infinity);
  expect(approximate.ex2Approx32(-127, true)).toBe(0);
  expect(approximate.ex2Approx32(-127, false)).toBe(2 ** -127);
});

test("div.approx gives a signed zero for 2^126 < |b| < 2^128, NaN if a is infinite; div.full does not", () => {
  const b = 1.5 * 2 ** 126;
  expect(approximate.divApprox32(b, b, false)).toBe(0);
  expect(approximate.divApprox32(-b, b, false)).toBe(-0);
  expect(approximate.divApprox32(-0, -b, false)).toBe(0);
  expect(approximate.divApprox32(Infinity, b, false)).toBeNaN();
  expect(approximate.divApprox32(Number.NaN, b, false)).toBeNaN();
  expect(approximate.divApprox32(2 ** 126, 2 ** 126, false)).toBe(1);
  expect(approximate.divFull32(b, b, false)).toBe(1);
});

test("rsqrt.approx.f32 is the correctly rounded value on 20 000 random operands", () => {
  const checker = new Checker();
  const bits = new Bits(61);
  for (let i = 0; i < 20_000; i++) {
    const a = Math.abs(bits.f32Between(-126, 127));
    const r = approximate.rsqrtApprox32(a, false);
    // r is nearest iff a * (r - ulp/2)^2 <= 1 <= a * (r + ulp/2)^2, in exact integers.
    const half = 2 ** (Math.floor(Math.log2(r)) - 24);
    const side = (x: number) => {
      const square = exact.times(exact.exact(a), exact.times(exact.exact(x), exact.exact(x)));
      return exact.plus(square, { m: -1n, e: 0 }).m;
    };
    checker.check(side(r - half) <= 0n && side(r + half) >= 0n, true, () => `rsqrt ${a}`);
    checker.check(roundTo32(r, "rn"), r, () => `float32 ${a}`);
  }
  checker.done(40_000);
});

test("every documented error is a positive bound with a range", () => {
  for (const [op, { maximum, range }] of Object.entries(approximate.documentedErrors)) {
    expect(maximum, op).toBeGreaterThan(0);
    expect(range, op).not.toBe("");
  }
});
