import type { Allocation, Memory } from "../memory.ts";

// Which bytes of global and local memory somebody has written: one bit a byte, in words of 32. Aligned accesses of
// up to 32 bytes never lie across two words, if bits are counted from a multiple of 32 bytes.

/** Sets or clears the bits of bytes [from, to). */
export function markBytes(bits: Int32Array, from: number, to: number, written: boolean): void {
  const first = from >> 5;
  const last = (to - 1) >> 5;
  if (to <= from) return;
  const head = -1 << (from & 31);
  const tail = -1 >>> (31 - ((to - 1) & 31));
  const set = (word: number, mask: number): void => {
    bits[word] = written ? (bits[word] ?? 0) | mask : (bits[word] ?? 0) & ~mask;
  };
  if (first === last) {
    set(first, head & tail);
    return;
  }
  set(first, head);
  bits.fill(written ? -1 : 0, first + 1, last);
  set(last, tail);
}

/** Marks a range of an allocation, which may lie in several pages. */
export function markAllocation(
  memory: Memory,
  allocation: Allocation,
  offset: number,
  bytes: number,
  written: boolean,
): void {
  for (let done = 0; done < bytes; ) {
    const at = offset + done;
    const inPage = at % allocation.pageBytes;
    const count = Math.min(bytes - done, allocation.pageBytes - inPage);
    // A page that nobody has touched holds nothing written.
    if (written || allocation.pages.has(Math.floor(at / allocation.pageBytes))) {
      const { D, lo } = memory.window(allocation, at);
      const skew = lo & 31;
      markBytes(D, skew + inPage, skew + inPage + count, written);
    }
    done += count;
  }
}

/** The first byte of [from, from + bytes) that nobody has written. */
export function firstUnwritten(bits: Int32Array, from: number, bytes: number): number {
  for (let at = from; at < from + bytes; at++) {
    if ((((bits[at >> 5] ?? 0) >>> (at & 31)) & 1) === 0) return at;
  }
  return from;
}
