import { type Finding, type FindingKind, type OtherAccess, PtxFault } from "./fault.ts";
import type { Site } from "./memory.ts";
import {
  type Allocation,
  addressOf,
  type Memory,
  paramMemory,
  sharedMemory,
  type Window,
  windowOver,
} from "./memory.ts";
import { LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW } from "./module.ts";
import type { Program } from "./translate/program.ts";
import type { Hooks } from "./translate/segment.ts";
import { contextWords } from "./translate/special-registers.ts";

/** Words that generated code reads: block index, grid size, bytes of shared memory. One launch runs at a time. */
export const context = new Int32Array(contextWords.length);

/** The launch that is running: what a fault in generated code needs to name its thread. */
export const execution: {
  program: Program | undefined;
  memory: Memory | undefined;
  threadBase: number;
  paramBytes: number;
  clock: number;
  /** A read of shared memory that nobody has written: a race, if another warp writes there before the next barrier. */
  unwritten: Finding | undefined;
} = {
  program: undefined,
  memory: undefined,
  threadBase: 0,
  paramBytes: 0,
  clock: 0,
  unwritten: undefined,
};

const toolkitHeader =
  /(?:^|[/\\])(?:cuda_\w+|sm_\d+\w*|device_\w+|math_functions|crt[/\\][^/\\]+|cub[/\\].*|cooperative_groups.*)\.(?:h|hpp|cuh)$|[/\\]cub[/\\]|[/\\]cooperative_groups[/\\]/u;

/** Throws the finding, placed at an instruction and a thread of the running launch. */
export function fault(
  kind: FindingKind,
  detail: string,
  index: number,
  thread: number,
  other?: OtherAccess,
): never {
  // What was read from nowhere is the reason of whatever came of it.
  if (kind !== "shared_race") throwUnwritten();
  const finding = findingAt(kind, detail, index, thread);
  throw new PtxFault(other === undefined ? finding : { ...finding, other });
}

/** No other warp can write it any more: a read of what nobody wrote. */
export function throwUnwritten(): void {
  if (execution.unwritten) throw new PtxFault(execution.unwritten);
}

export function findingAt(
  kind: FindingKind,
  detail: string,
  index: number,
  thread: number,
): Finding {
  const { program } = execution;
  if (!program) throw new Error("no launch is running");
  return {
    kind,
    kernel: program.name,
    block: [context[0] ?? 0, context[1] ?? 0, context[2] ?? 0],
    thread: threadIndex(program, thread),
    ...placeOf(program, index),
    detail,
  };
}

/** The access that a finding collides with: an instruction and a thread of the running block. */
export function otherAccess(
  access: OtherAccess["access"],
  index: number,
  thread: number,
): OtherAccess {
  const { program } = execution;
  if (!program) throw new Error("no launch is running");
  return { thread: threadIndex(program, thread), access, ...placeOf(program, index) };
}

function threadIndex(program: Program, thread: number): [number, number, number] {
  const [x, y] = program.shape;
  return [thread % x, Math.floor(thread / x) % y, Math.floor(thread / (x * y))];
}

function placeOf(
  program: Program,
  index: number,
): Pick<Finding, "source_file" | "source_line" | "ptx_line"> {
  const instruction = program.body.instructions[index];
  let source = program.body.locations[instruction?.location ?? 0];
  // A line of the user's own says more than one inside a header of the toolkit that it called.
  while (source?.inlined_at && toolkitHeader.test(source.file ?? "")) source = source.inlined_at;
  return {
    ...(source?.file === undefined ? {} : { source_file: source.file, source_line: source.line }),
    ...(instruction === undefined ? {} : { ptx_line: instruction.line }),
  };
}

function access(store: boolean, bytes: number): string {
  return `${store ? "store" : "load"} of ${bytes} byte${bytes === 1 ? "" : "s"}`;
}

/** Finds the memory that an access means, for a site that did not know it. */
function miss(
  site: Site,
  index: number,
  lane: number,
  threadBase: number,
  lo: number,
  hi: number,
  bytes: number,
  store: boolean,
): Window {
  const thread = threadBase + lane;
  if ((lo & (bytes - 1)) !== 0) {
    const where = describeAddress(lo, hi);
    fault(
      "misaligned",
      `${access(store, bytes)} at ${where}: not a multiple of ${bytes} bytes`,
      index,
      thread,
    );
  }
  if (hi === SHARED_WINDOW) {
    checkRange(lo, bytes, context[7] ?? 0, "shared memory", index, thread, store);
    site.window = windowOver(sharedMemory, 0, context[7] ?? 0, 0, hi);
    return site.window;
  }
  if (hi === LOCAL_WINDOW) return localWindow(index, thread, lo, bytes, store);
  if (hi === PARAM_WINDOW) {
    if (store)
      fault("read_only_write", `${access(store, bytes)} to the kernel's parameters`, index, thread);
    checkRange(lo, bytes, execution.paramBytes, "the kernel's parameters", index, thread, store);
    site.window = windowOver(paramMemory, 0, execution.paramBytes, 0, hi);
    return site.window;
  }
  const memory = execution.memory as Memory;
  const address = addressOf(lo, hi);
  const allocation = memory.below(address);
  const offset = address - (allocation?.address ?? 0);
  if (!allocation || offset + bytes > allocation.bytes) {
    fault("out_of_bounds", `${access(store, bytes)} at ${describeAddress(lo, hi)}`, index, thread);
  }
  if (store && allocation.readOnly) {
    const where = `${allocation.label} + ${offset}, which is read only`;
    fault("read_only_write", `${access(store, bytes)} at ${where}`, index, thread);
  }
  site.window = memory.window(allocation, offset);
  return site.window;
}

function localWindow(
  index: number,
  thread: number,
  lo: number,
  bytes: number,
  store: boolean,
): Window {
  const { local, body } = execution.program as Program;
  checkRange(lo, bytes, body.local_bytes, "local memory", index, thread, store);
  return windowOver(local, thread * body.local_bytes, body.local_bytes, 0, LOCAL_WINDOW);
}

function checkRange(
  offset: number,
  bytes: number,
  limit: number,
  what: string,
  index: number,
  thread: number,
  store: boolean,
): void {
  if (offset >= 0 && offset + bytes <= limit) return;
  const detail = `${access(store, bytes)} at ${what} + ${offset} (${what} is ${limit} bytes)`;
  fault("out_of_bounds", detail, index, thread);
}

/** `out + 4096 (allocation is 4096 bytes)`: the address relative to the nearest allocation. */
export function describeAddress(lo: number, hi: number): string {
  const memory = execution.memory as Memory;
  const address = addressOf(lo, hi);
  const hex = `0x${((BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0)).toString(16)}`;
  if (hi === SHARED_WINDOW) return `shared memory + ${lo}`;
  if (hi === LOCAL_WINDOW) return `local memory + ${lo}`;
  if (address === 0) return "address 0 (a null pointer)";
  const below = memory.below(address);
  const above = memory.above(address);
  const past = below ? address - (below.address + below.bytes) : Number.POSITIVE_INFINITY;
  const before = above ? above.address - address : Number.POSITIVE_INFINITY;
  const near = (allocation: Allocation): string => {
    const offset = address - allocation.address;
    const sign = offset < 0 ? "-" : "+";
    return `${allocation.label} ${sign} ${Math.abs(offset)} (allocation is ${allocation.bytes} bytes)`;
  };
  if (below && past <= before && past < 2 ** 40) return near(below);
  if (above && before < 2 ** 40) return near(above);
  return `address ${hex}, which is in no allocation`;
}

function badShared(index: number, lane: number, at: number, bytes: number, store: boolean): never {
  const thread = execution.threadBase + lane;
  const limit = context[7] ?? 0;
  checkRange(at, bytes, limit, "shared memory", index, thread, store);
  const detail = `${access(store, bytes)} at shared memory + ${at}: not a multiple of ${bytes} bytes`;
  fault("misaligned", detail, index, thread);
}

function badLocal(index: number, lane: number, at: number, bytes: number, store: boolean): never {
  const thread = execution.threadBase + lane;
  checkRange(
    at,
    bytes,
    execution.program?.body.local_bytes ?? 0,
    "local memory",
    index,
    thread,
    store,
  );
  const detail = `${access(store, bytes)} at local memory + ${at}: not a multiple of ${bytes} bytes`;
  fault("misaligned", detail, index, thread);
}

function trapped(index: number, lane: number, what: string): never {
  fault("trap", `(${what}) was reached`, index, execution.threadBase + lane);
}

/** __assertfail(message, file, line, function, charsize): its arguments lie in the thread's local memory. */
function assertFailed(
  index: number,
  lane: number,
  threadBase: number,
  slots: readonly number[],
): never {
  const program = execution.program as Program;
  const thread = threadBase + lane;
  const word = (slot: number | undefined, part: number): number =>
    program.local.I[((slot ?? 0) + thread * program.body.local_bytes + part) >> 2] ?? 0;
  const text = (slot: number | undefined): string => readText(word(slot, 0), word(slot, 4));
  const [message, file, line, name] = slots;
  const detail = `assertion "${text(message)}" failed in ${text(name)} (${text(file)}:${word(line, 0)})`;
  fault("trap", detail, index, thread);
}

function readText(lo: number, hi: number): string {
  const memory = execution.memory as Memory;
  const address = addressOf(lo, hi);
  const allocation = memory.below(address);
  if (!allocation) return "?";
  const offset = address - allocation.address;
  const bytes = new Uint8Array(Math.max(0, Math.min(512, allocation.bytes - offset)));
  if (bytes.length === 0) return "?";
  memory.copy(allocation, offset, bytes, false);
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

function clock(): number {
  execution.clock = (execution.clock + 16) | 0;
  return execution.clock;
}

export const hooks: Hooks = {
  C: context,
  miss,
  badShared,
  badLocal,
  trapped,
  assertFailed,
  clock,
};
