import { fault, otherAccess } from "../execution.ts";
import type { Program, Segment } from "../translate/program.ts";
import { BRANCH, EXIT, INDEXED } from "../translate/program.ts";
import type { SyncOperation } from "../translate/sync-operation.ts";
import type { Group, Warp } from "../warp.ts";
import { warn } from "./warnings.ts";

// Barriers that only some threads pass. On a GPU threads that have left are not waited for, so that leaving before a
// barrier is fine. One that goes round it and still does something is a doubt: what the others waited for may be undone.
// compute-sanitizer's synccheck says nothing of either (2025.3.1, H200, 2026-11-22).

/** For each segment the first instruction with an effect outside of registers, if no barrier of the block follows. */
export function findEffectsPastBarriers(program: Program): Int32Array {
  const { segments, body } = program;
  const reaches = segments.map((segment) => isFullBarrier(segment.sync));
  for (let changed = true; changed; ) {
    changed = false;
    for (const segment of segments.toReversed()) {
      if (reaches[segment.id] || !followers(segment).some((to) => reaches[to])) continue;
      reaches[segment.id] = true;
      changed = true;
    }
  }
  return Int32Array.from(segments, (segment) => {
    if (reaches[segment.id]) return -1;
    for (let index = segment.start; index < segment.end; index++) {
      const name = body.instructions[index]?.parts[0] ?? "";
      if (["st", "red", "atom"].includes(name) && !isParameter(program, index)) return index;
    }
    return -1;
  });
}

function isParameter(program: Program, index: number): boolean {
  return program.body.instructions[index]?.parts.includes("param") ?? false;
}

function isFullBarrier(sync: SyncOperation | undefined): boolean {
  return sync?.kind === "barrier" && sync.mode !== "arrive" && sync.gather[1]?.kind === "sink";
}

function followers(segment: Segment): readonly number[] {
  switch (segment.ending) {
    case EXIT:
      return [];
    case BRANCH:
      return [segment.next, segment.taken];
    case INDEXED:
      return segment.table;
    default:
      return [segment.next];
  }
}

/** A thread that left the block after an effect that no barrier follows. */
export interface Leaver {
  thread: number;
  index: number;
}

/** Threads wait at a barrier for all of the block, which a thread that did something since went round. */
export function warnLeftBehind(warp: Warp, group: Group, index: number, leaver: Leaver): void {
  const thread = warp.first + firstLane(group.mask);
  const kind =
    leaver.thread >> 5 === warp.index ? "of the same warp" : `of warp ${leaver.thread >> 5}`;
  const other = otherAccess("write", leaver.index, leaver.thread);
  const at = other.source_file
    ? `${other.source_file}:${other.source_line}`
    : `PTX line ${other.ptx_line}`;
  const detail = `barrier that only some threads of the block reach: thread (${other.thread.join(",")}) ${kind} went round it, stored at ${at} and left`;
  warn("divergent_barrier", detail, index, thread, other);
}

/** A barrier for whole warps is about to let lanes of a warp go, while others of it are elsewhere. */
export function checkWholeWarp(
  warp: Warp,
  id: number,
  operations: ReadonlyMap<Group, SyncOperation>,
): void {
  let here = 0;
  let first: { group: Group; operation: SyncOperation } | undefined;
  for (const group of warp.groups) {
    if (group.barrier !== id) continue;
    const operation = operations.get(group);
    if (!operation || !isAligned(operation)) continue;
    here |= group.mask;
    first ??= { group, operation };
    if (operation.index === first.operation.index) continue;
    const other = otherAccess("read", first.operation.index, 0);
    const place = other.source_file
      ? `${other.source_file}:${other.source_line}`
      : `PTX line ${other.ptx_line}`;
    const detail = `${operation.instruction.opcode} reached by lanes ${hex(group.mask)} of warp ${warp.index}, of which lanes ${hex(first.group.mask)} wait at another one, at ${place}: all lanes of a warp must run the same barrier`;
    fault("divergent_barrier", detail, operation.index, warp.first + firstLane(group.mask));
  }
  if (!first || here === warp.live) return;
  const detail = `${first.operation.instruction.opcode} reached by lanes ${hex(here)} of warp ${warp.index} while lanes ${hex(warp.live & ~here)} are elsewhere: all lanes of a warp must run the same barrier`;
  fault("divergent_barrier", detail, first.operation.index, warp.first + firstLane(here));
}

/** `bar`, and `barrier` with `.aligned`, are for whole warps. */
function isAligned({ instruction }: SyncOperation): boolean {
  return instruction.parts[0] === "bar" || instruction.parts.includes("aligned");
}

function firstLane(mask: number): number {
  return 31 - Math.clz32(mask & -mask);
}

function hex(mask: number): string {
  return `0x${(mask >>> 0).toString(16)}`;
}
