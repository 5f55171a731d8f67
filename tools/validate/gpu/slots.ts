import type { JudgeBuffer, JudgePlaces } from "../../worker/judge-case.ts";
import type { DeviceMemory } from "../prepare-case.ts";

/** What the runner told of the address space that it reserved. */
export interface SlotSpace {
  base: bigint;
  slot_bytes: bigint;
}

/** Buffers of a case, by slot. The same order again from `secondPlace` on. */
const labels = ["x", "out", "weight", "bias", "residual", "rstd", "mean"] as const;
export type BufferLabel = (typeof labels)[number];

export const workspaceSlot = 7;
const secondPlace = 8;
/** The judge's own: results and poison patterns. No parameter of a candidate names an address in it. */
const judgeSlot = 15;

/** Poisoned bytes before each buffer, and looked at after the launches. */
const zoneBytes = 64 * 1024;

/** A buffer's place: it ends where the slot ends, and what follows is never mapped. */
export interface SlotBuffer {
  label: BufferLabel;
  address: bigint;
  bytes: number;
  slot_end: bigint;
}

/** Addresses in the first or second place, without a word to the runner: host code can be recorded first. */
export class SlotMemory implements DeviceMemory {
  readonly buffers: SlotBuffer[] = [];
  readonly #space: SlotSpace;
  readonly #first: number;

  constructor(space: SlotSpace, place: 0 | 1) {
    this.#space = space;
    this.#first = place * secondPlace;
  }

  alloc(bytes: number, { label }: { label: string }): bigint {
    const slot = this.#first + labels.indexOf(label as BufferLabel);
    const slot_end = slotStart(this.#space, slot + 1);
    // As cudaMalloc aligns; at most 255 bytes lie between buffer and end, and they are watched.
    const address = slot_end - BigInt(Math.ceil(Math.max(bytes, 1) / 256) * 256);
    this.buffers.push({ label: label as BufferLabel, address, bytes, slot_end });
    return address;
  }

  /** What the judge's device code is told of the buffers. */
  places(): JudgePlaces {
    const of = (label: BufferLabel) => this.buffers.find((buffer) => buffer.label === label);
    const x = of("x");
    if (!x) throw new Error("no case is placed");
    const places: JudgePlaces = {
      x: judged(x),
      out: judged(of("out") ?? x),
      result: judgeMemory(this.#space),
    };
    for (const label of ["weight", "bias", "residual", "rstd", "mean"] as const) {
      const buffer = of(label);
      if (buffer) places[label] = judged(buffer);
    }
    return places;
  }

  /** Ranges that must be mapped before anything is drawn. */
  ranges(): { address: bigint; bytes: number }[] {
    return [
      { address: judgeMemory(this.#space), bytes: judgeBytes },
      ...this.buffers.map(({ address, slot_end }) => {
        const begin = address - BigInt(zoneBytes);
        return { address: begin, bytes: Number(slot_end - begin) };
      }),
    ];
  }

  write(): void {
    throw new Error("the runner draws the inputs");
  }

  read(): Uint8Array {
    throw new Error("the runner measures the outputs");
  }
}

/** Where what the host code allocates by itself lies. */
export function workspaceArena(space: SlotSpace): { address: bigint; bytes: bigint } {
  const address = slotStart(space, workspaceSlot) + BigInt(granuleBytes);
  return { address, bytes: space.slot_bytes - BigInt(granuleBytes) };
}

/** The runner maps memory by it, and never the first of a slot: that is the guard of the one before. */
export const granuleBytes = 2 << 20;
/** Result structs, and counts of wrong elements by row and column. */
const judgeBytes = granuleBytes;

function judgeMemory(space: SlotSpace): bigint {
  return slotStart(space, judgeSlot + 1) - BigInt(judgeBytes);
}

function slotStart({ base, slot_bytes }: SlotSpace, slot: number): bigint {
  return base + BigInt(slot) * slot_bytes;
}

function judged({ address, bytes, slot_end }: SlotBuffer): JudgeBuffer {
  return {
    address,
    before_bytes: zoneBytes,
    after_bytes: Number(slot_end - address) - bytes,
  };
}
