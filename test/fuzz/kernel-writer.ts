import type { Random } from "./random.ts";

/** Where a statement of a generated kernel stands: what may wait for whom there. */
export interface Place {
  /** Register with the lanes of the warp that are here; lanes that exited may still be named. */
  mask: string;
  /** Those lanes are known by `mask`, so that instructions with .sync may be used. */
  synced: boolean;
  /** All threads of the block that have not exited come here: barriers may be used. */
  whole: boolean;
  depth: number;
  /** Labels that a lane may jump to without leaving others waiting: out of the loops around. */
  exits: readonly string[];
}

/** The text of one kernel as it grows. Registers are by kind: `t` 32 bits, `f` float, `w` 64 bits, `p`, `h` 16 bits. */
export interface Writer {
  readonly random: Random;
  readonly lines: string[];
  readonly features: Set<string>;
  readonly threads: number;
  /** Lanes that leave early store results first; then no barrier follows, which they would have gone round. */
  readonly storesAndLeaves: boolean;
  fresh(kind: "t" | "f" | "w" | "p" | "h"): string;
  label(): string;
  line(text: string): void;
  declarations(): string[];
}

/** What a kernel computes with: assigned all along, stored at its end. */
export const words = ["%v0", "%v1", "%v2", "%v3", "%v4", "%v5", "%v6", "%v7"] as const;
export const floats = ["%x0", "%x1", "%x2", "%x3"] as const;
export const longs = ["%y0", "%y1"] as const;
/** One value for the whole block. */
export const uniforms = ["%u0", "%u1", "%u2"] as const;

/** Words of shared memory: one a thread, then accumulators of atomics. */
export const accumulators = 8;
export const localWords = 16;

export function makeWriter(random: Random, threads: number): Writer {
  const counts = { t: 0, f: 0, w: 0, p: 0, h: 0 };
  const lines: string[] = [];
  let labels = 0;
  return {
    random,
    lines,
    features: new Set(),
    threads,
    storesAndLeaves: random.chance(0.4),
    fresh: (kind) => `%${kind}${counts[kind]++}`,
    label: () => `L${labels++}`,
    line: (text) => lines.push(`  ${text}`),
    declarations: () => [
      `  .reg .b32 %t<${counts.t + 1}>, %v<8>, %u<3>;`,
      `  .reg .f32 %f<${counts.f + 1}>, %x<4>;`,
      `  .reg .b64 %w<${counts.w + 1}>, %y<2>, %out, %in, %wide;`,
      `  .reg .b16 %h<${counts.h + 1}>;`,
      `  .reg .pred %p<${counts.p + 1}>, %p_first;`,
      "  .reg .b32 %me, %lane, %all, %slot, %base, %block;",
    ],
  };
}
