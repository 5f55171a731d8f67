import { describeAddress, execution, fault } from "../execution.ts";
import { addressOf, type Memory } from "../memory.ts";
import { LOCAL_WINDOW } from "../module.ts";
import type { Program } from "../translate/program.ts";
import type { Hooks } from "../translate/segment.ts";
import { acquireFrom, releaseAt } from "./order.ts";
import {
  copiesAwaited,
  copiesCommitted,
  sharedAtomic,
  sharedCopy,
  sharedRead,
  sharedReadTogether,
  sharedWrite,
  sharedWritten,
} from "./shared.ts";
import { firstUnwritten } from "./written.ts";

/** A load of global memory of which some byte was never written. */
function unwrittenGlobal(
  index: number,
  thread: number,
  lo: number,
  hi: number,
  bytes: number,
): never {
  if (hi === LOCAL_WINDOW) {
    const frame = (execution.program as Program).body.local_bytes;
    unwrittenLocal(index, thread, thread * frame + lo, bytes);
  }
  const memory = execution.memory as Memory;
  const address = addressOf(lo, hi);
  const allocation = memory.below(address);
  if (!allocation) throw new Error("a checked load outside of all allocations");
  const { D, lo: base } = memory.window(allocation, address - allocation.address);
  const from = ((lo - base) | 0) + (base & 31);
  const first = address + firstUnwritten(D, from, bytes) - from;
  const detail = `load of ${bytes} byte${bytes === 1 ? "" : "s"} at ${describeAddress(lo, hi)}: nobody has written the byte at ${allocation.label} + ${first - allocation.address}`;
  fault("uninitialised_global", detail, index, thread);
}

/** The same of a thread's local memory, at place `at` of the block's. */
function unwrittenLocal(index: number, thread: number, at: number, bytes: number): never {
  const { local, body } = execution.program as Program;
  const own = at - thread * body.local_bytes;
  const first = own + firstUnwritten(local.D, at, bytes) - at;
  const detail = `load of ${bytes} byte${bytes === 1 ? "" : "s"} at local memory + ${own}: the thread has not written the byte at local memory + ${first}`;
  fault("uninitialised_local", detail, index, thread);
}

/** What generated code calls with checks on. */
export const checkHooks: Hooks = {
  acquireFrom,
  copiesAwaited,
  copiesCommitted,
  releaseAt,
  sharedAtomic,
  sharedCopy,
  sharedRead,
  sharedReadTogether,
  sharedWrite,
  sharedWritten,
  unwrittenGlobal,
  unwrittenLocal,
};
