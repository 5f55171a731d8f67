import type { KernelCase, Rounding, WeightForm } from "./cases.ts";
import { type Dtype, dtypeFacts, ulpAt } from "./dtypes.ts";
import type { OperatorName } from "./operators.ts";

/**
 * What a pass is, for the GPU and for the interpreter alike.
 *
 * max_ulp: distance to the plain float64 value, in ulps of the output dtype. One rounding of an
 * exact value costs 0.5; computing in float32 first adds 2^-8 at most (0.51). The llama order
 * rounds twice: half an ulp of the normalised value is up to 1 ulp of the product, and 0.5 at the
 * end (1.51). float32: a tree sum, a division, a square root and two products, each within half an
 * ulp, at most 3.4 measured over hidden sizes up to 262144; 8 leaves room for other summation
 * orders and for rsqrt.approx (2 ulp), not for a missing eps (thousands at std 1e-2).
 *
 * max_fraction_beyond: the share of elements further than `ordered_ulp` from the reference that
 * rounds in the declared order. Float32 arithmetic adds at most 2^-11 ulp of float16 to the half
 * ulp of the last rounding (0.501), so an honest kernel has next to none; kernels that round once
 * more miss in a quarter of all elements, and 1e-3 is far from both. It is asked of every case by
 * itself, since a launcher may send one shape to a worse variant, and of all cases that share
 * dtypes, rounding and weight form together. Where a float32 weight promotes the output, half the
 * dtype's rounding is still in the value: the plain distance says little there, the ordered decides.
 */
export interface AccuracyLimits {
  max_ulp: number;
  ordered_ulp: number;
  max_fraction_beyond: number;
}

export function accuracyLimits(one: {
  operator: OperatorName;
  out_dtype: Dtype;
  dtype: Dtype;
  rounding: Rounding;
}): AccuracyLimits {
  if (one.operator === "layernorm") {
    // One thread may sum a row of 8192 one after the other: a walk of as many half-ulp steps.
    const max_ulp = one.out_dtype === "float32" ? 64 : 1.01;
    return { max_ulp, ordered_ulp: max_ulp, max_fraction_beyond: 1e-3 };
  }
  if (one.out_dtype === "float32") {
    const promoted = one.dtype !== "float32" && one.rounding === "llama";
    const halfRounding = promoted ? 2 ** (24 - dtypeFacts[one.dtype].significand_bits) : 0;
    return { max_ulp: halfRounding + 8, ordered_ulp: 8, max_fraction_beyond: 1e-3 };
  }
  const max_ulp = one.rounding === "llama" ? 1.51 : 0.51;
  return { max_ulp, ordered_ulp: 0.501, max_fraction_beyond: 1e-3 };
}

/** rstd is float32 whatever the input is: the limit for a float32 result holds. */
export function rstdMaxUlp({ operator }: { operator: OperatorName }): number {
  return accuracyLimits({ operator, dtype: "float32", out_dtype: "float32", rounding: "single" })
    .max_ulp;
}

/**
 * |got - reference| in ulps of `dtype` at the reference (or at `scale`, where terms cancel).
 * NaN and infinities must agree in place and sign; infinity stands where a finite reference
 * rounds to it, and just past that edge it counts as the next power of two.
 */
export function ulpDistance(got: number, reference: number, dtype: Dtype, scale?: number): number {
  if (Number.isNaN(reference)) return Number.isNaN(got) ? 0 : Infinity;
  if (Number.isNaN(got)) return Infinity;
  if (got === reference) return 0;
  const { max_finite } = dtypeFacts[dtype];
  const edge = max_finite + ulpAt(max_finite, dtype);
  const finiteGot = clampTo(got, edge);
  const finiteReference = clampTo(reference, edge);
  if (!Number.isFinite(reference) && Number.isFinite(got)) return Infinity;
  return Math.abs(finiteGot - finiteReference) / ulpAt(scale ?? reference, dtype);
}

/** Elements of all cases that share output dtype, rounding order and weight form. */
export interface AccuracyPool {
  operator: OperatorName;
  dtype: Dtype;
  out_dtype: Dtype;
  rounding: Rounding;
  weight: WeightForm;
  elements: number;
  max_ulp: number;
  /** Elements further than `ordered_ulp` from the reference of the declared rounding order. */
  beyond: number;
}

/** Whether more elements are off than rounding alone explains. */
export function tooManyBeyond(pool: AccuracyPool): boolean {
  const expected = accuracyLimits(pool).max_fraction_beyond * pool.elements;
  // Three standard deviations of a count with that mean, so that chance fails no small pool.
  return pool.beyond > expected + 3 * Math.sqrt(expected) + 1;
}

export function poolKey(one: KernelCase): string {
  return [one.dtype, one.out_dtype, one.rounding, one.weight].join(" ");
}

function clampTo(value: number, edge: number): number {
  return Math.max(-edge, Math.min(edge, value));
}
