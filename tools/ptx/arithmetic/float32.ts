// float32 arithmetic of PTX on JS numbers that hold float32 values.
//
// JS has no float32 operations, only Math.fround of a float64 one. What that gives:
//   add sub mul div sqrt rcp, rn   Math.fround(a op b) is right, subnormal results included: the
//                                  double has 53 >= 2 * 24 + 2 bits, so the second rounding is
//                                  innocuous (Figueroa 1995, "When is double rounding innocuous?").
//   fma, rn                        needs care: the exact a * b + c has up to 2^277 in range.
//   every directed rounding        from the exact value or its round-to-odd double: below.
//
// NaN: PTX results are the canonical NaN 0x7fffffff. A JS NaN has no bits; `bitsOf32` writes the
// canonical ones, a store of NaN to a Float32Array writes those of the host (0x7fc00000 or 0xffc00000).
import { addToOdd, type Rounding, roundsAway } from "./rounding.ts";

/** Canonical NaN of PTX, .f32 (PTX ISA 9.7.3: "NaN results are the canonical NaN 0x7fffffff"). */
export const nanBits32 = 0x7fffffff;
/** Smallest normal float32, 2^-126: what .ftz compares with. */
export const minNormal32 = 2 ** -126;
/** Largest finite float32, (2 - 2^-23) * 2^127. */
export const maxFinite32 = (2 - 2 ** -23) * 2 ** 127;

const f32 = new Float32Array(1);
const i32 = new Int32Array(f32.buffer);
const f64 = new Float64Array(1);
const low64 = new Int32Array(f64.buffer);

/**
 * fma.rn.f32: a * b + c rounded once, to nearest even. Operands are float32 values.
 *
 * a * b is exact in a double (24 + 24 <= 53 bits, exponents >= -298). The sum s is rounded to 53 bits, and
 * fround(s) differs from the right value only where s is exactly a midpoint of two float32 values
 * and the sum was inexact (rounding is monotone, and midpoints are doubles). A midpoint has at most
 * 25 significant bits, subnormal ones fewer, so its low 28 bits are 0; and fround moves it. Both
 * tests together hold for about 1 of 2^28 random sums; then TwoSum's error decides.
 *
 * Inline form for a lane loop, D a Float64Array, L the Int32Array over it, R a Float32Array:
 *   const s = A[i] * B[i] + C[i]; D[0] = s; R[i] = s;
 *   if ((L[0] & 0xfffffff) === 0 && R[i] !== s) R[i] = fma32Slow(A[i], B[i], C[i]);
 * where A, B or C may be R itself only if the operands were read into locals first.
 */
export function fma32(a: number, b: number, c: number): number {
  const s = a * b + c;
  const r = Math.fround(s);
  f64[0] = s;
  if (((low64[0] as number) & 0xfffffff) !== 0 || r === s) return r;
  return fma32Slow(a, b, c);
}

/** fma.rn.f32 without a fast path: the same value as `fma32` for all operands. */
export function fma32Slow(a: number, b: number, c: number): number {
  return Math.fround(addToOdd(a * b, c));
}

/**
 * fma.rn.ftz.f32. A GPU decides on the result rounded as if exponents had no lower end ("tiny after rounding"): exactly
 * (1 - 2^-24) * 2^-126 is flushed although fround makes it 2^-126, 2^-126 - 2^-252 is not (recorded on an H200,
 * test/fixtures/ptx). `flush32(fma32(...))` differs from this in such cases alone.
 */
export function fma32Ftz(a: number, b: number, c: number): number {
  const [x, y, z] = [flush32(a), flush32(b), flush32(c)];
  const s = x * y + z;
  if (s > minNormal32 || s < -minNormal32) return fma32(x, y, z);
  return roundTiny(addToOdd(x * y, z));
}

/** mul.rn.ftz.f32: flushed by the rule of `fma32Ftz`. Sums need no such form: below 2^-126 they are exact. */
export function mul32Ftz(a: number, b: number): number {
  const product = flush32(a) * flush32(b);
  if (product > minNormal32 || product < -minNormal32) return Math.fround(product);
  return roundTiny(product);
}

// Scaled by 2^100 nothing is subnormal, so fround keeps 24 bits; then the threshold is 2^-26.
function roundTiny(x: number): number {
  const scaled = Math.fround(x * 2 ** 100);
  return Math.abs(scaled) < 2 ** -26 ? x * 0 : scaled * 2 ** -100;
}

/** fma.{rn,rz,rm,rp}.f32. An exact zero sum of opposite signs is -0 in rm, +0 otherwise (IEEE 754 6.3). */
export function fma32Rounded(a: number, b: number, c: number, mode: Rounding): number {
  if (mode === "rn") return fma32(a, b, c);
  if (mode === "rm") return -roundTo32(addToOdd(-a * b, -c), "rp");
  return roundTo32(addToOdd(a * b, c), mode);
}

/** add.{rn,rz,rm,rp}.f32; for sub pass -b (PTX ISA: sub is add of the negated operand, also for -0). */
export function add32(a: number, b: number, mode: Rounding): number {
  if (mode === "rn") return Math.fround(a + b);
  if (mode === "rm") return -roundTo32(addToOdd(-a, -b), "rp");
  return roundTo32(addToOdd(a, b), mode);
}

/** sub.{rn,rz,rm,rp}.f32. */
export function sub32(a: number, b: number, mode: Rounding): number {
  return add32(a, -b, mode);
}

/** mul.{rn,rz,rm,rp}.f32: the product is exact in a double. */
export function mul32(a: number, b: number, mode: Rounding): number {
  return roundTo32(a * b, mode);
}

/** div.{rn,rz,rm,rp}.f32: r is a neighbour of the quotient; r * b against a says on which side. */
export function div32(a: number, b: number, mode: Rounding): number {
  const r = Math.fround(a / b);
  if (mode === "rn" || a === 0 || b === 0 || !Number.isFinite(a) || !Number.isFinite(b)) return r;
  const product = r * b; // exact: 48 bits; infinite only where the quotient overflowed
  const excess = b > 0 ? product - a : a - product;
  return stepTo(r, excess, mode, a < 0 !== b < 0);
}

/** rcp.{rn,rz,rm,rp}.f32. */
export function rcp32(a: number, mode: Rounding): number {
  return div32(1, a, mode);
}

/** sqrt.{rn,rz,rm,rp}.f32: -0 gives -0, negative operands NaN. */
export function sqrt32(a: number, mode: Rounding): number {
  const r = Math.fround(Math.sqrt(a));
  if (mode === "rn" || !(a > 0) || a === Number.POSITIVE_INFINITY) return r;
  return stepTo(r, r * r - a, mode, false);
}

/** A double (exact, or rounded to odd) rounded once to float32. Overflow: rz and the inward modes give +-maxFinite32. */
export function roundTo32(x: number, mode: Rounding): number {
  const r = Math.fround(x);
  if (mode === "rn" || r === x || Number.isNaN(x)) return r;
  return stepTo(r, r - x, mode, x < 0);
}

// r is nearest to some exact value; `excess` has the sign of r minus that value.
function stepTo(r: number, excess: number, mode: Rounding, negative: boolean): number {
  if (excess === 0) return r;
  const tooLarge = excess > 0 !== negative; // in magnitude
  f32[0] = r;
  if (roundsAway(mode, negative)) {
    if (!tooLarge) i32[0] = (i32[0] as number) + 1;
  } else if (tooLarge) i32[0] = (i32[0] as number) - 1;
  return f32[0] as number;
}

/** .ftz on an operand or a result: a subnormal float32 becomes zero of the same sign. */
export function flush32(x: number): number {
  return x < minNormal32 && x > -minNormal32 ? x * 0 : x;
}

/** .sat: clamped to [0, 1]; NaN and -0 give +0. */
export function saturate(x: number): number {
  return x > 0 ? Math.min(x, 1) : 0;
}

/** min.f32 / min.f64: a NaN operand is ignored unless both are; -0 < +0. */
export function minFloat(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.min(a, b);
}

/** max.f32 / max.f64: a NaN operand is ignored unless both are; -0 < +0. */
export function maxFloat(a: number, b: number): number {
  return Number.isNaN(a) ? b : Number.isNaN(b) ? a : Math.max(a, b);
}

/** min.NaN: NaN if either is NaN. Math.min has just these rules and those for signed zeros. */
export const minNan = Math.min;
/** max.NaN: NaN if either is NaN. */
export const maxNan = Math.max;

/**
 * min{.NaN}.xorsign.abs: least magnitude, sign = XOR of the operands' signs, unless NaN. On hardware the sign bit of an
 * ignored NaN counts too; a JS NaN has none and counts as positive here.
 */
export function minXorsignAbs(a: number, b: number, nan: boolean): number {
  const d = nan ? Math.min(Math.abs(a), Math.abs(b)) : minFloat(Math.abs(a), Math.abs(b));
  return isNegative(a) !== isNegative(b) ? -d : d;
}

/** max{.NaN}.xorsign.abs: greatest magnitude, sign = XOR of the operands' signs, unless NaN. */
export function maxXorsignAbs(a: number, b: number, nan: boolean): number {
  const d = nan ? Math.max(Math.abs(a), Math.abs(b)) : maxFloat(Math.abs(a), Math.abs(b));
  return isNegative(a) !== isNegative(b) ? -d : d;
}

/** Sign bit of a JS number; a NaN counts as positive, since a JS NaN has no sign. */
export function isNegative(x: number): boolean {
  return x < 0 || Object.is(x, -0);
}

/** Bits of a float32 value as an int32; NaN gives PTX's canonical 0x7fffffff. */
export function bitsOf32(x: number): number {
  if (Number.isNaN(x)) return nanBits32;
  f32[0] = x;
  return i32[0] as number;
}

/** The float32 value with these bits (int32 or uint32). */
export function fromBits32(bits: number): number {
  i32[0] = bits;
  return f32[0] as number;
}

/** PTX comparison operators on floats; the `u` forms are true where an operand is NaN. */
export type FloatComparison =
  | ("eq" | "ne" | "lt" | "le" | "gt" | "ge")
  | ("equ" | "neu" | "ltu" | "leu" | "gtu" | "geu")
  | ("num" | "nan");

/** setp / set on f16, bf16, f32 and f64 values (PTX ISA 5.x "Comparison operators"); `ne` is ordered. */
export function compareFloat(op: FloatComparison, a: number, b: number): boolean {
  const unordered = Number.isNaN(a) || Number.isNaN(b);
  switch (op) {
    case "eq":
      return a === b;
    case "ne":
      return a !== b && !unordered;
    case "lt":
      return a < b;
    case "le":
      return a <= b;
    case "gt":
      return a > b;
    case "ge":
      return a >= b;
    case "equ":
      return a === b || unordered;
    case "neu":
      return a !== b;
    case "ltu":
      return !(a >= b);
    case "leu":
      return !(a > b);
    case "gtu":
      return !(a <= b);
    case "geu":
      return !(a < b);
    case "num":
      return !unordered;
    case "nan":
      return unordered;
  }
}
