// Bit instructions on 64-bit integers as (lo, hi) words; pairs are returned in `pair` of int64.ts.

import { pair, shl64Hi, shl64Lo, shrS64Hi, shrS64Lo, shrU64Hi, shrU64Lo } from "./int64.ts";
import { brev32, popc32 } from "./integer32.ts";

/** clz.b64. */
export function clz64(lo: number, hi: number): number {
  return hi === 0 ? 32 + Math.clz32(lo) : Math.clz32(hi);
}

/** popc.b64. */
export function popc64(lo: number, hi: number): number {
  return popc32(lo) + popc32(hi);
}

/** brev.b64 into `pair`. */
export function brev64(lo: number, hi: number): void {
  pair[0] = brev32(hi);
  pair[1] = brev32(lo);
}

/** abs.s64 into `pair`; the least value is its own absolute value. */
export function absS64(lo: number, hi: number): void {
  const negative = hi < 0;
  pair[0] = negative ? -lo : lo;
  pair[1] = negative ? ~hi + (lo === 0 ? 1 : 0) : hi;
}

/** bfind{.shiftamt}.{u64,s64}: position of the highest bit unlike the sign; -1 if none; shiftamt: 63 - it. */
export function bfind64(lo: number, hi: number, signed: boolean, shiftAmount: boolean): number {
  const flip = signed ? hi >> 31 : 0;
  const zeros = clz64(lo ^ flip, hi ^ flip);
  if (zeros === 64) return -1;
  return shiftAmount ? zeros : 63 - zeros;
}

/** bfe.{u64,s64} into `pair`: len bits from pos. Both must be 0 .. 255 (PTX ISA);
 * larger ones are taken whole, as on an H200, whose 32-bit form takes their low 8 bits. */
export function bfe64(
  lo: number,
  hi: number,
  position: number,
  length: number,
  signed: boolean,
): void {
  const pos = position >>> 0;
  const len = length >>> 0;
  if (len === 0 || (pos > 63 && !signed)) {
    pair[0] = 0;
    pair[1] = 0;
    return;
  }
  if (pos > 63) {
    pair[0] = hi >> 31;
    pair[1] = hi >> 31;
    return;
  }
  const left = Math.max(0, 64 - pos - len);
  const topLo = shl64Lo(lo, left);
  const topHi = shl64Hi(lo, hi, left);
  pair[0] = signed ? shrS64Lo(topLo, topHi, left + pos) : shrU64Lo(topLo, topHi, left + pos);
  pair[1] = signed ? shrS64Hi(topHi, left + pos) : shrU64Hi(topHi, left + pos);
}

/** bfi.b64 into `pair`: the low len bits of a put into b at pos; bits past 63 are dropped. */
export function bfi64(
  al: number,
  ah: number,
  bl: number,
  bh: number,
  position: number,
  length: number,
): void {
  const pos = position >>> 0;
  const len = Math.min(length >>> 0, 64);
  pair[0] = bl;
  pair[1] = bh;
  if (pos > 63 || len === 0) return;
  const onesLo = shrU64Lo(-1, -1, 64 - len);
  const onesHi = shrU64Hi(-1, 64 - len);
  const maskLo = shl64Lo(onesLo, pos);
  const maskHi = shl64Hi(onesLo, onesHi, pos);
  pair[0] = (bl & ~maskLo) | (shl64Lo(al, pos) & maskLo);
  pair[1] = (bh & ~maskHi) | (shl64Hi(al, ah, pos) & maskHi);
}
