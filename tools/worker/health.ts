import { randomInt } from "node:crypto";
import type { Step } from "./protocol.ts";

const elements = 1024;
const threads = 256;
/** Of kw_runner_probe in gpu_worker/own_kernels.py. */
const multiplier = 0x9e37_79b1;
const readAt = 3;

/**
 * Steps that map, poison, launch and read on a fresh context, and what their results show: undefined
 * for a healthy GPU, else what was wrong. The numbers differ from probe to probe.
 */
export function healthProbe(slotEnd: bigint, slot: number) {
  const seed = randomInt(2 ** 32);
  const address = slotEnd - BigInt(4 * elements);
  const bytes = 4 * elements;
  const steps: Step[] = [
    { do: "map", address, bytes },
    { do: "fill", address, bytes, pattern: "deadbeef" },
    {
      do: "launch",
      module: "runner",
      kernel: "kw_runner_probe",
      grid: [elements / threads, 1, 1],
      block: [threads, 1, 1],
      dynamic_shared_bytes: 0,
      params: [u64(address), u32(elements), u32(seed)],
    },
    { do: "read", address, bytes },
    { do: "unmap_all", slot },
  ];
  const check = (results: readonly ({ data: Uint8Array } | null)[]): string | undefined => {
    const read = results[readAt]?.data ?? new Uint8Array(bytes);
    const values = new DataView(read.buffer, read.byteOffset, read.byteLength);
    for (let at = 0; at < elements; at += 1) {
      const wanted = (Math.imul(at, multiplier) ^ seed) >>> 0;
      const got = values.getUint32(4 * at, true);
      if (got !== wanted) return `element ${at} is ${got}, not ${wanted}`;
    }
    return undefined;
  };
  return { steps, check };
}

function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

function u64(value: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([value]).buffer);
}
