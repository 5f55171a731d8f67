import { expect, test } from "vitest";
import * as float32 from "../../../tools/ptx/arithmetic/float32.ts";
import { Bits, Checker, f32Of } from "./draw.ts";
import * as exact from "./exact.ts";

// Zero ulp everywhere: PTX defines these instructions as correctly rounded, so the model's value is the only right one.
const special = [
  ...[0, -0, 1, -1, 1.5, -1.5, 2 ** -126, -(2 ** -126), 2 ** -149, -(2 ** -149), 2 ** 127],
  ...[
    2 ** -126 - 2 ** -149,
    1 + 2 ** -23,
    1 - 2 ** -24,
    2 ** 24 + 2,
    2 ** -75,
    2 ** -74,
    3 * 2 ** -75,
  ],
  ...[
    float32.maxFinite32,
    -float32.maxFinite32,
    Infinity,
    -Infinity,
    Number.NaN,
    2 ** 103,
    -(2 ** 103),
    2 ** 102,
  ],
];

// Sums whose double is a midpoint of two float32 values while the exact sum is not: where fround rounds twice.
function nearMidpoint(bits: Bits): [number, number, number] {
  const j = 1 + bits.below(64);
  const a = (1 + j * 2 ** -23) * (bits.next() & 1 ? 1 : -1);
  const b = 1 - j * 2 ** -23;
  if (bits.next() & 1) {
    const exponent = bits.below(120) - 60;
    const c = f32Of((bits.next() & 0x807fffff) | ((exponent + 127) << 23));
    return [a * 2 ** (exponent - 24), b, c]; // half an ulp of c, less 2^-46 of itself
  }
  const p = (bits.below(4096) | 1) + 4096; // p * q: up to 26 bits, often 25
  const q = (bits.below(4096) | 1) + (bits.next() & 4096);
  const scale = 2 ** (bits.below(200) - 140);
  return [p * scale, q, f32Of((bits.next() & 0x80ffffff) | ((bits.below(40) + 1) << 23))];
}

test("fma32 equals the exact model: all triples of special values, 400 000 uniform and 400 000 near midpoints", () => {
  const checker = new Checker();
  const bits = new Bits(1);
  const check = (a: number, b: number, c: number) => {
    const want = exact.fma(a, b, c, exact.f32, "rn");
    checker.check(float32.fma32(a, b, c), want, () => `fma ${a} ${b} ${c}`);
    checker.check(float32.fma32Slow(a, b, c), want, () => `slow ${a} ${b} ${c}`);
  };
  for (const a of special) for (const b of special) for (const c of special) check(a, b, c);
  for (let i = 0; i < 100_000; i++) check(bits.f32(), bits.f32(), bits.f32());
  for (let i = 0; i < 100_000; i++)
    check(bits.f32Between(-30, 30), bits.f32Between(-30, 30), bits.f32Between(-60, 60));
  for (let i = 0; i < 200_000; i++) check(...nearMidpoint(bits));
  checker.done(800_000);
});

test("the near-midpoint cases do reject an fma that rounds twice", () => {
  const bits = new Bits(1);
  let wrong = 0;
  for (let i = 0; i < 10_000; i++) {
    const [a, b, c] = nearMidpoint(bits);
    if (!Object.is(Math.fround(a * b + c), exact.fma(a, b, c, exact.f32, "rn"))) wrong++;
  }
  expect(wrong).toBeGreaterThan(500);
});

test("fma32 rounds into the subnormal range once: 100 000 results below 2^-126", () => {
  const checker = new Checker();
  const bits = new Bits(2);
  for (let i = 0; i < 100_000; i++) {
    const exponent = bits.below(24);
    const a = bits.f32Between(-100, -40);
    const b = Math.fround((bits.f32Between(0, 1) * 2 ** (-150 + exponent)) / Math.abs(a));
    const c = bits.next() & 1 ? f32Of(bits.next() & 0x80ffffff) : (bits.below(8) - 4) * 2 ** -149;
    checker.check(
      float32.fma32(a, b, c),
      exact.fma(a, b, c, exact.f32, "rn"),
      () => `fma ${a} ${b} ${c}`,
    );
  }
  checker.done(100_000);
});

test("add, mul, fma, div, sqrt and rcp equal the exact model in rn, rz, rm and rp: 500 000 cases", () => {
  const checker = new Checker();
  const bits = new Bits(3);
  const { f32 } = exact;
  const check = (a: number, b: number, c: number) => {
    for (const mode of exact.modes) {
      checker.check(
        float32.add32(a, b, mode),
        exact.add(a, b, f32, mode),
        () => `add.${mode} ${a} ${b}`,
      );
      checker.check(
        float32.mul32(a, b, mode),
        exact.mul(a, b, f32, mode),
        () => `mul.${mode} ${a} ${b}`,
      );
      checker.check(
        float32.fma32Rounded(a, b, c, mode),
        exact.fma(a, b, c, f32, mode),
        () => `fma.${mode} ${a} ${b} ${c}`,
      );
    }
  };
  const checkQuotient = (a: number, b: number) => {
    for (const mode of exact.modes) {
      checker.check(
        float32.div32(a, b, mode),
        exact.div(a, b, f32, mode),
        () => `div.${mode} ${a} ${b}`,
      );
      checker.check(float32.rcp32(a, mode), exact.div(1, a, f32, mode), () => `rcp.${mode} ${a}`);
    }
  };
  for (const a of special)
    for (const b of special) {
      checkQuotient(a, b);
      for (const c of special) check(a, b, c);
    }
  for (let i = 0; i < 16_000; i++) check(bits.f32(), bits.f32(), bits.f32());
  for (let i = 0; i < 10_000; i++) check(...nearMidpoint(bits));
  for (let i = 0; i < 4_000; i++)
    check(bits.f32Between(-3, 3), bits.f32Between(-3, 3), bits.f32Between(-3, 3));
  for (let i = 0; i < 20_000; i++) checkQuotient(bits.f32(), bits.f32());
  for (const a of special)
    for (const mode of exact.modes)
      checker.check(float32.sqrt32(a, mode), exact.sqrt(a, f32, mode), () => `sqrt.${mode} ${a}`);
  for (let i = 0; i < 2_000; i++) {
    const a = Math.abs(bits.f32());
    for (const mode of exact.modes)
      checker.check(float32.sqrt32(a, mode), exact.sqrt(a, f32, mode), () => `sqrt.${mode} ${a}`);
  }
  checker.done(500_000);
});

test("roundTo32 rounds doubles once in every mode: 400 000 cases, midpoints and their neighbours included", () => {
  const checker = new Checker();
  const bits = new Bits(4);
  const check = (x: number) => {
    for (const mode of exact.modes)
      checker.check(
        float32.roundTo32(x, mode),
        exact.cvt(x, exact.f32, mode),
        () => `cvt.${mode} ${x}`,
      );
  };
  for (let i = 0; i < 50_000; i++) check(bits.f64());
  for (let i = 0; i < 50_000; i++) {
    const a = bits.f32();
    const next = f32Of(bits.next() & 1 ? 0x1000000 : 1) * bits.below(3);
    check(Number.isFinite(a) ? (a + Math.fround(a * (1 + 2 ** -23))) / 2 + next : a);
  }
  checker.done(400_000);
});

test("min and max ignore one NaN, propagate it with .NaN, and order -0 below +0", () => {
  expect([float32.minFloat(Number.NaN, 1), float32.maxFloat(2, Number.NaN)]).toEqual([1, 2]);
  expect(float32.minFloat(Number.NaN, Number.NaN)).toBeNaN();
  expect([float32.minNan(Number.NaN, 1), float32.maxNan(1, Number.NaN)]).toEqual([
    Number.NaN,
    Number.NaN,
  ]);
  for (const [a, b] of [
    [0, -0],
    [-0, 0],
  ] as const) {
    expect([float32.minFloat(a, b), float32.minNan(a, b)]).toEqual([-0, -0]);
    expect([float32.maxFloat(a, b), float32.maxNan(a, b)]).toEqual([0, 0]);
  }
  expect(float32.minXorsignAbs(-3, 2, false)).toBe(-2);
  expect(float32.maxXorsignAbs(-3, -2, false)).toBe(3);
  expect(float32.maxXorsignAbs(-0, 0, false)).toBe(-0);
  expect(float32.maxXorsignAbs(-3, Number.NaN, true)).toBeNaN();
});

test("fma and mul with ftz flush what is tiny after rounding to 24 bits, as an H200 does", () => {
  const below = f32Of(0x3f7fffff); // 1 - 2^-24
  expect(float32.fma32(below, 2 ** -126, 0)).toBe(2 ** -126);
  expect(float32.fma32Ftz(below, 2 ** -126, 0)).toBe(0);
  expect(float32.mul32Ftz(-below, 2 ** -126)).toBe(-0);
  expect(float32.fma32Ftz(2 ** -126, 2 ** -126, -(2 ** -126))).toBe(-(2 ** -126));
  expect(float32.fma32Ftz(2 ** -127, 2, 1)).toBe(1); // the operand is flushed
  expect(float32.fma32Ftz(3, 5, 7)).toBe(22);
});

test("ftz keeps the sign of what it flushes and leaves 2^-126 alone", () => {
  expect(float32.flush32(2 ** -126 - 2 ** -149)).toBe(0);
  expect(float32.flush32(-(2 ** -149))).toBe(-0);
  expect(float32.flush32(-(2 ** -126))).toBe(-(2 ** -126));
  expect(float32.flush32(Number.NaN)).toBeNaN();
});

test("sat clamps to [0, 1] and turns NaN and -0 into +0", () => {
  const got = [-1, -0, 0, 0.5, 1, 7, Infinity, -Infinity, Number.NaN].map(float32.saturate);
  expect(got).toEqual([0, 0, 0, 0.5, 1, 1, 1, 0, 0]);
});

test("bits of NaN are PTX's canonical 0x7fffffff, all others round-trip", () => {
  expect(float32.bitsOf32(Number.NaN)).toBe(0x7fffffff);
  const bits = new Bits(5);
  for (let i = 0; i < 1000; i++) {
    const pattern = bits.next() & 0xff7fffff;
    expect(float32.bitsOf32(float32.fromBits32(pattern))).toBe(pattern | 0);
  }
});

test("comparisons are false with NaN, their unordered forms true", () => {
  const ordered = ["eq", "ne", "lt", "le", "gt", "ge", "num"] as const;
  const unordered = ["equ", "neu", "ltu", "leu", "gtu", "geu", "nan"] as const;
  for (const op of ordered) expect(float32.compareFloat(op, 1, Number.NaN), op).toBe(false);
  for (const op of unordered) expect(float32.compareFloat(op, Number.NaN, 1), op).toBe(true);
  const truth = (a: number, b: number) =>
    [...ordered, ...unordered].map((op) => +float32.compareFloat(op, a, b)).join("");
  expect(truth(1, 2)).toBe("0111001" + "0111000");
  expect(truth(2, 1)).toBe("0100111" + "0100110");
  expect(truth(0, -0)).toBe("1001011" + "1001010");
});
