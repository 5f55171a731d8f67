// 64-bit integers as two int32 words (lo, hi), without BigInt except in division.
//
// Functions that give one word return it. Functions that give a pair write `pair`: pair[0] = lo, pair[1] = hi;
// read it before the next call. Inline, no function needed:
//   add   lo = (al + bl) | 0; hi = (ah + bh + (lo >>> 0 < al >>> 0 ? 1 : 0)) | 0
//   sub   lo = (al - bl) | 0; hi = (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0
//   neg   lo = -al | 0; hi = (~ah + (al === 0 ? 1 : 0)) | 0
//   mul.wide.u32  lo = Math.imul(a, b); hi = mulHiU32(a, b)        mul.wide.s32: mulHiS32
//   mul.lo        lo = Math.imul(al, bl); hi = mulLo64Hi(al, ah, bl, bh)     mad: then add
//   and or xor not: word by word; eq: both words equal
import { mulHiU32 } from "./integer32.ts";

/** Where functions that give 64 bits leave them: [lo, hi]. */
export const pair = new Int32Array(2);

const two32 = 4294967296;

/** High word of the low 64 bits of the product (mul.lo.{u64,s64}); the low word is Math.imul(al, bl). */
export function mulLo64Hi(al: number, ah: number, bl: number, bh: number): number {
  return (mulHiU32(al, bl) + Math.imul(ah, bl) + Math.imul(al, bh)) | 0;
}

/** mul.hi.u64 into `pair`: schoolbook on 32-bit words; carries are counted in doubles below 2^35. */
export function mulHiU64(al: number, ah: number, bl: number, bh: number): void {
  const middle = (mulHiU32(al, bl) >>> 0) + (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bh) >>> 0);
  const low =
    (mulHiU32(ah, bl) >>> 0) +
    (mulHiU32(al, bh) >>> 0) +
    (Math.imul(ah, bh) >>> 0) +
    Math.floor(middle / two32);
  pair[0] = low;
  pair[1] = (mulHiU32(ah, bh) >>> 0) + Math.floor(low / two32);
}

/** mul.hi.s64 into `pair`: the unsigned product less b where a < 0 and less a where b < 0. */
export function mulHiS64(al: number, ah: number, bl: number, bh: number): void {
  mulHiU64(al, ah, bl, bh);
  if (ah < 0) subtractFromPair(bl, bh);
  if (bh < 0) subtractFromPair(al, ah);
}

function subtractFromPair(l: number, h: number): void {
  const borrow = (pair[0] as number) >>> 0 < l >>> 0 ? 1 : 0;
  pair[0] = (pair[0] as number) - l;
  pair[1] = (pair[1] as number) - h - borrow;
}

/** shl.b64 low word; amounts above 64 are clamped (PTX ISA 9.7.8.8), so they give 0. */
export function shl64Lo(lo: number, n: number): number {
  return n >>> 0 > 31 ? 0 : lo << n;
}

/** shl.b64 high word. */
export function shl64Hi(lo: number, hi: number, n: number): number {
  const amount = n >>> 0;
  if (amount > 31) return amount > 63 ? 0 : lo << (amount - 32);
  return amount === 0 ? hi | 0 : (hi << amount) | (lo >>> (32 - amount));
}

/** shr.u64 low word. */
export function shrU64Lo(lo: number, hi: number, n: number): number {
  const amount = n >>> 0;
  if (amount > 31) return amount > 63 ? 0 : (hi >>> (amount - 32)) | 0;
  return amount === 0 ? lo | 0 : (lo >>> amount) | (hi << (32 - amount));
}

/** shr.u64 high word. */
export function shrU64Hi(hi: number, n: number): number {
  return n >>> 0 > 31 ? 0 : (hi >>> n) | 0;
}

/** shr.s64 low word. */
export function shrS64Lo(lo: number, hi: number, n: number): number {
  const amount = n >>> 0;
  if (amount > 31) return amount > 63 ? hi >> 31 : hi >> (amount - 32);
  return amount === 0 ? lo | 0 : (lo >>> amount) | (hi << (32 - amount));
}

/** shr.s64 high word. */
export function shrS64Hi(hi: number, n: number): number {
  return n >>> 0 > 31 ? hi >> 31 : hi >> n;
}

/** a < b, signed. The other comparisons: swap operands, negate. */
export function lessS64(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah < bh;
}

/** a < b, unsigned. For min and max: pick both words by this. */
export function lessU64(al: number, ah: number, bl: number, bh: number): boolean {
  return ah === bh ? al >>> 0 < bl >>> 0 : ah >>> 0 < bh >>> 0;
}

/** div.u64 into `pair`. By zero: all ones, as on GPUs (the ISA leaves it unspecified). */
export function divU64(al: number, ah: number, bl: number, bh: number): void {
  if (((ah | bh) & 0xffe00000) === 0 && (bl | bh) !== 0)
    setPair(Math.floor(small(al, ah) / small(bl, bh)));
  else if ((bl | bh) === 0) setWords(-1, -1);
  else fromBigInt(unsigned64(al, ah) / unsigned64(bl, bh));
}

/** rem.u64 into `pair`. By zero: all ones. */
export function remU64(al: number, ah: number, bl: number, bh: number): void {
  if ((bl | bh) === 0) setWords(-1, -1);
  else if (((ah | bh) & 0xffe00000) === 0) setPair(small(al, ah) % small(bl, bh));
  else fromBigInt(unsigned64(al, ah) % unsigned64(bl, bh));
}

/** div.s64 into `pair`, toward zero; the least value divided by -1 is itself. By zero: all ones. */
export function divS64(al: number, ah: number, bl: number, bh: number): void {
  if ((ah | bh) >= 0) divU64(al, ah, bl, bh);
  else if ((bl | bh) === 0) setWords(-1, -1);
  else fromBigInt(signed64(al, ah) / signed64(bl, bh));
}

/** rem.s64 into `pair`, sign of the dividend. By zero: all ones. */
export function remS64(al: number, ah: number, bl: number, bh: number): void {
  if ((ah | bh) >= 0) remU64(al, ah, bl, bh);
  else if ((bl | bh) === 0) setWords(-1, -1);
  else fromBigInt(signed64(al, ah) % signed64(bl, bh));
}

// Values below 2^53: quotients of such integers are exact after Math.floor (a quotient of integers that is
// not one is further than 2^-53 of itself from the next integer above).
function small(lo: number, hi: number): number {
  return hi * two32 + (lo >>> 0);
}

function setWords(lo: number, hi: number): void {
  pair[0] = lo;
  pair[1] = hi;
}

/** A non-negative integer below 2^64 (exact in a double) into `pair`. */
export function setPair(value: number): void {
  pair[0] = value;
  pair[1] = Math.floor(value / two32);
}

/** The low 64 bits of a BigInt into `pair`. */
export function fromBigInt(value: bigint): void {
  pair[0] = Number(BigInt.asIntN(32, value));
  pair[1] = Number(BigInt.asIntN(32, value >> 32n));
}

/** The pair as an unsigned BigInt. */
export function unsigned64(lo: number, hi: number): bigint {
  return (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0);
}

/** The pair as a signed BigInt. */
export function signed64(lo: number, hi: number): bigint {
  return (BigInt(hi | 0) << 32n) | BigInt(lo >>> 0);
}

/** The pair as a number, rounded once: cvt.rn.f64.s64. hi * 2^32 is exact, the addition rounds. */
export function s64ToNumber(lo: number, hi: number): number {
  return (hi | 0) * two32 + (lo >>> 0);
}

/** The pair as a number, rounded once: cvt.rn.f64.u64. Exact for addresses below 2^53. */
export function u64ToNumber(lo: number, hi: number): number {
  return (hi >>> 0) * two32 + (lo >>> 0);
}

/**
 * The pair as a double from which a rounding to f32, f16 or bf16 is right in every mode: exact below 2^53,
 * above with bits 10..0 folded into bit 11, far below the last bit that those formats keep.
 */
export function s64ToOdd(lo: number, hi: number): number {
  const high = hi | 0;
  return high === (high << 10) >> 10 ? high * two32 + (lo >>> 0) : high * two32 + foldLow(lo);
}

/** The same for an unsigned pair. */
export function u64ToOdd(lo: number, hi: number): number {
  const high = hi >>> 0;
  return high * two32 + (high < 0x200000 ? lo >>> 0 : foldLow(lo));
}

function foldLow(lo: number): number {
  return ((lo & ~0x7ff) | ((lo & 0x7ff) === 0 ? 0 : 0x800)) >>> 0;
}
