import type { DeviceMemory } from "../prepare-case.ts";

/** One allocation: its bytes with a guard on both sides. */
export interface HostBuffer {
  label: string;
  /** Guard, content, guard. */
  bytes: Buffer;
}

/** Bytes on each side of a buffer that belong to nobody; a multiple of every alignment in use. */
export const guardBytes = 256;
const guard = 0xc3;

/** Buffers of a case in this process, to be sent: addresses are made up. */
export class HostBuffers implements DeviceMemory {
  readonly all: HostBuffer[] = [];

  alloc(bytes: number, { label }: { label: string }): bigint {
    const buffer = Buffer.alloc(bytes + 2 * guardBytes, guard);
    this.all.push({ label, bytes: buffer });
    return BigInt(this.all.length) * spacing;
  }

  write(address: bigint, bytes: Uint8Array): void {
    const { buffer, start } = this.#place(address);
    buffer.set(bytes, start);
  }

  read(address: bigint, bytes: number): Uint8Array {
    const { buffer, start } = this.#place(address);
    return buffer.subarray(start, start + bytes);
  }

  #place(address: bigint): { buffer: Buffer; start: number } {
    const found = this.all[Number(address / spacing) - 1];
    if (!found) throw new RangeError(`no buffer at ${address}`);
    return { buffer: found.bytes, start: Number(address % spacing) + guardBytes };
  }
}

const spacing = 1n << 40n;

/** Bytes of the guards that no longer hold what they held. */
export function brokenGuards(bytes: Uint8Array): number {
  const sides = [bytes.subarray(0, guardBytes), bytes.subarray(bytes.length - guardBytes)];
  return sides.reduce((sum, side) => sum + side.filter((byte) => byte !== guard).length, 0);
}

/** What lies between the guards. */
export function insideOf(bytes: Buffer): Buffer {
  return bytes.subarray(guardBytes, bytes.length - guardBytes);
}
