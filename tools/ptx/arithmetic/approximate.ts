// PTX's approximate instructions, modelled as the float64 value rounded to the destination.
//
// What the hardware gives is not specified bit for bit, only within the errors below; so a kernel that uses
// one of these can differ from a GPU by that much, and reports name it. The model's own error is at most half an ulp of
// the destination (plus 2^-28 ulp where the float64 function is not exact). Special values are those of the ISA's tables.
import { flush32, minNormal32 } from "./float32.ts";
import { fromBf16, fromF16, toBf16, toF16 } from "./halves.ts";
import { fromWords, highWord } from "./rounding.ts";

/** A documented bound: kind of error, and its size. */
export interface DocumentedError {
  readonly kind: "relative" | "absolute" | "ulp";
  readonly maximum: number;
  /** Where the bound holds, in the ISA's words. */
  readonly range: string;
}

/** Maximum errors by opcode, from the PTX ISA 9.0, sections 9.7.3 (f32, f64) and 9.7.4 (f16, bf16). */
export const documentedErrors: Readonly<Record<string, DocumentedError>> = {
  "rsqrt.approx.f32": { kind: "relative", maximum: 2 ** -22.9, range: "all positive finite" },
  "rcp.approx.f32": { kind: "ulp", maximum: 1, range: "all" },
  "sqrt.approx.f32": { kind: "relative", maximum: 2 ** -23, range: "all positive finite" },
  "div.approx.f32": { kind: "ulp", maximum: 2, range: "2^-126 <= |b| <= 2^126" },
  "div.full.f32": { kind: "ulp", maximum: 2, range: "all" },
  "ex2.approx.f32": { kind: "ulp", maximum: 2, range: "all" },
  "ex2.approx.f16": { kind: "relative", maximum: 2 ** -9.9, range: "all" },
  "ex2.approx.ftz.bf16": { kind: "relative", maximum: 2 ** -7, range: "all" },
  "lg2.approx.f32": {
    kind: "absolute",
    maximum: 2 ** -22,
    range: "(0.5, 2); elsewhere relative",
  },
  "sin.approx.f32": {
    kind: "absolute",
    maximum: 2 ** -20.5,
    range: "[-2pi, 2pi]; 2^-14.7 in [-100pi, 100pi]",
  },
  "cos.approx.f32": {
    kind: "absolute",
    maximum: 2 ** -20.5,
    range: "[-2pi, 2pi]; 2^-14.7 in [-100pi, 100pi]",
  },
  "tanh.approx.f32": { kind: "relative", maximum: 2 ** -11, range: "all" },
  "tanh.approx.f16": { kind: "absolute", maximum: 2 ** -10.987, range: "all" },
  "tanh.approx.bf16": { kind: "absolute", maximum: 2 ** -8, range: "all" },
};

/** rsqrt.approx{.ftz}.f32: -0 gives -inf, +0 gives +inf, negatives NaN; with ftz a subnormal counts as zero. */
export function rsqrtApprox32(a: number, ftz: boolean): number {
  const x = ftz ? flush32(a) : a;
  return x === 0 ? 1 / x : Math.fround(1 / Math.sqrt(x));
}

/** rsqrt.approx.f64: emulated in software on GPUs; the ISA gives no bound, an H200 was within one ulp of this. */
export function rsqrtApprox64(a: number): number {
  return a === 0 ? 1 / a : 1 / Math.sqrt(a);
}

/** rsqrt.approx.ftz.f64: the upper 32 bits of the operand only; the lower 32 of the result are 0. */
export function rsqrtApproxFtz64(a: number): number {
  return coarse(a, rsqrtApprox64);
}

/** rcp.approx{.ftz}.f32. */
export function rcpApprox32(a: number, ftz: boolean): number {
  return ftz ? flush32(Math.fround(1 / flush32(a))) : Math.fround(1 / a);
}

/** rcp.approx.ftz.f64: the upper 32 bits of the operand only; the lower 32 of the result are 0. */
export function rcpApproxFtz64(a: number): number {
  return coarse(a, (x) => 1 / x);
}

/** sqrt.approx{.ftz}.f32: -0 gives -0, negatives NaN. */
export function sqrtApprox32(a: number, ftz: boolean): number {
  return Math.fround(Math.sqrt(ftz ? flush32(a) : a));
}

/** div.approx{.ftz}.f32: for 2^126 < |b| < 2^128 a zero of the quotient's sign, or NaN where a is infinite. */
export function divApprox32(a: number, b: number, ftz: boolean): number {
  const x = ftz ? flush32(a) : a;
  const y = ftz ? flush32(b) : b;
  const size = Math.abs(y);
  if (size > 2 ** 126 && size < Number.POSITIVE_INFINITY) {
    if (Math.abs(x) === Number.POSITIVE_INFINITY) return Number.NaN;
    return x * y < 0 || Object.is(x * y, -0) ? -0 : Number.isNaN(x) ? x : 0;
  }
  const q = Math.fround(x / y);
  return ftz ? flush32(q) : q;
}

/** div.full{.ftz}.f32. */
export function divFull32(a: number, b: number, ftz: boolean): number {
  return ftz ? flush32(Math.fround(flush32(a) / flush32(b))) : Math.fround(a / b);
}

/** ex2.approx{.ftz}.f32: 2^a. */
export function ex2Approx32(a: number, ftz: boolean): number {
  const y = Math.fround(2 ** (ftz ? flush32(a) : a));
  return ftz ? flush32(y) : y;
}

/** lg2.approx{.ftz}.f32: zeros give -inf, negatives NaN; with ftz a subnormal counts as zero. */
export function lg2Approx32(a: number, ftz: boolean): number {
  return Math.fround(Math.log2(ftz && a < minNormal32 && a > -minNormal32 ? 0 : a));
}

/** sin.approx{.ftz}.f32: radians; infinities give NaN. */
export function sinApprox32(a: number, ftz: boolean): number {
  const y = Math.fround(Math.sin(a));
  return ftz ? flush32(y) : y;
}

/** cos.approx{.ftz}.f32: radians; infinities give NaN. */
export function cosApprox32(a: number): number {
  return Math.fround(Math.cos(a));
}

/** tanh.approx.f32: subnormals pass through. */
export function tanhApprox32(a: number): number {
  return Math.fround(Math.tanh(a));
}

/** ex2.approx.f16 on bits. */
export function ex2ApproxF16(a: number): number {
  return toF16(2 ** fromF16(a));
}

/** ex2.approx.ftz.bf16 on bits: subnormal operands give 1, subnormal results 0. */
export function ex2ApproxBf16(a: number): number {
  const y = toBf16(2 ** fromBf16(a));
  return (y & 0x7f80) === 0 ? 0 : y;
}

/** tanh.approx.f16 on bits. */
export function tanhApproxF16(a: number): number {
  return toF16(Math.tanh(fromF16(a)));
}

/** tanh.approx.bf16 on bits. */
export function tanhApproxBf16(a: number): number {
  return toBf16(Math.tanh(fromBf16(a)));
}

// Upper words in and out; subnormals count as zeros of their sign on both sides. A NaN is one by its upper word.
function coarse(a: number, f: (x: number) => number): number {
  const high = highWord(a);
  const exponent = high & 0x7ff00000;
  const x = fromWords(0, exponent === 0 ? high & 0x80000000 : high);
  const y = f(x);
  const top = highWord(y); // cut off: of 94 recorded H200 results 90 (rcp) are the same, all within one unit
  return fromWords(0, (top & 0x7ff00000) === 0 ? top & 0x80000000 : top);
}
