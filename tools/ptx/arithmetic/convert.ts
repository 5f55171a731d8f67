// cvt between floats and integers, roundings to integral values, and the fp8 and tf32 formats (PTX ISA 9.7.9.21).
// f16 and bf16 conversions are in halves.ts. Integers to floats: u32 and s32 are exact doubles, 64-bit ones become
// one by s64ToOdd / u64ToOdd (int64.ts); then roundTo32, toF16Rounded, toBf16Rounded. ftz on operands: flush32 first.
import { bitsOf32, fromBits32 } from "./float32.ts";
import { fromF16, toF16 } from "./halves.ts";
import { fromBigInt, pair, s64ToNumber, setPair, u64ToNumber } from "./int64.ts";
import {
  e4m3Format,
  e5m2Format,
  type NarrowFormat,
  narrow,
  saturateFinite,
  widen,
} from "./narrow.ts";
import {
  type IntegralRounding,
  nextAway,
  nextToward,
  type Rounding,
  roundsAway,
} from "./rounding.ts";

/** cvt.{rni,rzi,rmi,rpi} to the same float format: an integral value; the sign of zero results is the operand's. */
export function roundToIntegral(x: number, mode: IntegralRounding): number {
  switch (mode) {
    case "rzi":
      return Math.trunc(x);
    case "rmi":
      return Math.floor(x);
    case "rpi":
      return Math.ceil(x);
    case "rni": {
      const size = Math.abs(x);
      if (!(size < 4503599627370496)) return x;
      const rounded = size + 4503599627370496 - 4503599627370496;
      return x < 0 || Object.is(x, -0) ? -rounded : rounded;
    }
  }
}

/**
 * cvt to an integer type of up to 32 bits: rounded to integral, clamped to least .. greatest; as an int32 pattern.
 * NaN: 0 from f16, bf16 and f32; from f64 1 << (bits - 1), so pass it as `nan` (PTX ISA, "Integer Notes").
 */
export function toInteger32(
  x: number,
  mode: IntegralRounding,
  least: number,
  greatest: number,
  nan = 0,
): number {
  if (Number.isNaN(x)) return nan;
  const rounded = roundToIntegral(x, mode);
  return Math.max(least, Math.min(rounded, greatest)) | 0;
}

/** cvt.{mode}.s32 from f16, bf16 or f32. */
export function toS32(x: number, mode: IntegralRounding): number {
  return toInteger32(x, mode, -2147483648, 2147483647);
}

/** cvt.{mode}.u32 from f16, bf16 or f32; the pattern as an int32. */
export function toU32(x: number, mode: IntegralRounding): number {
  return toInteger32(x, mode, 0, 4294967295);
}

/** cvt.{mode}.s64 from any float into `pair` of int64.ts; NaN gives 0x8000000000000000. */
export function toS64(x: number, mode: IntegralRounding): void {
  const rounded = roundToIntegral(x, mode);
  if (!(rounded >= -(2 ** 63))) setWords(0, -2147483648);
  else if (rounded >= 2 ** 63) setWords(-1, 2147483647);
  else if (rounded >= 0) setPair(rounded);
  else fromBigInt(BigInt(rounded));
}

/** cvt.{mode}.u64 from any float into `pair` of int64.ts; NaN gives 0x8000000000000000. */
export function toU64(x: number, mode: IntegralRounding): void {
  const rounded = roundToIntegral(x, mode);
  if (Number.isNaN(rounded)) setWords(0, -2147483648);
  else if (rounded <= 0) setWords(0, 0);
  else if (rounded >= 2 ** 64) setWords(-1, -1);
  else setPair(rounded);
}

function setWords(lo: number, hi: number): void {
  pair[0] = lo;
  pair[1] = hi;
}

/** cvt.{rn,rz,rm,rp}.f64.s64. The addition hi * 2^32 + lo is the only rounding. */
export function s64ToF64(lo: number, hi: number, mode: Rounding): number {
  const rounded = s64ToNumber(lo, hi);
  return mode === "rn" ? rounded : adjust(rounded, (hi | 0) * 4294967296, lo >>> 0, mode);
}

/** cvt.{rn,rz,rm,rp}.f64.u64. */
export function u64ToF64(lo: number, hi: number, mode: Rounding): number {
  const rounded = u64ToNumber(lo, hi);
  return mode === "rn" ? rounded : adjust(rounded, (hi >>> 0) * 4294967296, lo >>> 0, mode);
}

// The neighbour on the side that the mode asks for; the error of high + low is exact (Fast2Sum).
function adjust(rounded: number, high: number, low: number, mode: Rounding): number {
  const error = low - (rounded - high);
  if (error === 0) return rounded;
  const negative = rounded < 0;
  const tooSmall = error > 0 !== negative; // in magnitude
  if (roundsAway(mode, negative)) return tooSmall ? nextAway(rounded) : rounded;
  return tooSmall ? rounded : nextToward(rounded);
}

/** NaN of tf32: the canonical one of float32 without its low 13 bits (recorded on an H200 for rn and rz). */
export const nanTf32 = 0x7fffe000;

/** cvt.{rna,rn,rz}.tf32.f32 on float32 values: 10 mantissa bits, as float32 bits whose low 13 are 0. NaN: 0x7fffe000. */
export function toTf32(x: number, mode: "rna" | "rn" | "rz", satfinite = false): number {
  if (Number.isNaN(x)) return nanTf32;
  const bits = bitsOf32(x);
  const magnitude = bits & 0x7fffffff;
  const increment = mode === "rz" ? 0 : mode === "rna" ? 0x1000 : 0xfff + ((bits >>> 13) & 1);
  const rounded = magnitude >= 0x7f800000 ? magnitude : (magnitude + increment) & ~0x1fff;
  return (bits & 0x80000000) | (satfinite && rounded >= 0x7f800000 ? 0x7f7fe000 : rounded);
}

/** .relu on tf32 (float32 bits): negative values give +0, NaN the canonical NaN. */
export function reluTf32(bits: number): number {
  const x = fromBits32(bits);
  return Number.isNaN(x) ? nanTf32 : x > 0 ? bits : 0;
}

/** cvt.rn.satfinite{.relu}.{e4m3,e5m2} of one value (float32, or an f16 widened): overflow gives the largest finite one. */
export function toFp8(x: number, format: NarrowFormat, relu = false): number {
  if (relu && x <= 0) return 0;
  if (Number.isNaN(x)) return format.nan;
  const bits = saturateFinite(narrow(x, format, "rn"), format);
  return (bits & 0x7f) > format.max_finite ? (bits & 0x80) | format.max_finite : bits;
}

/** cvt.rn.satfinite.e4m3x2.f32 d, a, b: a in the high byte, b in the low one. */
export function toE4m3x2(a: number, b: number, relu = false): number {
  return (toFp8(a, e4m3Format, relu) << 8) | toFp8(b, e4m3Format, relu);
}

/** cvt.rn.satfinite.e5m2x2.f32 d, a, b: a in the high byte, b in the low one. */
export function toE5m2x2(a: number, b: number, relu = false): number {
  return (toFp8(a, e5m2Format, relu) << 8) | toFp8(b, e5m2Format, relu);
}

/** cvt.rn.satfinite.e4m3x2.f16x2: element by element. */
export function f16x2ToE4m3x2(a: number, relu = false): number {
  return toE4m3x2(fromF16(a >>> 16), fromF16(a & 0xffff), relu);
}

/** cvt.rn.satfinite.e5m2x2.f16x2: element by element. */
export function f16x2ToE5m2x2(a: number, relu = false): number {
  return toE5m2x2(fromF16(a >>> 16), fromF16(a & 0xffff), relu);
}

/** cvt.rn.f16x2.e4m3x2: exact; NaN gives 0x7fff. */
export function e4m3x2ToF16x2(a: number): number {
  return toF16(widen(a & 0xff, e4m3Format)) | (toF16(widen((a >>> 8) & 0xff, e4m3Format)) << 16);
}

/** cvt.rn.f16x2.e5m2x2: exact; NaN gives 0x7fff. */
export function e5m2x2ToF16x2(a: number): number {
  return toF16(widen(a & 0xff, e5m2Format)) | (toF16(widen((a >>> 8) & 0xff, e5m2Format)) << 16);
}

/** What NaN becomes in cvt from f64 to an integer of up to 32 bits, as the `nan` of `toInteger32`: 1 << (width - 1). */
export function nanInteger32(width: number, signed: boolean): number {
  return signed ? -(2 ** (width - 1)) | 0 : (1 << (width - 1)) | 0;
}
