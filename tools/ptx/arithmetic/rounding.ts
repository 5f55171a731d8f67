// What every format shares: the rounding modes, bit views of a double, and round-to-odd.
//
// The rule that this folder rests on: an exact result is first brought into one double by rounding
// to odd (an inexact value takes the neighbour whose last bit is 1), and that double is then rounded
// once to the target in any mode. Two roundings then equal one, because an odd last bit can lie
// neither on a value nor on a midpoint of a format with at least two bits less (Boldo & Melquiond,
// "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).

/** PTX rounding modifiers of floating point: nearest even, toward zero, toward -inf, toward +inf. */
export type Rounding = "rn" | "rz" | "rm" | "rp";

/** PTX rounding modifiers to an integral value: nearest even, toward zero, -inf, +inf. */
export type IntegralRounding = "rni" | "rzi" | "rmi" | "rpi";

const f64 = new Float64Array(1);
const i64 = new Int32Array(f64.buffer);

/** Low 32 bits of the double (little-endian hosts only, as are all that run Node). */
export function lowWord(x: number): number {
  f64[0] = x;
  return i64[0] as number;
}

/** High 32 bits of the double: sign, 11 exponent bits, 20 mantissa bits. */
export function highWord(x: number): number {
  f64[0] = x;
  return i64[1] as number;
}

/** The double with these two words. */
export function fromWords(low: number, high: number): number {
  i64[0] = low;
  i64[1] = high;
  return f64[0] as number;
}

/** 2^exponent for -1022 <= exponent <= 1023, exactly. */
export function powerOfTwo(exponent: number): number {
  return fromWords(0, (exponent + 1023) << 20);
}

/** Floor of log2|x| for normal doubles; -1023 for zero and subnormal ones; 1024 for inf and NaN. */
export function exponentOf(x: number): number {
  return ((highWord(x) >>> 20) & 0x7ff) - 1023;
}

/**
 * The sum `s + error` rounded to odd, where `s` is the double nearest to it (so |error| <= ulp(s)/2).
 * `error` must have the right sign; only its sign is used.
 */
export function toOdd(s: number, error: number): number {
  if (error === 0 || Number.isNaN(error)) return s;
  f64[0] = s;
  if (((i64[0] as number) & 1) !== 0) return s;
  return error > 0 === s > 0 ? nextAway(s) : nextToward(s);
}

/** a + b rounded to odd. Exact TwoSum (Knuth); right while |a + b| < 2^1023. */
export function addToOdd(a: number, b: number): number {
  const s = a + b;
  const bb = s - a;
  return toOdd(s, a - (s - bb) + (b - bb));
}

/** The next double away from zero. For zero: the smallest positive subnormal. */
export function nextAway(x: number): number {
  f64[0] = x;
  const low = ((i64[0] as number) + 1) | 0;
  i64[0] = low;
  if (low === 0) i64[1] = (i64[1] as number) + 1;
  return f64[0] as number;
}

/** The next double toward zero. Not for zero. */
export function nextToward(x: number): number {
  f64[0] = x;
  const low = i64[0] as number;
  i64[0] = low - 1;
  if (low === 0) i64[1] = (i64[1] as number) - 1;
  return f64[0] as number;
}

/** Whether this mode rounds an inexact magnitude up, for a value of that sign. Not for rn. */
export function roundsAway(mode: Rounding, negative: boolean): boolean {
  return (mode === "rp" && !negative) || (mode === "rm" && negative);
}

/**
 * Non-negative n < 2^52 rounded to an integer, for a value of that sign.
 * rn: adding 2^52 leaves no bits below 1, so the addition itself rounds, ties to even.
 */
export function roundMagnitude(n: number, mode: Rounding, negative: boolean): number {
  if (mode === "rn") return n + 4503599627370496 - 4503599627370496;
  return roundsAway(mode, negative) ? Math.ceil(n) : Math.floor(n);
}
