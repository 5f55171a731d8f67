import type { BarrierClock } from "./checks/order.ts";
import type { SyncOperation } from "./translate/sync-operation.ts";

/** Lanes of a warp that stand at the same place. */
export interface Group {
  mask: number;
  segment: number;
  /** At a .sync instruction until the lanes that it names are there too. */
  waiting: SyncOperation | undefined;
  members: number;
  /** Waiting at this barrier of the block; -1: not. */
  barrier: number;
  lastRun: number;
  /** With checks: an instruction with an effect that it ran past all barriers; -1: none. */
  effect: number;
}

export interface Warp {
  index: number;
  base: number;
  /** First thread. */
  first: number;
  /** Lanes that have not exited. */
  live: number;
  groups: Group[];
  streak: number;
}

/** A barrier of a block that some threads have reached. */
export interface Barrier {
  /** Threads that came, waiting or not. */
  arrived: number;
  expected: number;
  /** For bar.red: how many predicates were true, of how many. */
  trueCount: number;
  /** With checks, where only some threads are expected: what those that came have done. */
  clock: BarrierClock | undefined;
}

export function popCount(mask: number): number {
  let v = mask - ((mask >>> 1) & 0x55555555);
  v = (v & 0x33333333) + ((v >>> 2) & 0x33333333);
  return Math.imul((v + (v >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** Neither at a .sync instruction nor at a barrier. */
export function isReady(group: Group): boolean {
  return group.waiting === undefined && group.barrier < 0;
}

export function makeGroup(mask: number, segment: number, effect = -1): Group {
  return { mask, segment, waiting: undefined, members: 0, barrier: -1, lastRun: 0, effect };
}

/** Ready groups at the same segment become one. */
export function merge(warp: Warp): void {
  const { groups } = warp;
  for (let i = 0; i < groups.length; i++) {
    const group = groups[i] as Group;
    if (!isReady(group)) continue;
    for (let j = groups.length - 1; j > i; j--) {
      const other = groups[j] as Group;
      if (other.segment !== group.segment || !isReady(other)) continue;
      group.mask |= other.mask;
      if (group.effect < 0) group.effect = other.effect;
      groups.splice(j, 1);
    }
  }
}
