import { expect, test } from "vitest";
import * as halves from "../../../tools/ptx/arithmetic/halves.ts";
import * as packed from "../../../tools/ptx/arithmetic/packed.ts";
import { Bits, Checker, f32Of } from "./draw.ts";
import * as exact from "./exact.ts";

// Zero ulp: PTX rounds these operations once, to nearest even. NaN results are the canonical 0x7fff.
interface Half {
  name: string;
  format: exact.Format;
  values: readonly number[];
  bitsOf: (x: number) => number;
  from: (bits: number) => number;
  to: (x: number) => number;
  toRounded: typeof halves.toF16Rounded;
  add: (a: number, b: number) => number;
  sub: (a: number, b: number) => number;
  mul: (a: number, b: number) => number;
  fma: (a: number, b: number, c: number) => number;
  min: (a: number, b: number, nan?: boolean) => number;
  max: (a: number, b: number, nan?: boolean) => number;
}

// All 65536 values from the definition: (-1)^s * 2^(E - bias) * (1 + m / 2^bits), subnormals without the 1.
function decodeAll(mantissaBits: number, bias: number): number[] {
  return Array.from({ length: 65536 }, (_, bits) => {
    const field = (bits & 0x7fff) >> mantissaBits;
    const fraction = (bits & ((1 << mantissaBits) - 1)) / (1 << mantissaBits);
    const sign = bits & 0x8000 ? -1 : 1;
    if (field === 2 * bias + 1) return fraction === 0 ? sign * Infinity : Number.NaN;
    return sign * (field === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (field - bias));
  });
}

function encoder(values: readonly number[]): (x: number) => number {
  const table = new Map(values.map((value, bits) => [value, bits]));
  return (x) =>
    Number.isNaN(x) ? 0x7fff : x === 0 ? (Object.is(x, -0) ? 0x8000 : 0) : (table.get(x) as number);
}

const f16Values = decodeAll(10, 15);
const bf16Values = decodeAll(7, 127);
const { fromF16, toF16, toF16Rounded, addF16, subF16, mulF16, fmaF16, minF16, maxF16 } = halves;
const { fromBf16, toBf16, toBf16Rounded, addBf16, subBf16, mulBf16, fmaBf16 } = halves;
const f16: Half = {
  ...{ name: "f16", format: exact.f16, values: f16Values, bitsOf: encoder(f16Values) },
  ...{ from: fromF16, to: toF16, toRounded: toF16Rounded, min: minF16, max: maxF16 },
  ...{ add: addF16, sub: subF16, mul: mulF16, fma: fmaF16 },
};
const bf16: Half = {
  ...{ name: "bf16", format: exact.bf16, values: bf16Values, bitsOf: encoder(bf16Values) },
  ...{
    from: fromBf16,
    to: toBf16,
    toRounded: toBf16Rounded,
    min: halves.minBf16,
    max: halves.maxBf16,
  },
  ...{ add: addBf16, sub: subBf16, mul: mulBf16, fma: fmaBf16 },
};
const hex = (bits: number) => `0x${bits.toString(16)}`;
const special16 = [
  0, 1, 2, 0x3ff, 0x400, 0x401, 0x7bff, 0x7c00, 0x7e00, 0x3c00, 0x3c01, 0x3bff, 0x7f, 0x80, 0x7f7f,
  0x7f80, 0x7fff, 0x3f80,
];
const specials = [...special16, ...special16.map((bits) => bits | 0x8000)];

test.each([f16, bf16])("$name: all 65536 patterns widen exactly and narrow back", (half) => {
  const checker = new Checker();
  for (let bits = 0; bits < 65536; bits++) {
    const value = half.values[bits] as number;
    checker.check(half.from(bits), value, () => `from ${hex(bits)}`);
    checker.check(half.to(value), half.bitsOf(value), () => `to ${hex(bits)}`);
  }
  checker.done(131072);
});

test.each([f16, bf16])(
  "$name: cvt from f32 and f64 in rn, rz, rm, rp: 298 000 cases, midpoints and their neighbours",
  (half) => {
    const checker = new Checker();
    const bits = new Bits(11);
    const check = (x: number) => {
      for (const mode of exact.modes) {
        const want = half.bitsOf(exact.cvt(x, half.format, mode));
        checker.check(half.toRounded(x, mode), want, () => `cvt.${mode} ${x}`);
      }
    };
    for (let i = 0; i < 25_000; i++) check(bits.f32());
    for (let i = 0; i < 12_500; i++) check(bits.f64());
    for (let i = 0; i < 50_000; i++)
      check(half.from(bits.bits16()) * (1 + (bits.below(9) - 4) * 2 ** -52));
    // Between two neighbours: the midpoint, and one double, one float32 ulp to either side.
    for (let i = 0; i < 65535; i += 8) {
      const middle = (half.from(i) + half.from(i + 1)) / 2;
      if (!Number.isFinite(middle)) continue;
      check(middle);
      check(middle * (1 + (bits.next() & 1 ? 1 : -1) * 2 ** -52));
      check(middle * (1 + (bits.next() & 1 ? 1 : -1) * 2 ** -23));
    }
    const largest = half === f16 ? 65504 : (2 - 2 ** -7) * 2 ** 127;
    for (const x of [
      largest,
      largest * (1 + 2 ** -12),
      largest * (1 + 2 ** -8.01),
      largest * 1.5,
      Infinity,
    ]) {
      check(x);
      check(-x);
    }
    checker.done(297_000);
  },
);

test("the integer paths f32 bits to f16 and bf16 equal the exact model: 100 000 patterns", () => {
  const checker = new Checker();
  const bits = new Bits(12);
  const check = (pattern: number) => {
    const x = f32Of(pattern);
    checker.check(
      halves.f32BitsToF16(pattern),
      f16.bitsOf(exact.cvt(x, exact.f16, "rn")),
      () => `f16 ${hex(pattern)}`,
    );
    checker.check(
      halves.f32BitsToBf16(pattern),
      bf16.bitsOf(exact.cvt(x, exact.bf16, "rn")),
      () => `bf16 ${hex(pattern)}`,
    );
    checker.check(
      halves.f32BitsToBf16(pattern | 0),
      halves.f32BitsToBf16(pattern),
      () => `int32 ${hex(pattern)}`,
    );
  };
  for (let i = 0; i < 50_000; i++) check(bits.next());
  // Exponents of f16's range, and low bits on and beside midpoints of both formats.
  for (let i = 0; i < 50_000; i++) {
    const exponent = 100 + bits.below(46);
    const low = [0x1000, 0xfff, 0x1001, 0x8000, 0x7fff, 0x8001, 0, 1][bits.below(8)] as number;
    check(((bits.next() & 0x807f0000) | (exponent << 23) | (bits.next() & 0xe000) | low) >>> 0);
  }
  checker.done(300_000);
});

test.each([f16, bf16])("$name: add, sub, mul and fma round once: 333 000 cases", (half) => {
  const checker = new Checker();
  const bits = new Bits(13);
  const v = half.values;
  const check = (a: number, b: number, c: number) => {
    const [x, y, z] = [v[a] as number, v[b] as number, v[c] as number];
    const { format, bitsOf } = half;
    checker.check(
      half.add(a, b),
      bitsOf(exact.add(x, y, format, "rn")),
      () => `add ${hex(a)} ${hex(b)}`,
    );
    checker.check(
      half.sub(a, b),
      bitsOf(exact.add(x, -y, format, "rn")),
      () => `sub ${hex(a)} ${hex(b)}`,
    );
    checker.check(
      half.mul(a, b),
      bitsOf(exact.mul(x, y, format, "rn")),
      () => `mul ${hex(a)} ${hex(b)}`,
    );
    checker.check(
      half.fma(a, b, c),
      bitsOf(exact.fma(x, y, z, format, "rn")),
      () => `fma ${hex(a)} ${hex(b)} ${hex(c)}`,
    );
  };
  for (const a of specials) for (const b of specials) for (const c of special16) check(a, b, c);
  for (let i = 0; i < 60_000; i++) check(bits.bits16(), bits.bits16(), bits.bits16());
  checker.done(333_000);
});

// fma near midpoints: a product with one bit more than the format, and a small c of either sign, down to the least subnormal.
function halfMidpoint(half: Half, bits: Bits): [number, number, number] {
  const { precision } = half.format;
  const wanted = precision + 1;
  for (;;) {
    const p = 1 + 2 * bits.below(2 ** (precision - 2));
    const q = 1 + 2 * bits.below(64);
    if (Math.floor(Math.log2(p * q)) + 1 !== wanted) continue;
    const exponent = bits.below(half === f16 ? 12 : 100) - 6;
    const c = half.bitsOf((half.values[1] as number) * (1 + bits.below(6)));
    return [half.bitsOf(p * 2 ** exponent), half.bitsOf(q * 2 ** -4), c | (bits.next() & 0x8000)];
  }
}

test.each([f16, bf16])("$name: fma near midpoints equals the exact model: 15 000 cases", (half) => {
  const checker = new Checker();
  const bits = new Bits(14);
  let doubleRounded = 0;
  for (let i = 0; i < 200_000; i++) {
    const [a, b, c] = halfMidpoint(half, bits);
    const [x, y, z] = [half.values[a], half.values[b], half.values[c]] as [number, number, number];
    const want = half.bitsOf(exact.fma(x, y, z, half.format, "rn"));
    checker.check(half.fma(a, b, c), want, () => `fma ${hex(a)} ${hex(b)} ${hex(c)}`);
    if (half.to(x * y + z) !== want) doubleRounded++;
  }
  checker.done(200_000);
  // The cases are hard: without round-to-odd many bf16 ones fail, and (the proof in halves.ts) no f16 one does.
  if (half === f16) expect(doubleRounded).toBe(0);
  else expect(doubleRounded).toBeGreaterThan(750);
});

test.each([f16, bf16])("$name: min and max order zeros, ignore or propagate NaN", (half) => {
  const checker = new Checker();
  const bits = new Bits(15);
  const check = (a: number, b: number) => {
    const [x, y] = [half.values[a] as number, half.values[b] as number];
    for (const nan of [false, true])
      for (const [f, want] of [
        [half.min, Math.min],
        [half.max, Math.max],
      ] as const) {
        const one = Number.isNaN(x) ? y : Number.isNaN(y) ? x : want(x, y);
        const expected = half.bitsOf(nan ? want(x, y) : one);
        checker.check(f(a, b, nan), expected, () => `${hex(a)} ${hex(b)} ${nan}`);
      }
  };
  for (const a of specials) for (const b of specials) check(a, b);
  for (let i = 0; i < 20_000; i++) check(bits.bits16(), bits.bits16());
  checker.done(80_000);
});

test("relu, sat, ftz, neg and abs on all 65536 patterns", () => {
  const checker = new Checker();
  for (let bits = 0; bits < 65536; bits++) {
    const x = f16Values[bits] as number;
    const y = bf16Values[bits] as number;
    const clamped = Number.isNaN(x) ? 0 : Math.min(Math.max(x, 0), 1);
    checker.check(halves.reluF16(bits), f16.bitsOf(Math.max(x, 0)), () => `relu ${hex(bits)}`);
    checker.check(
      halves.reluBf16(bits),
      bf16.bitsOf(Math.max(y, 0)),
      () => `relu bf16 ${hex(bits)}`,
    );
    checker.check(halves.saturateF16(bits), f16.bitsOf(clamped), () => `sat ${hex(bits)}`);
    const flushed = Math.abs(x) < 2 ** -14 ? x * 0 : x;
    if (!Number.isNaN(x)) {
      checker.check(halves.flushF16(bits), f16.bitsOf(flushed), () => `ftz ${hex(bits)}`);
      checker.check(halves.negF16(bits), f16.bitsOf(-x), () => `neg ${hex(bits)}`);
      checker.check(halves.absF16(bits), f16.bitsOf(Math.abs(x)), () => `abs ${hex(bits)}`);
    }
  }
  checker.done(380_000);
});

test("packed forms work on the halves apart; cvt puts the second operand into the low half", () => {
  const bits = new Bits(16);
  const pairs = [
    [packed.addF16x2, halves.addF16],
    [packed.subF16x2, halves.subF16],
    [packed.mulF16x2, halves.mulF16],
    [packed.addBf16x2, halves.addBf16],
    [packed.subBf16x2, halves.subBf16],
    [packed.mulBf16x2, halves.mulBf16],
    [packed.minF16x2, halves.minF16],
    [packed.maxF16x2, halves.maxF16],
    [packed.minBf16x2, halves.minBf16],
    [packed.maxBf16x2, halves.maxBf16],
  ] as const;
  const fmas = [
    [packed.fmaF16x2, halves.fmaF16],
    [packed.fmaBf16x2, halves.fmaBf16],
  ] as const;
  for (let i = 0; i < 300; i++) {
    const [a, b, c] = [bits.next() | 0, bits.next() | 0, bits.next() | 0] as const;
    for (const [two, one] of pairs)
      expect(two(a, b)).toBe(one(a & 0xffff, b & 0xffff) | (one(a >>> 16, b >>> 16) << 16));
    for (const [two, one] of fmas)
      expect(two(a, b, c)).toBe(
        one(a & 0xffff, b & 0xffff, c & 0xffff) | (one(a >>> 16, b >>> 16, c >>> 16) << 16),
      );
  }
  expect(packed.toF16x2(1, -2)).toBe(0x3c00c000);
  expect(packed.toBf16x2(1, -2)).toBe(0x3f80c000);
  expect(packed.negHalf2(0x3c00c000)).toBe(0xbc004000 | 0);
  expect(packed.absHalf2(0xbc00c000 | 0)).toBe(0x3c004000);
  expect(packed.mapHalves(0xbc00c000 | 0, halves.reluF16)).toBe(0);
});
