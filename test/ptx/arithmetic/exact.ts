// The independent model of the tests: exact values m * 2^e in BigInt, and one rounding that can be read
// and believed. It shares no code with tools/ptx/arithmetic.
import type { Rounding } from "../../../tools/ptx/arithmetic/rounding.ts";

/** m * 2^e. */
export interface Exact {
  m: bigint;
  e: number;
}

/** A binary format: significant bits, exponent of the smallest subnormal, and the exponent of the first power of two that overflows. */
export interface Format {
  precision: number;
  least: number;
  overflow: number;
}

export const f64: Format = { precision: 53, least: -1074, overflow: 1024 };
export const f32: Format = { precision: 24, least: -149, overflow: 128 };
export const f16: Format = { precision: 11, least: -24, overflow: 16 };
export const bf16: Format = { precision: 8, least: -133, overflow: 128 };
export const modes: readonly Rounding[] = ["rn", "rz", "rm", "rp"];

const view = new DataView(new ArrayBuffer(8));

/** The exact value of a finite double. */
export function exact(x: number): Exact {
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const exponent = Number((bits >> 52n) & 2047n);
  const fraction = bits & ((1n << 52n) - 1n);
  const m = exponent === 0 ? fraction : fraction + (1n << 52n);
  return { m: bits >> 63n === 1n ? -m : m, e: (exponent === 0 ? 1 : exponent) - 1075 };
}

export function times(a: Exact, b: Exact): Exact {
  return { m: a.m * b.m, e: a.e + b.e };
}

export function plus(a: Exact, b: Exact): Exact {
  const e = Math.min(a.e, b.e);
  return { m: (a.m << BigInt(a.e - e)) + (b.m << BigInt(b.e - e)), e };
}

/** Rounds a non-zero m * 2^e + (something of m's sign smaller than 2^e, if `more`) to the format. */
export function round({ m, e }: Exact, format: Format, mode: Rounding, more = false): number {
  const negative = m < 0n;
  const size = negative ? -m : m;
  const quantum = Math.max(e + bitLength(size) - format.precision, format.least);
  // kept = the largest multiple of 2^quantum that is not above the value; rest2 = twice what is left.
  const drop = quantum - e;
  let kept = drop > 0 ? size >> BigInt(drop) : size << BigInt(-drop);
  const rest = drop > 0 ? size - (kept << BigInt(drop)) : 0n;
  const half = drop > 0 ? 1n << BigInt(drop - 1) : 1n;
  const inexact = rest > 0n || more;
  const aboveHalf = drop > 0 && (rest > half || (rest === half && more));
  const tie = drop > 0 && rest === half && !more;
  const up =
    mode === "rn"
      ? aboveHalf || (tie && kept % 2n === 1n)
      : inexact && ((mode === "rp" && !negative) || (mode === "rm" && negative));
  if (up) kept += 1n;
  let value = asDouble(kept, quantum);
  if (kept > 0n && quantum + bitLength(kept) > format.overflow) {
    const outward = mode === "rn" || (mode === "rp" && !negative) || (mode === "rm" && negative);
    const largest = asDouble(
      (1n << BigInt(format.precision)) - 1n,
      format.overflow - format.precision,
    );
    value = outward ? Number.POSITIVE_INFINITY : largest;
  }
  return negative ? -value : value;
}

// kept * 2^quantum, which is a double: the two factors of 2 keep the intermediate one normal.
function asDouble(kept: bigint, quantum: number): number {
  if (quantum > 970) return Number(kept << 53n) * 2 ** (quantum - 53);
  return quantum < -1000
    ? Number(kept) * 2 ** -1000 * 2 ** (quantum + 1000)
    : Number(kept) * 2 ** quantum;
}

/** Bits of a positive integer. */
export function bitLength(n: bigint): number {
  if (n >= 1n << 1000n) return n.toString(2).length;
  view.setFloat64(0, Number(n));
  const exponent = view.getUint16(0) >> 4;
  const guess = Math.max(exponent - 1022, 1);
  return n >> BigInt(guess - 1) === 0n ? guess - 1 : guess; // Number() may have rounded up
}

/** a * b + c in the format, with IEEE 754's rules for zeros; infinities and NaN are JS's, which are IEEE's too. */
export function fma(a: number, b: number, c: number, format: Format, mode: Rounding): number {
  if (!Number.isFinite(a) || !Number.isFinite(b) || !Number.isFinite(c)) return a * b + c;
  const product = times(exact(a), exact(b));
  const sum = plus(product, exact(c));
  if (sum.m !== 0n) return round(sum, format, mode);
  const productNegative = negative(a) !== negative(b);
  if (product.m === 0n && productNegative === negative(c)) return productNegative ? -0 : 0;
  return mode === "rm" ? -0 : 0;
}

export function add(a: number, b: number, format: Format, mode: Rounding): number {
  return fma(a, 1, b, format, mode);
}

export function mul(a: number, b: number, format: Format, mode: Rounding): number {
  if (!Number.isFinite(a) || !Number.isFinite(b) || a === 0 || b === 0) return a * b;
  return round(times(exact(a), exact(b)), format, mode);
}

export function div(a: number, b: number, format: Format, mode: Rounding): number {
  if (!Number.isFinite(a) || !Number.isFinite(b) || a === 0 || b === 0) return a / b;
  const x = exact(a);
  const y = exact(b);
  const size = (n: bigint) => (n < 0n ? -n : n);
  const numerator = size(x.m) << 128n;
  const quotient = numerator / size(y.m);
  const more = quotient * size(y.m) !== numerator;
  const m = negative(a) !== negative(b) ? -quotient : quotient;
  return round({ m, e: x.e - y.e - 128 }, format, mode, more);
}

export function sqrt(a: number, format: Format, mode: Rounding): number {
  if (!(a > 0) || a === Number.POSITIVE_INFINITY) return Math.sqrt(a);
  let { m, e } = exact(a);
  if (e % 2 !== 0) {
    m <<= 1n;
    e -= 1;
  }
  m <<= 160n;
  let low = 0n;
  let high = 1n << BigInt((bitLength(m) / 2 + 2) | 0);
  while (high - low > 1n) {
    const middle = (low + high) >> 1n;
    if (middle * middle <= m) low = middle;
    else high = middle;
  }
  return round({ m: low, e: e / 2 - 80 }, format, mode, low * low !== m);
}

/** One number rounded to the format. */
export function cvt(x: number, format: Format, mode: Rounding): number {
  return !Number.isFinite(x) || x === 0 ? x : round(exact(x), format, mode);
}

export function negative(x: number): boolean {
  return Object.is(x, -0) || x < 0;
}
