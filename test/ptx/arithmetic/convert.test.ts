import { expect, test } from "vitest";
import * as convert from "../../../tools/ptx/arithmetic/convert.ts";
import { bitsOf32, fromBits32 } from "../../../tools/ptx/arithmetic/float32.ts";
import { fromF16 } from "../../../tools/ptx/arithmetic/halves.ts";
import { pair, signed64, unsigned64 } from "../../../tools/ptx/arithmetic/int64.ts";
import {
  e4m3Format,
  e5m2Format,
  type NarrowFormat,
  widen,
} from "../../../tools/ptx/arithmetic/narrow.ts";
import type { IntegralRounding } from "../../../tools/ptx/arithmetic/rounding.ts";
import { Bits, Checker } from "./draw.ts";
import * as exact from "./exact.ts";

// Zero ulp: conversions are correctly rounded by definition.
const modes: readonly IntegralRounding[] = ["rni", "rzi", "rmi", "rpi"];

// The exact integral value of x as a BigInt.
function integral(x: number, mode: IntegralRounding): bigint {
  const { m, e } = exact.exact(x);
  if (e >= 0) return m << BigInt(e);
  const shift = BigInt(-e);
  const floor = m >> shift; // BigInt shifts round toward -inf
  const rest = m - (floor << shift);
  const half = 1n << (shift - 1n);
  if (rest === 0n || mode === "rmi") return floor;
  if (mode === "rpi") return floor + 1n;
  if (mode === "rzi") return floor < 0n ? floor + 1n : floor;
  return rest > half || (rest === half && floor % 2n !== 0n) ? floor + 1n : floor;
}

function operands(): number[] {
  const bits = new Bits(51);
  const list = [
    0,
    -0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    0.3,
    -0.3,
    2 ** 31,
    -(2 ** 31),
    2 ** 32,
    2 ** 63,
    -(2 ** 63),
    2 ** 64,
  ];
  list.push(
    2 ** 64 - 2 ** 40,
    -(2 ** 63) - 2 ** 40,
    127.5,
    127.49,
    -128.5,
    -129,
    255.5,
    65535.5,
    Infinity,
    -Infinity,
  );
  for (let i = 0; i < 6_000; i++) {
    list.push(
      bits.f32(),
      (bits.next() | 0) / 2 ** bits.below(34),
      bits.f32Between(20, 66),
      Math.floor(bits.f32Between(0, 20)) + 0.5,
    );
  }
  return list;
}

test("float to s8 .. u64 rounds by mode and clamps: 850 000 conversions", () => {
  const checker = new Checker();
  const types = [8, 16, 32].flatMap((width) => [
    { least: 0, greatest: 2 ** width - 1 },
    { least: -(2 ** (width - 1)), greatest: 2 ** (width - 1) - 1 },
  ]);
  const clamp = (n: bigint, least: bigint, greatest: bigint) =>
    n < least ? least : n > greatest ? greatest : n;
  for (const x of operands()) {
    if (Number.isNaN(x)) continue;
    for (const mode of modes) {
      const value = Number.isFinite(x) ? integral(x, mode) : BigInt(Math.sign(x)) << 70n;
      const at = (name: string) => () => `cvt.${mode}.${name} ${x}`;
      for (const { least, greatest } of types) {
        const want = Number(BigInt.asIntN(32, clamp(value, BigInt(least), BigInt(greatest))));
        checker.check(
          convert.toInteger32(x, mode, least, greatest),
          want,
          at(`${least}..${greatest}`),
        );
      }
      convert.toS64(x, mode);
      checker.check(
        signed64(pair[0] as number, pair[1] as number),
        clamp(value, -(1n << 63n), (1n << 63n) - 1n),
        at("s64"),
      );
      convert.toU64(x, mode);
      checker.check(
        unsigned64(pair[0] as number, pair[1] as number),
        clamp(value, 0n, (1n << 64n) - 1n),
        at("u64"),
      );
      const whole = convert.roundToIntegral(x, mode);
      const wanted = Number.isFinite(x)
        ? value === 0n && exact.negative(x)
          ? -0
          : Number(value)
        : x;
      checker.check(whole, wanted, at("same"));
    }
  }
  checker.done(850_000);
});

test("NaN becomes 0 in 32 bits and less, the least signed pattern in 64 bits and where the caller (f64) says so", () => {
  for (const mode of modes) {
    expect([convert.toS32(Number.NaN, mode), convert.toU32(Number.NaN, mode)]).toEqual([0, 0]);
    expect(convert.toInteger32(Number.NaN, mode, 0, 65535, 0x8000)).toBe(0x8000);
    convert.toS64(Number.NaN, mode);
    expect([...pair]).toEqual([0, -2147483648]);
    convert.toU64(Number.NaN, mode);
    expect([...pair]).toEqual([0, -2147483648]);
    expect(convert.roundToIntegral(Number.NaN, mode)).toBeNaN();
  }
});

// Every value of an fp8 format from its definition.
function decode(bits: number, mantissaBits: number, bias: number): number {
  const field = (bits & 0x7f) >> mantissaBits;
  const fraction = (bits & ((1 << mantissaBits) - 1)) / (1 << mantissaBits);
  return (
    (bits & 0x80 ? -1 : 1) *
    (field === 0 ? fraction * 2 ** (1 - bias) : (1 + fraction) * 2 ** (field - bias))
  );
}

const fp8 = [
  {
    name: "e4m3",
    format: e4m3Format,
    mantissa: 3,
    bias: 7,
    finite: 0x7e,
    infinity: -1,
    exact: { precision: 4, least: -9, overflow: 99 },
  },
  {
    name: "e5m2",
    format: e5m2Format,
    mantissa: 2,
    bias: 15,
    finite: 0x7b,
    infinity: 0x7c,
    exact: { precision: 3, least: -16, overflow: 99 },
  },
] as const;

test.each(fp8)(
  "$name: all 256 patterns widen exactly; 60 000 values narrow to nearest even, saturating",
  (kind) => {
    const { format, mantissa, bias, finite, infinity } = kind;
    const checker = new Checker();
    const table = new Map<number, number>();
    for (let bits = 0; bits < 256; bits++) {
      const size = bits & 0x7f;
      const value =
        size <= finite
          ? decode(bits, mantissa, bias)
          : size === infinity
            ? bits & 0x80
              ? -Infinity
              : Infinity
            : Number.NaN;
      checker.check(widen(bits, format as NarrowFormat), value, () => `widen ${bits}`);
      if (size <= finite) table.set(value, bits);
    }
    const largest = decode(finite, mantissa, bias);
    const random = new Bits(52);
    const check = (x: number) => {
      const rounded = exact.cvt(x, kind.exact, "rn");
      const value = Math.max(-largest, Math.min(largest, rounded));
      const want = Number.isNaN(x)
        ? 0x7f
        : value === 0
          ? exact.negative(x)
            ? 0x80
            : 0
          : (table.get(value) as number);
      checker.check(convert.toFp8(x, format as NarrowFormat), want, () => `${x}`);
    };
    for (let i = 0; i < 20_000; i++) check(random.f32());
    for (let i = 0; i < 20_000; i++) check(random.f32Between(-20, 18));
    for (let i = 0; i < 20_000; i++) check(fromF16(random.bits16()));
    for (let bits = 0; bits < finite; bits++)
      check((decode(bits, mantissa, bias) + decode(bits + 1, mantissa, bias)) / 2);
    for (const x of [Infinity, -Infinity, Number.NaN, largest * 1.03, -largest * 1.07, largest * 8])
      check(x);
    checker.done(60_000);
  },
);

test("fp8 pairs: the first operand is the high byte, relu clears negatives, f16x2 converts by element", () => {
  expect(convert.toE4m3x2(1, -2)).toBe(0x38c0);
  expect(convert.toE5m2x2(1, -2)).toBe(0x3cc0);
  expect(convert.toE4m3x2(-1, 2, true)).toBe(0x0040);
  expect(convert.toE4m3x2(Number.NaN, -0, true)).toBe(0x7f00);
  expect(convert.f16x2ToE4m3x2(0x3c00c000)).toBe(0x38c0);
  expect(convert.f16x2ToE5m2x2(0x3c00c000)).toBe(0x3cc0);
  expect(convert.e4m3x2ToF16x2(0x38c0)).toBe(0x3c00c000);
  expect(convert.e5m2x2ToF16x2(0x7fc0)).toBe(0x7fffc000);
});

test("tf32 keeps 10 mantissa bits: rn, rna, rz equal the exact model on 60 000 values", () => {
  const checker = new Checker();
  const format: exact.Format = { precision: 11, least: -136, overflow: 128 };
  const random = new Bits(53);
  const check = (x: number) => {
    if (Number.isNaN(x)) return;
    for (const mode of ["rn", "rz"] as const)
      checker.check(
        convert.toTf32(x, mode),
        bitsOf32(exact.cvt(x, format, mode)),
        () => `${mode} ${x}`,
      );
    const down = exact.cvt(x, format, "rz");
    const next = fromBits32(bitsOf32(down) + 0x2000); // away from zero
    const away =
      Number.isFinite(x) && Math.abs(x - down) >= Math.abs(next - x) && x !== down ? next : down;
    checker.check(convert.toTf32(x, "rna"), bitsOf32(away), () => `rna ${x}`);
  };
  for (let i = 0; i < 10_000; i++) check(random.f32());
  for (let i = 0; i < 10_000; i++)
    check(fromBits32((random.next() & 0xffffe000) | 0x1000 | random.below(2)));
  checker.done(55_000);
  expect(convert.toTf32(Number.NaN, "rna")).toBe(0x7fffe000);
  expect(convert.toTf32(-Infinity, "rna", true)).toBe(0xff7fe000 | 0);
  expect(convert.reluTf32(bitsOf32(-1))).toBe(0);
});
