import { expect, test } from "vitest";
import * as float64 from "../../../tools/ptx/arithmetic/float64.ts";
import { Bits, Checker } from "./draw.ts";
import * as exact from "./exact.ts";

// Zero ulp: fma.rn.f64 and the directed roundings are correctly rounded by definition.
const special = [
  ...[0, -0, 1, -1, 1 + 2 ** -52, 1 - 2 ** -53, 2 ** -1022, Number.MIN_VALUE, -Number.MIN_VALUE],
  ...[
    Number.MAX_VALUE,
    -Number.MAX_VALUE,
    2 ** 1023,
    2 ** -537,
    2 ** -538,
    2 ** 512,
    2 ** 27 + 1,
    2 ** 53 + 2,
  ],
  ...[Infinity, -Infinity, Number.NaN, 2 ** -1022 - 2 ** -1074, 3 * 2 ** -1074],
];

test("fma64 equals the exact model: special triples, 60 000 uniform and 60 000 of like size", () => {
  const checker = new Checker();
  const bits = new Bits(21);
  const check = (a: number, b: number, c: number) =>
    checker.check(
      float64.fma64(a, b, c),
      exact.fma(a, b, c, exact.f64, "rn"),
      () => `fma ${a} ${b} ${c}`,
    );
  for (const a of special) for (const b of special) for (const c of special) check(a, b, c);
  for (let i = 0; i < 60_000; i++) check(bits.f64(), bits.f64(), bits.f64());
  const near = () =>
    (bits.next() + bits.next() * 2 ** -32) *
    2 ** -(20 + bits.below(24)) *
    (bits.next() & 1 ? 1 : -1);
  for (let i = 0; i < 30_000; i++) check(near(), near(), near());
  for (let i = 0; i < 30_000; i++) {
    const [a, b] = [near(), near()];
    check(a, b, -a * b * (1 + (bits.below(5) - 2) * 2 ** -52)); // cancellation
  }
  checker.done(120_000);
});

test("fma64 breaks ties by bits 2^-100 below the midpoint, where a * b + c in doubles does not", () => {
  const checker = new Checker();
  let wrong = 0;
  for (let j = 1; j < 2000; j++)
    for (const sign of [1, -1]) {
      const [a, b, c] = [sign * (1 + j * 2 ** -52), 1 - j * 2 ** -52, 2 ** 53 + 2 * j];
      const want = exact.fma(a, b, c, exact.f64, "rn");
      checker.check(float64.fma64(a, b, c), want, () => `fma ${a} ${b} ${c}`);
      if (a * b + c !== want) wrong++;
    }
  checker.done(3998);
  expect(wrong).toBeGreaterThan(900);
});

test("add, mul, fma, div, rcp and sqrt equal the exact model in rn, rz, rm and rp: 150 000 cases", () => {
  const checker = new Checker();
  const bits = new Bits(22);
  const { f64 } = exact;
  const check = (a: number, b: number, c: number) => {
    for (const mode of exact.modes) {
      checker.check(
        float64.add64(a, b, mode),
        exact.add(a, b, f64, mode),
        () => `add.${mode} ${a} ${b}`,
      );
      checker.check(
        float64.mul64(a, b, mode),
        exact.mul(a, b, f64, mode),
        () => `mul.${mode} ${a} ${b}`,
      );
      checker.check(
        float64.fma64Rounded(a, b, c, mode),
        exact.fma(a, b, c, f64, mode),
        () => `fma.${mode} ${a} ${b} ${c}`,
      );
      checker.check(
        float64.div64(a, b, mode),
        exact.div(a, b, f64, mode),
        () => `div.${mode} ${a} ${b}`,
      );
      checker.check(float64.rcp64(a, mode), exact.div(1, a, f64, mode), () => `rcp.${mode} ${a}`);
    }
  };
  for (const a of special) for (const b of special) check(a, b, 1);
  for (let i = 0; i < 4_000; i++) check(bits.f64(), bits.f64(), bits.f64());
  for (let i = 0; i < 3_000; i++) check(1 + bits.below(99), 1 + bits.below(99), bits.below(9));
  const roots = [...special, ...Array.from({ length: 500 }, () => Math.abs(bits.f64()))];
  for (const a of [...roots, ...Array.from({ length: 200 }, (_, i) => i * i)])
    for (const mode of exact.modes)
      checker.check(float64.sqrt64(a, mode), exact.sqrt(a, f64, mode), () => `sqrt.${mode} ${a}`);
  checker.done(150_000);
});
