import { SHARED_WINDOW } from "./module.ts";

/** A piece of memory that generated code may touch directly: typed views of one buffer, at one address. */
export interface Window {
  /** Words of the address of the first byte. */
  lo: number;
  hi: number;
  bytes: number;
  I: Int32Array;
  F: Float32Array;
  H: Uint16Array;
  B: Uint8Array;
  /** Which bytes somebody has written, where that is checked: bit n is the byte at (lo & ~31) + n. */
  D: Int32Array;
}

/** What a site in generated code remembers; `store` sites never hold read-only memory. */
export interface Site {
  window: Window;
}

export interface Allocation {
  label: string;
  /** Exact: addresses stay below 2^47. */
  address: number;
  bytes: number;
  readOnly: boolean;
  /** Contents count as written from the beginning. */
  initialised: boolean;
  /** One window below `pageFrom` bytes, otherwise those pages that were touched. */
  pages: Map<number, Window>;
  pageBytes: number;
}

const pageBytes = 1 << 20;
/** Allocations above this size get their pages when they are first touched. */
const pageFrom = 8 << 20;
/** What overshoots a buffer by a block of vectors must not land in the next one. */
const guardBytes = 64 * 1024;
const firstAddress = 0x7f12_0000_0000;
const two32 = 4294967296;

/** A window that holds nothing: what sites remember before their first access. */
export const nowhere: Window = makeWindow(-1, -1, new ArrayBuffer(0), 0, new Int32Array(0));
const noBits = nowhere.D;

function makeWindow(
  lo: number,
  hi: number,
  buffer: ArrayBuffer,
  bytes: number,
  D: Int32Array,
): Window {
  return {
    lo: lo | 0,
    hi,
    bytes,
    I: new Int32Array(buffer),
    F: new Float32Array(buffer),
    H: new Uint16Array(buffer),
    B: new Uint8Array(buffer),
    D,
  };
}

/** The device's global memory: allocations with guards between them in one address space. */
export class Memory {
  /** Sorted by address. */
  readonly allocations: Allocation[] = [];
  private next = firstAddress;
  /** Windows know which of their bytes somebody has written. */
  private readonly checks: boolean;

  constructor(checks = false) {
    this.checks = checks;
  }

  alloc(bytes: number, label: string, readOnly: boolean, initialised = false): Allocation {
    const paged = bytes > pageFrom;
    const align = paged ? pageBytes : 256;
    let address = Math.ceil((this.next + guardBytes) / align) * align;
    // A window has one high word: small allocations never lie across a 4 GiB boundary.
    const boundary = Math.ceil(address / two32) * two32;
    if (!paged && address + bytes > boundary && boundary > address) address = boundary;
    this.next = address + bytes + guardBytes;
    return this.place(address, bytes, label, readOnly, initialised);
  }

  /** An allocation at a chosen address, as module variables have. */
  place(
    address: number,
    bytes: number,
    label: string,
    readOnly: boolean,
    initialised = false,
  ): Allocation {
    const size = bytes > pageFrom ? pageBytes : Math.max(bytes, 1);
    const allocation: Allocation = {
      label,
      address,
      bytes,
      readOnly,
      initialised,
      pages: new Map(),
      pageBytes: size,
    };
    this.allocations.splice(this.position(address), 0, allocation);
    return allocation;
  }

  free(address: number): boolean {
    const index = this.position(address) - 1;
    if (this.allocations[index]?.address !== address) return false;
    this.allocations.splice(index, 1);
    return true;
  }

  /** The allocation that begins at or before the address. */
  below(address: number): Allocation | undefined {
    return this.allocations[this.position(address) - 1];
  }

  /** The allocation that begins after the address. */
  above(address: number): Allocation | undefined {
    return this.allocations[this.position(address)];
  }

  private position(address: number): number {
    let low = 0;
    let high = this.allocations.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.allocations[middle]?.address ?? 0) <= address) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The piece of an allocation that holds the byte at `offset`; made on first touch, zero-filled. */
  window(allocation: Allocation, offset: number): Window {
    const page = Math.floor(offset / allocation.pageBytes);
    const known = allocation.pages.get(page);
    if (known) return known;
    const start = page * allocation.pageBytes;
    const bytes = Math.min(allocation.pageBytes, allocation.bytes - start);
    const address = allocation.address + start;
    const buffer = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
    const lo = address % two32;
    const words = Math.ceil(((lo & 31) + bytes) / 32);
    const bits = this.checks ? new Int32Array(words) : noBits;
    if (allocation.initialised) bits.fill(-1);
    const made = makeWindow(lo, Math.floor(address / two32), buffer, bytes, bits);
    allocation.pages.set(page, made);
    return made;
  }

  /** Copies between the host and an allocation; `offset + bytes.length` must lie inside. */
  copy(allocation: Allocation, offset: number, bytes: Uint8Array, write: boolean): void {
    for (let done = 0; done < bytes.length; ) {
      const at = offset + done;
      const inPage = at % allocation.pageBytes;
      const count = Math.min(bytes.length - done, allocation.pageBytes - inPage);
      const page = Math.floor(at / allocation.pageBytes);
      const part = bytes.subarray(done, done + count);
      if (write) this.window(allocation, at).B.set(part, inPage);
      else {
        const known = allocation.pages.get(page);
        if (known) part.set(known.B.subarray(inPage, inPage + count));
      }
      done += count;
    }
  }
}

/** Room for the shared memory of the largest block of any GPU (228 KiB), and for parameters. */
export const sharedCapacity = 256 * 1024;
export const paramCapacity = 32 * 1024;
export const sharedMemory: Window = makeWindow(
  0,
  SHARED_WINDOW,
  new ArrayBuffer(sharedCapacity),
  sharedCapacity,
  noBits,
);
export const paramMemory: Window = makeWindow(
  0,
  0,
  new ArrayBuffer(paramCapacity),
  paramCapacity,
  new Int32Array(paramCapacity / 32).fill(-1),
);

/** A number for a 64-bit address; exact below 2^53, where all allocations are. */
export function addressOf(lo: number, hi: number): number {
  return (hi >>> 0) * two32 + (lo >>> 0);
}

/** A window over part of another window's bytes, from a multiple of 32 on, seen at another address. */
export function windowOver(
  source: Window,
  from: number,
  bytes: number,
  lo: number,
  hi: number,
): Window {
  const { buffer } = source.B;
  const whole = Math.ceil(bytes / 8) * 8;
  return {
    lo,
    hi,
    bytes,
    I: new Int32Array(buffer, from, whole >> 2),
    F: new Float32Array(buffer, from, whole >> 2),
    H: new Uint16Array(buffer, from, whole >> 1),
    B: new Uint8Array(buffer, from, whole),
    D: source.D.subarray(from >> 5),
  };
}

/** Local memory of all threads of a block. */
export function makeLocal(bytes: number): Window {
  const words = Math.ceil(bytes / 32);
  return makeWindow(0, 0, new ArrayBuffer(words * 32), bytes, new Int32Array(words));
}
