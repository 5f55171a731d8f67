import { execution, fault, findingAt, otherAccess } from "../execution.ts";
import type { Body } from "../module.ts";
import { strengthOf } from "../translate/memory-checks.ts";
import type { Program } from "../translate/program.ts";
import { THREAD } from "./order.ts";
import { isNews, warn } from "./warnings.ts";

type Access = "read" | "write" | "atomic";

/** A read of shared memory that no thread of the block has written so far. */
export function noteUnwritten(index: number, thread: number, offset: number): void {
  if (execution.unwritten) return;
  const detail = `load from ${placeInShared(offset)}, which no thread of the block has written`;
  execution.unwritten = findingAt("uninitialised_shared", detail, index, thread);
}

/** Two accesses to the same bytes with nothing that orders them: a fault between warps, a doubt inside a warp. */
export function reportRace(
  access: Access,
  index: number,
  thread: number,
  earlierAccess: Access,
  earlierIndex: number,
  stamp: number,
  offset: number,
): void {
  const { fences } = (execution.program as Program).surroundings;
  const kinds = [strength(index), strength(earlierIndex)];
  const copying = stamp < 0;
  // Atomics, and loads and stores of the memory model, do not race with each other.
  const strong = !kinds.includes("plain");
  if (!copying && strong && (fences || kinds.includes("atomic"))) return;
  const other = stamp & THREAD;
  const earlier = isAtomic(earlierIndex) ? "atomic" : earlierAccess;
  const inside = other >> 5 === thread >> 5;
  const isDoubt = !copying && (inside || strong);
  if (isDoubt && !isNews(index, earlierIndex)) return;
  const found = { ...otherAccess(earlier, earlierIndex, other) };
  const place = found.source_file
    ? `${found.source_file}:${found.source_line}`
    : `PTX line ${found.ptx_line}`;
  const who = `thread (${found.thread.join(",")}) of warp ${other >> 5}`;
  const what = `${name[access]} ${placeInShared(offset)} by warp ${thread >> 5}, which ${who}`;
  if (copying) {
    const detail = `${what} fills with cp.async at ${place}: nobody has waited for that copy (cp.async.wait_group, then a barrier)`;
    fault("shared_race", detail, index, thread, found);
  }
  const did = `${what} ${verb[earlier]} at ${place}`;
  if (!isDoubt) {
    fault("shared_race", `${did}: no barrier is between the two`, index, thread, found);
  }
  if (inside) {
    const detail = `${did}: lanes of one warp, and no __syncwarp() is between the two`;
    warn("intra_warp_race", detail, index, thread, found);
  } else {
    const detail = `${did}: both are volatile, which says nothing of their order`;
    warn("shared_race", detail, index, thread, found);
  }
}

/** Two warps write the same value: whoever comes last, it is there. */
export function reportSameValue(
  index: number,
  thread: number,
  earlierIndex: number,
  stamp: number,
  offset: number,
): void {
  const other = stamp & THREAD;
  if (other >> 5 === thread >> 5 || strength(index) !== "plain" || !isNews(index, earlierIndex))
    return;
  const found = otherAccess("write", earlierIndex, other);
  const detail = `${name.write} ${placeInShared(offset)} by warp ${thread >> 5}, where warp ${other >> 5} stored the same value with no barrier between the two`;
  warn("shared_race", detail, index, thread, found);
}

const name: Readonly<Record<Access, string>> = {
  read: "load from",
  write: "store to",
  atomic: "atomic on",
};
const verb: Readonly<Record<Access, string>> = {
  read: "reads",
  write: "writes",
  atomic: "changes by an atomic",
};

function strength(index: number): ReturnType<typeof strengthOf> {
  return strengthOf(execution.program?.body.instructions[index]?.parts ?? []);
}

function isAtomic(index: number): boolean {
  const name = execution.program?.body.instructions[index]?.parts[0];
  return name === "atom" || name === "red";
}

/** `shared memory + 132 (partial + 4)`: with the variable's own name, where it has one. */
export function placeInShared(offset: number): string {
  const { shared, static_shared_bytes } = (execution.program as Program).body;
  const found = variableAt(shared, static_shared_bytes, offset);
  return `shared memory + ${offset}${found === undefined ? "" : ` (${found})`}`;
}

function variableAt(shared: Body["shared"], end: number, offset: number): string | undefined {
  let best: [string, number] | undefined;
  for (const [mangled, start] of shared) {
    if (start <= offset && (best === undefined || start >= best[1])) best = [mangled, start];
  }
  if (!best || (best[1] < end && offset >= end)) return undefined;
  return `${sourceName(best[0])} + ${offset - best[1]}`;
}

/** The last name within a mangled one: `_ZZ1kPfE7partial` is a variable `partial` of a function. */
function sourceName(mangled: string): string {
  const match = /E(\d+)([A-Za-z_].*)$/u.exec(mangled);
  if (!mangled.startsWith("_Z") || !match?.[2]) return mangled;
  return match[2].slice(0, Number(match[1]));
}
