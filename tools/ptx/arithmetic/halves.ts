// float16 and bfloat16 as bit patterns in the low 16 bits of a number (PTX .b16 registers).
//
// Every operation computes in a double and rounds once to the format:
//   add sub   f16: exact in the double (all values are multiples of 2^-24 below 2^17: 41 bits). bf16: inexact
//             only when the smaller operand is 2^-44 of the larger; then the sum is no midpoint.
//   mul       exact: 22 or 16 bits.
//   fma f16   a * b + c can be inexact in a double, but the sum s is never wrongly a midpoint m.
//             a * b, c, m and so the error are multiples of g = min(lsb(a * b), 2^-25). An error
//             0 < |e| <= 2^-53 |m| with |m| <= 2^16 needs g <= 2^-37, so lsb(a * b) <= 2^-37 and
//             |a * b| < 2^-15; and |e| >= 2^-48 needs |m| >= 32, where m and c are multiples of
//             2^-6. They are less than 2^-14 apart, so m = c: but a midpoint is not an f16.
//   fma bf16  can: a * b = midpoint (9 of its 16 bits), c far below. Hence round to odd.
import { bf16Format, f16Format, type NarrowRounding, narrow } from "./narrow.ts";
import { addToOdd } from "./rounding.ts";

/** Canonical NaN of PTX in .f16 and .bf16 alike. */
export const nanBits16 = 0x7fff;

const f64 = new Float64Array(1);
const words = new Int32Array(f64.buffer);
const f32 = new Float32Array(1);
const i32 = new Int32Array(f32.buffer);

/**
 * f16 bits to the value; exact (cvt.f32.f16, cvt.f64.f16). Exponent and mantissa are placed as a float32's and rescaled
 * by 2^(127 - 15), which brings subnormals out right. One 4-byte store, so that the load need not wait for two.
 */
export function fromF16(bits: number): number {
  i32[0] = ((bits & 0x8000) << 16) | ((bits & 0x7fff) << 13);
  if ((bits & 0x7c00) !== 0x7c00) return (f32[0] as number) * 2 ** 112;
  if ((bits & 0x3ff) !== 0) return Number.NaN;
  return (bits & 0x8000) !== 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/**
 * bf16 bits to the value; exact (cvt.f32.bf16). Where a register file has an Int32Array I over the bytes of
 * its Float32Array no call is needed: `I[d] = H[a] << 16`.
 */
export function fromBf16(bits: number): number {
  i32[0] = bits << 16;
  return f32[0] as number;
}

/** cvt.rn.f16 of a double that is exact or rounded to odd (so also of any float32): one rounding. NaN: 0x7fff. */
export function toF16(x: number): number {
  f64[0] = x;
  const high = words[1] as number;
  const magnitude = high & 0x7fffffff;
  // Normal results: exponents -14 .. 15. Everything else (and what rounds up to 2^16) is rare.
  if (magnitude < 0x3f100000 || magnitude >= 0x40effc00) return narrow(x, f16Format, "rn");
  const sticky = magnitude | (words[0] === 0 ? 0 : 1);
  const rounded = (sticky + 0x1ff + ((magnitude >>> 10) & 1)) >>> 10;
  return ((high >>> 16) & 0x8000) | (rounded - ((1023 - 15) << 10));
}

/** cvt.rn.bf16 of a double that is exact or rounded to odd (so also of any float32): one rounding. NaN: 0x7fff. */
export function toBf16(x: number): number {
  f64[0] = x;
  const high = words[1] as number;
  const magnitude = high & 0x7fffffff;
  // Normal results: exponents -126 .. 127.
  if (magnitude < 0x38100000 || magnitude >= 0x47efe000) return narrow(x, bf16Format, "rn");
  const sticky = magnitude | (words[0] === 0 ? 0 : 1);
  const rounded = (sticky + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
  return ((high >>> 16) & 0x8000) | (rounded - ((1023 - 127) << 7));
}

/**
 * cvt.rn.bf16.f32 on the bits of the float32: integers only, for hot loops. NaN: 0x7fff.
 * Inline: `(u & 0x7fffffff) > 0x7f800000 ? 0x7fff : ((u + 0x7fff + ((u >>> 16) & 1)) >>> 16)`.
 */
export function f32BitsToBf16(u: number): number {
  if ((u & 0x7fffffff) > 0x7f800000) return nanBits16;
  return (u + 0x7fff + ((u >>> 16) & 1)) >>> 16;
}

/** cvt.rn.f16.f32 on the bits of the float32: integers only for normal results. NaN: 0x7fff. */
export function f32BitsToF16(u: number): number {
  const magnitude = u & 0x7fffffff;
  const sign = (u >>> 16) & 0x8000;
  if (magnitude >= 0x38800000 && magnitude < 0x477ff000)
    return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
  if (magnitude > 0x7f800000) return nanBits16;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  i32[0] = magnitude;
  return sign | (((f32[0] as number) + 2 ** 28 - 2 ** 28) * 2 ** 24); // ulp of 2^28 is 2^-24
}

/** cvt.{rn,rz,rm,rp}.f16 of a double that is exact or rounded to odd. */
export function toF16Rounded(x: number, mode: NarrowRounding): number {
  return mode === "rn" ? toF16(x) : narrow(x, f16Format, mode);
}

/** cvt.{rn,rz,rm,rp}.bf16 of a double that is exact or rounded to odd. */
export function toBf16Rounded(x: number, mode: NarrowRounding): number {
  return mode === "rn" ? toBf16(x) : narrow(x, bf16Format, mode);
}

/** add.rn.f16 on bits. */
export function addF16(a: number, b: number): number {
  return toF16(fromF16(a) + fromF16(b));
}

/** sub.rn.f16 on bits. */
export function subF16(a: number, b: number): number {
  return toF16(fromF16(a) - fromF16(b));
}

/** mul.rn.f16 on bits. */
export function mulF16(a: number, b: number): number {
  return toF16(fromF16(a) * fromF16(b));
}

/** fma.rn.f16 on bits; the proof that the double suffices is at the head of this file. */
export function fmaF16(a: number, b: number, c: number): number {
  return toF16(fromF16(a) * fromF16(b) + fromF16(c));
}

/** add.rn.bf16 on bits (PTX ISA 7.8, sm_90). */
export function addBf16(a: number, b: number): number {
  return toBf16(fromBf16(a) + fromBf16(b));
}

/** sub.rn.bf16 on bits. */
export function subBf16(a: number, b: number): number {
  return toBf16(fromBf16(a) - fromBf16(b));
}

/** mul.rn.bf16 on bits. */
export function mulBf16(a: number, b: number): number {
  return toBf16(fromBf16(a) * fromBf16(b));
}

/** fma.rn.bf16 on bits: the sum is rounded to odd where its low word is 0, as it is on every midpoint. */
export function fmaBf16(a: number, b: number, c: number): number {
  const product = fromBf16(a) * fromBf16(b);
  const addend = fromBf16(c);
  const s = product + addend;
  f64[0] = s;
  return toBf16(words[0] === 0 ? addToOdd(product, addend) : s);
}

/** neg.f16: flips the sign; NaN gives the canonical NaN (so does an H200). */
export function negF16(a: number): number {
  return isNanF16(a) ? nanBits16 : a ^ 0x8000;
}

/** neg.bf16: flips the sign; NaN gives the canonical NaN. */
export function negBf16(a: number): number {
  return isNanBf16(a) ? nanBits16 : a ^ 0x8000;
}

/** abs.f16: clears the sign; NaN gives the canonical NaN. */
export function absF16(a: number): number {
  return isNanF16(a) ? nanBits16 : a & 0x7fff;
}

/** abs.bf16: clears the sign; NaN gives the canonical NaN. */
export function absBf16(a: number): number {
  return isNanBf16(a) ? nanBits16 : a & 0x7fff;
}

/** The sign bit of either format flipped, whatever the value: negF16 / negBf16 where NaN cannot be or does not matter. */
export function negHalf(a: number): number {
  return a ^ 0x8000;
}

/** The sign bit of either format cleared, whatever the value. */
export function absHalf(a: number): number {
  return a & 0x7fff;
}

/** Whether the bits are a NaN of f16. */
export function isNanF16(a: number): boolean {
  return (a & 0x7fff) > 0x7c00;
}

/** Whether the bits are a NaN of bf16. */
export function isNanBf16(a: number): boolean {
  return (a & 0x7fff) > 0x7f80;
}

// Bits ordered as integers: sign and magnitude to two's complement, with -0 just below +0.
function order(bits: number): number {
  return (bits & 0x8000) !== 0 ? -1 - (bits & 0x7fff) : bits & 0x7fff;
}

function pick(a: number, b: number, nanAbove: number, nan: boolean, larger: boolean): number {
  const aNan = (a & 0x7fff) > nanAbove;
  const bNan = (b & 0x7fff) > nanAbove;
  if (aNan || bNan) return nan || (aNan && bNan) ? nanBits16 : aNan ? b : a;
  return order(a) > order(b) === larger ? a : b;
}

/** min{.NaN}.f16 on bits: -0 < +0; a NaN operand is ignored unless both are NaN or `nan` is set. */
export function minF16(a: number, b: number, nan = false): number {
  return pick(a, b, 0x7c00, nan, false);
}

/** max{.NaN}.f16 on bits. */
export function maxF16(a: number, b: number, nan = false): number {
  return pick(a, b, 0x7c00, nan, true);
}

/** min{.NaN}.bf16 on bits. */
export function minBf16(a: number, b: number, nan = false): number {
  return pick(a, b, 0x7f80, nan, false);
}

/** max{.NaN}.bf16 on bits. */
export function maxBf16(a: number, b: number, nan = false): number {
  return pick(a, b, 0x7f80, nan, true);
}

/** .ftz of f16 operands and results: subnormals become zero of the same sign. (bf16 arithmetic has no .ftz.) */
export function flushF16(a: number): number {
  return (a & 0x7c00) === 0 ? a & 0x8000 : a;
}

/** .sat of f16 arithmetic: clamped to [0, 1]; NaN and -0 give +0. */
export function saturateF16(a: number): number {
  if ((a & 0x8000) !== 0 || a > 0x7c00) return 0;
  return Math.min(a, 0x3c00);
}

/** .relu of f16: negative values (and -0) give +0, NaN the canonical NaN. */
export function reluF16(a: number): number {
  return (a & 0x7fff) > 0x7c00 ? nanBits16 : (a & 0x8000) !== 0 ? 0 : a;
}

/** .relu of bf16: negative values (and -0) give +0, NaN the canonical NaN. */
export function reluBf16(a: number): number {
  return (a & 0x7fff) > 0x7f80 ? nanBits16 : (a & 0x8000) !== 0 ? 0 : a;
}
