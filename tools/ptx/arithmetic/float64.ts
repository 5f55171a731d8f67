// float64 arithmetic of PTX. add, sub, mul, div, sqrt in .rn are JS's own operators (IEEE 754, nearest even);
// here are fma and the directed roundings. NaN results: a JS NaN; PTX does not define their payload for .f64.
import { nextAway, nextToward, powerOfTwo, type Rounding, roundsAway, toOdd } from "./rounding.ts";

const splitter = 2 ** 27 + 1;

/**
 * fma.rn.f64: a * b + c rounded once, to nearest even.
 *
 * Dekker's product and the FMA emulation of Boldo & Melquiond (2008): a * b = uh + ul, c + ul = th + tl,
 * uh + th = vh + vl, and rn(vh + odd(tl + vl)). No step overflows or goes subnormal while the magnitudes lie in
 * 2^-900 .. 2^900; other operands take the BigInt path.
 */
export function fma64(a: number, b: number, c: number): number {
  const uh = a * b;
  const size = Math.abs(uh);
  if (!(size < 2 ** 900 && size > 2 ** -900 && inRange(a) && inRange(b) && Math.abs(c) < 2 ** 900))
    return fma64Rounded(a, b, c, "rn");
  if (c !== 0 && Math.abs(c) < 2 ** -900) return fma64Rounded(a, b, c, "rn");
  const as = a * splitter;
  const ah = as - (as - a);
  const al = a - ah;
  const bs = b * splitter;
  const bh = bs - (bs - b);
  const bl = b - bh;
  const ul = al * bl - (uh - ah * bh - al * bh - ah * bl);
  const th = c + ul;
  const tb = th - c;
  const tl = c - (th - tb) + (ul - tb);
  const vh = uh + th;
  const vb = vh - uh;
  const vl = uh - (vh - vb) + (th - vb);
  const z = tl + vl;
  const zb = z - tl;
  return vh + toOdd(z, tl - (z - zb) + (vl - zb));
}

function inRange(x: number): boolean {
  const size = Math.abs(x);
  return size < 2 ** 900 && size > 2 ** -900;
}

/** fma.{rn,rz,rm,rp}.f64, exact by BigInt. */
export function fma64Rounded(a: number, b: number, c: number, mode: Rounding): number {
  if (!allFinite(a, b, c)) return a * b + c;
  if (a === 0 || b === 0) return add64(a * b, c, mode);
  const p = decompose(a);
  const q = decompose(b);
  return roundSum(p.m * q.m, p.e + q.e, c, mode);
}

/** add.{rn,rz,rm,rp}.f64. An exact zero sum of opposite signs is -0 in rm, +0 otherwise. */
export function add64(a: number, b: number, mode: Rounding): number {
  if (mode === "rn" || !allFinite(a, b, 0)) return a + b;
  if (a === 0 && b === 0) return mode === "rm" ? -(-a - b) : a + b;
  const p = decompose(a);
  return roundSum(p.m, p.e, b, mode);
}

/** mul.{rn,rz,rm,rp}.f64. */
export function mul64(a: number, b: number, mode: Rounding): number {
  if (mode === "rn" || !allFinite(a, b, 0) || a === 0 || b === 0) return a * b;
  const p = decompose(a);
  const q = decompose(b);
  return roundExact(p.m * q.m, p.e + q.e, mode);
}

/** div.{rn,rz,rm,rp}.f64: a quotient of more than 54 bits whose last bit is 1 if a remainder is left. */
export function div64(a: number, b: number, mode: Rounding): number {
  if (mode === "rn" || !allFinite(a, b, 0) || a === 0 || b === 0) return a / b;
  const p = decompose(a);
  const q = decompose(b);
  const numerator = p.m << 120n;
  const quotient = numerator / q.m;
  const odd = quotient * q.m === numerator ? 0n : 1n;
  const doubled = quotient * 2n;
  return roundExact(a < 0 === b < 0 ? doubled + odd : doubled - odd, p.e - q.e - 121, mode);
}

/** rcp.{rn,rz,rm,rp}.f64. */
export function rcp64(a: number, mode: Rounding): number {
  return div64(1, a, mode);
}

/** sqrt.{rn,rz,rm,rp}.f64: Math.sqrt is correctly rounded (IEEE 754); its exact square says on which side it lies. */
export function sqrt64(a: number, mode: Rounding): number {
  const r = Math.sqrt(a);
  if (mode === "rn" || !(a > 0) || a === Number.POSITIVE_INFINITY) return r;
  const p = decompose(a);
  const q = decompose(r);
  const shift = BigInt(p.e - 2 * q.e);
  const excess = q.m * q.m - (shift >= 0n ? p.m << shift : p.m >> -shift);
  const exact = shift >= 0n || (p.m >> -shift) << -shift === p.m;
  if (excess === 0n && exact) return r;
  const tooLarge = excess > 0n;
  if (mode === "rp") return tooLarge ? r : nextAway(r);
  return tooLarge ? nextToward(r) : r;
}

function allFinite(a: number, b: number, c: number): boolean {
  return Number.isFinite(a) && Number.isFinite(b) && Number.isFinite(c);
}

const f64 = new Float64Array(1);
const bits64 = new BigInt64Array(f64.buffer);

/** A finite double as m * 2^e with a signed integer m. */
export function decompose(x: number): { m: bigint; e: number } {
  f64[0] = x;
  const bits = bits64[0] as bigint;
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const m = biased === 0 ? fraction : fraction | 0x10000000000000n;
  return { m: bits < 0n ? -m : m, e: Math.max(biased, 1) - 1075 };
}

function roundSum(m: bigint, e: number, c: number, mode: Rounding): number {
  const r = decompose(c);
  const least = Math.min(e, r.e);
  const sum = (m << BigInt(e - least)) + (r.m << BigInt(r.e - least));
  if (sum === 0n) return mode === "rm" ? -0 : 0;
  return roundExact(sum, least, mode);
}

/** m * 2^e, m not 0, rounded once to float64. */
export function roundExact(m: bigint, e: number, mode: Rounding): number {
  const negative = m < 0n;
  const magnitude = negative ? -m : m;
  const shift = Math.max(magnitude.toString(2).length - 53, -1074 - e);
  const rounded = shift > 0 ? shiftRounded(magnitude, BigInt(shift), mode, negative) : magnitude;
  const value = scale(Number(rounded), shift > 0 ? e + shift : e, mode, negative);
  return negative ? -value : value;
}

function shiftRounded(magnitude: bigint, shift: bigint, mode: Rounding, negative: boolean): bigint {
  const kept = magnitude >> shift;
  const rest = magnitude - (kept << shift);
  if (rest === 0n) return kept;
  if (mode !== "rn") return roundsAway(mode, negative) ? kept + 1n : kept;
  const half = 1n << (shift - 1n);
  return rest > half || (rest === half && (kept & 1n) === 1n) ? kept + 1n : kept;
}

// n * 2^e where the product is a double or overflows; n <= 2^53. Two exact steps: n * 2^-1000 is normal.
function scale(n: number, e: number, mode: Rounding, negative: boolean): number {
  const first = Math.max(-1000, Math.min(e, 960));
  const value = e > 1100 ? Number.POSITIVE_INFINITY : n * powerOfTwo(first) * 2 ** (e - first);
  if (value < Number.POSITIVE_INFINITY) return value;
  return mode === "rn" || roundsAway(mode, negative) ? value : Number.MAX_VALUE;
}
