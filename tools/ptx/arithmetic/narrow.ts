// One rounding routine for every format below float32: f16, bf16, fp8 e4m3 and e5m2, tf32.
import { exponentOf, powerOfTwo, type Rounding, roundMagnitude } from "./rounding.ts";

/** A binary format with an implicit leading bit and subnormals. */
export interface NarrowFormat {
  readonly mantissa_bits: number;
  readonly exponent_bias: number;
  /** Position of the sign bit = number of bits below it. */
  readonly sign_shift: number;
  /** Magnitude bits of the largest finite value. */
  readonly max_finite: number;
  /** Magnitude bits of infinity; e4m3 has none, there it is the bit pattern after max_finite (its NaN). */
  readonly infinity: number;
  /** PTX's canonical NaN. */
  readonly nan: number;
}

/** IEEE binary16. Canonical NaN 0x7fff (PTX ISA 9.7.4). */
export const f16Format: NarrowFormat = {
  mantissa_bits: 10,
  exponent_bias: 15,
  sign_shift: 15,
  max_finite: 0x7bff,
  infinity: 0x7c00,
  nan: 0x7fff,
};

/** bfloat16: the upper half of a float32. Canonical NaN 0x7fff (PTX ISA 9.7.4). */
export const bf16Format: NarrowFormat = {
  mantissa_bits: 7,
  exponent_bias: 127,
  sign_shift: 15,
  max_finite: 0x7f7f,
  infinity: 0x7f80,
  nan: 0x7fff,
};

/** fp8 e4m3 (OCP "fn" variant): no infinity, largest value 448, NaN 0x7f. */
export const e4m3Format: NarrowFormat = {
  mantissa_bits: 3,
  exponent_bias: 7,
  sign_shift: 7,
  max_finite: 0x7e,
  infinity: 0x7f,
  nan: 0x7f,
};

/** fp8 e5m2: largest value 57344, infinity 0x7c, NaN 0x7f. */
export const e5m2Format: NarrowFormat = {
  mantissa_bits: 2,
  exponent_bias: 15,
  sign_shift: 7,
  max_finite: 0x7b,
  infinity: 0x7c,
  nan: 0x7f,
};

/** Rounding of narrowing conversions: PTX's four, and rna (to nearest, ties away), which cvt has for tf32. */
export type NarrowRounding = Rounding | "rna";

/**
 * The bits of a double (exact, or rounded to odd) rounded once into the format.
 *
 * In units of the last place the magnitude is n = |x| / 2^(e - mantissa_bits), e = max(exponent, least one): exact,
 * since it is a scaling by a power of two. With n rounded to an integer N the bits are
 * (biased exponent - 1) * 2^mantissa_bits + N: the implicit bit of N and a carry both land in the exponent.
 * Overflow gives infinity in rn, rna and the outward mode, max_finite in the inward ones (IEEE 754 7.4).
 */
export function narrow(x: number, format: NarrowFormat, mode: NarrowRounding): number {
  if (Number.isNaN(x)) return format.nan;
  const negative = x < 0 || Object.is(x, -0);
  const sign = negative ? 1 << format.sign_shift : 0;
  const magnitude = Math.abs(x);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | format.infinity;
  const { mantissa_bits, exponent_bias } = format;
  const biased = Math.max(exponentOf(magnitude) + exponent_bias, 1);
  if (biased > 2 * exponent_bias + 2) return sign | overflow(format, mode, negative);
  const n = magnitude * powerOfTwo(mantissa_bits - (biased - exponent_bias));
  const rounded = mode === "rna" ? Math.floor(n + 0.5) : roundMagnitude(n, mode, negative);
  const bits = ((biased - 1) << mantissa_bits) + rounded;
  return sign | (bits > format.max_finite ? overflow(format, mode, negative) : bits);
}

function overflow(format: NarrowFormat, mode: NarrowRounding, negative: boolean): number {
  const inward = mode === "rz" || (mode === "rm" && !negative) || (mode === "rp" && negative);
  return inward ? format.max_finite : format.infinity;
}

/** The value of the low bits; NaN patterns give NaN. */
export function widen(bits: number, format: NarrowFormat): number {
  const { mantissa_bits, exponent_bias, sign_shift } = format;
  const magnitude = bits & ((1 << sign_shift) - 1);
  const negative = ((bits >>> sign_shift) & 1) !== 0;
  if (magnitude > format.max_finite) {
    if (magnitude !== format.infinity || format.infinity === format.nan) return Number.NaN;
    return negative ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  const biased = Math.max(magnitude >>> mantissa_bits, 1);
  const n = magnitude - ((biased - 1) << mantissa_bits);
  const value = n * powerOfTwo(biased - exponent_bias - mantissa_bits);
  return negative ? -value : value;
}

/** .satfinite on the bits of a result: infinity (overflow, or an infinite input) becomes max_finite; NaN stays NaN. */
export function saturateFinite(bits: number, format: NarrowFormat): number {
  const sign = bits & (1 << format.sign_shift);
  return (bits ^ sign) === format.infinity && format.infinity !== format.nan
    ? sign | format.max_finite
    : bits;
}
