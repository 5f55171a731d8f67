import { type Block, findBlocks, isSync } from "../control-flow.ts";
import { makeLocal, type Site, type Window } from "../memory.ts";
import type { Body, FunctionSource, Instruction, Operand, ParsedModule } from "../module.ts";
import { parseBody } from "../parse-body.ts";
import { definedBy, usedBy } from "../registers-used.ts";
import { splitRegisters } from "../split-registers.ts";
import { analyseUniformity, type Uniformity } from "../uniformity.ts";
import { propagateConstants } from "./constants.ts";
import { Emitter, type Surroundings } from "./emitter.ts";
import { emitInstruction } from "./instructions.ts";
import { findPieceShift, isFence, sharedTurn } from "./memory-checks.ts";
import { describeSync, type SyncOperation } from "./sync-operation.ts";

/** Runs a segment for the lanes of `mask`; `b` is the warp's place in the register file, `T` its first thread. */
export type SegmentCode = (b: number, T: number, mask: number) => number;

/** How a segment ends. */
export const NEXT = 0;
export const BRANCH = 1;
export const EXIT = 2;
export const SYNC = 3;
export const INDEXED = 4;

/** Straight-line code: the unit of translation and of scheduling. Numbered in the order of the text. */
export interface Segment {
  id: number;
  block: number;
  start: number;
  /** Lane code is [start, end). */
  end: number;
  /** PTX instructions that a lane executes here, those at the end counted. */
  count: number;
  ending: number;
  next: number;
  taken: number;
  /** Targets of brx.idx. */
  table: number[];
  sync: SyncOperation | undefined;
  /** Live lanes enter it together. */
  together: boolean;
  full: SegmentCode | undefined;
  masked: SegmentCode | undefined;
  /** Registers to keep at its end. */
  keep: number[];
  /** Registers live at its start. */
  live: number[];
}

/** A kernel translated for one block shape. */
export interface Program {
  name: string;
  body: Body;
  shape: readonly [number, number, number];
  threads: number;
  warps: number;
  convergent: boolean;
  segments: Segment[];
  uniformity: Uniformity;
  /** Word offsets in a warp's part of the register file. */
  layout: Layout;
  registers: Int32Array;
  local: Window;
  /** x, y and z of each thread, padded to whole warps. */
  threadIds: [Int32Array, Int32Array, Int32Array];
  sites: Site[];
  surroundings: Surroundings;
  /** What generated code names; made with the first segment. */
  bindings: Readonly<Record<string, unknown>> | undefined;
}

export interface Layout {
  /** By register id: first word of its 32 lanes (64-bit registers have two such rows), its scalar, or its mask; -1: none. */
  offset: Int32Array;
  /** Rows where lanes leave operands of .sync instructions: value, high word, b, c, member mask. */
  gather: number;
  /** Scalars of the same. */
  gatherScalar: number;
  /** Words of one warp. */
  stride: number;
}

/** A segment longer than this is cut: one function must stay within what V8 optimises. */
const longestSegment = 160;

/** Reads and analyses a kernel; throws PtxError for an instruction that is not known. */
export function translate(
  module: ParsedModule,
  kernel: FunctionSource,
  shape: readonly [number, number, number],
  allVector = false,
  checks = false,
): Program {
  const body = parseBody(module, kernel);
  const blocks = findBlocks(body);
  splitRegisters(body, blocks);
  propagateConstants(body, shape);
  const uniformity = analyseUniformity(body, blocks, shape, allVector);
  const segments = cutSegments(body, blocks, uniformity, checks);
  const threads = shape[0] * shape[1] * shape[2];
  const warps = Math.ceil(threads / 32);
  findLive(body, segments);
  const layout = placeRegisters(body, segments, uniformity);
  const program: Program = {
    name: kernel.name,
    body,
    shape,
    threads,
    warps,
    convergent: uniformity.convergent,
    segments,
    uniformity,
    layout,
    registers: new Int32Array(layout.stride * warps),
    local: makeLocal(body.local_bytes * warps * 32),
    threadIds: makeThreadIds(shape, warps),
    sites: [],
    surroundings: {
      body,
      shape,
      uniform: uniformity.uniform,
      linear: uniformity.linear,
      params: new Map(kernel.params.map((param) => [param.name, param.offset])),
      addresses: module.addresses,
      checks,
      pieceShift: checks ? findPieceShift(body) : 0,
      fences: checks && body.instructions.some(({ parts }) => isFence(parts)),
    },
    bindings: undefined,
  };
  checkKnown(program);
  return program;
}

/** Visits instructions of every form once, so that an unknown one is refused before anything has run. */
function checkKnown(program: Program): void {
  const emitter = new Emitter(program.surroundings);
  const { registers } = program.body;
  const known = new Set<string>();
  const form = (operand: Operand): string => {
    if (operand.kind === "register") return `${registers[operand.id]?.bits}`;
    if (operand.kind === "special" || operand.kind === "symbol") return operand.name;
    if (operand.kind === "vector") return `{${operand.items.map(form).join()}}`;
    if (operand.kind === "address") return `[${operand.base ? form(operand.base) : ""}]`;
    if (operand.kind === "pair") return `${form(operand.first)}|${form(operand.second)}`;
    return operand.kind;
  };
  for (const segment of program.segments) {
    for (let i = segment.start; i < segment.end; i++) {
      const instruction = program.body.instructions[i] as Instruction;
      const key = `${instruction.opcode} ${instruction.operands.map(form).join(" ")}`;
      if (known.has(key)) continue;
      known.add(key);
      emitInstruction(emitter, instruction, i);
    }
    if (segment.sync) emitter.instruction = segment.sync.instruction;
    segment.sync?.gather.forEach((operand) => {
      if (operand.kind !== "sink") emitter.int(operand);
    });
  }
}

function cutSegments(
  body: Body,
  blocks: readonly Block[],
  uniformity: Uniformity,
  checks: boolean,
): Segment[] {
  const { instructions } = body;
  const segments: Segment[] = [];
  const firstOf: number[] = [];
  const add = (block: Block, start: number, end: number): Segment => {
    const segment: Segment = {
      id: segments.length,
      block: block.index,
      start,
      end,
      count: end - start,
      ending: NEXT,
      next: segments.length + 1,
      taken: -1,
      table: [],
      sync: undefined,
      together: uniformity.together[block.index] === 1,
      full: undefined,
      masked: undefined,
      keep: [],
      live: [],
    };
    segments.push(segment);
    return segment;
  };
  for (const block of blocks) {
    firstOf.push(segments.length);
    let start = block.start;
    let stored = false;
    let turn: "load" | "store" | undefined;
    const read = new Set<number>();
    for (let i = block.start; i < block.end; i++) {
      const instruction = instructions[i] as Instruction;
      const now = checks ? sharedTurn(instruction) : undefined;
      if (isSync(instruction)) {
        const segment = add(block, start, i);
        segment.ending = SYNC;
        segment.count++;
        segment.sync = describeSync(body, instruction, i);
        start = i + 1;
        stored = false;
        turn = undefined;
        read.clear();
      } else if (
        i - start >= longestSegment ||
        // Lanes that exchange values without waiting for each other get them in step, as on most GPUs: a doubt, no fault.
        (turn !== undefined && now !== undefined && now !== turn) ||
        // A load for the whole warp runs before the lanes' code of its segment: it must not overtake a store.
        (stored && isSharedLoad(instruction, uniformity)) ||
        // Nor may it change a register that the lanes' code before it reads.
        (isScalar(instruction, uniformity) && definedBy(instruction).some((id) => read.has(id)))
      ) {
        add(block, start, i);
        start = i;
        stored = false;
        turn = undefined;
        read.clear();
      }
      turn = now ?? turn;
      if (!isScalar(instruction, uniformity)) for (const id of usedBy(instruction)) read.add(id);
      const name = instruction.parts[0] ?? "";
      if (name === "st" || name === "atom" || name === "red" || name === "cp" || name === "call")
        stored = true;
    }
    const last = instructions[block.end - 1] as Instruction;
    const name = last.parts[0] ?? "";
    if (name === "bra" || name === "brx" || name === "ret" || name === "exit") {
      const segment = add(block, start, block.end - 1);
      segment.count++;
      segment.ending =
        name === "bra" ? (last.guard ? BRANCH : NEXT) : name === "brx" ? INDEXED : EXIT;
    } else if (start < block.end) add(block, start, block.end);
  }
  resolveTargets(body, blocks, segments, firstOf);
  return segments;
}

function resolveTargets(
  body: Body,
  blocks: readonly Block[],
  segments: Segment[],
  firstOf: readonly number[],
): void {
  const segmentAt = new Map(blocks.map((block, index) => [block.start, firstOf[index] ?? -1]));
  // -1 is the end of the kernel.
  const at = (instruction: number): number => segmentAt.get(instruction) ?? -1;
  for (const segment of segments) {
    const block = blocks[segment.block] as Block;
    const following = segments[segment.id + 1];
    const inBlock = following?.block === segment.block;
    segment.next = inBlock ? segment.id + 1 : at(block.end);
    if (inBlock || segment.ending === SYNC) continue;
    const last = body.instructions[block.end - 1] as Instruction;
    if (segment.ending === BRANCH) segment.taken = at(last.targets[0] ?? -1);
    else if (segment.ending === INDEXED) segment.table = last.targets.map(at);
    else if (last.parts[0] === "bra") segment.next = at(last.targets[0] ?? -1);
  }
}

function isSharedLoad(instruction: Instruction, uniformity: Uniformity): boolean {
  const { parts } = instruction;
  if (parts[0] !== "ld" || parts.includes("param") || parts.includes("const")) return false;
  return isScalar(instruction, uniformity);
}

/** Whether an instruction runs once for the warp. */
export function isScalar(instruction: Instruction, uniformity: Uniformity): boolean {
  const defined = definedBy(instruction);
  return defined.length > 0 && defined.every((id) => uniformity.uniform[id] === 1);
}

/** What each segment must keep for those that follow. */
function findLive(body: Body, segments: readonly Segment[]): void {
  const words = (body.registers.length + 31) >> 5;
  const sets = segments.map((segment) => {
    const use = new Int32Array(words);
    const def = new Int32Array(words);
    const visit = (index: number): void => {
      const instruction = body.instructions[index] as Instruction;
      for (const id of usedBy(instruction)) {
        if (((def[id >> 5] ?? 0) & (1 << (id & 31))) === 0) setBit(use, id);
      }
      for (const id of definedBy(instruction)) {
        if (!instruction.guard) setBit(def, id);
        else if (((def[id >> 5] ?? 0) & (1 << (id & 31))) === 0) setBit(use, id);
      }
    };
    for (let i = segment.start; i < segment.end; i++) visit(i);
    const ends = segment.ending !== NEXT && segment.ending !== EXIT;
    if (ends) visit(segment.end);
    return { use, def, live: Int32Array.from(use), out: new Int32Array(words) };
  });
  for (let changed = true; changed; ) {
    changed = false;
    for (let s = segments.length - 1; s >= 0; s--) {
      const { use, def, live, out } = sets[s] as (typeof sets)[number];
      for (const to of following(segments[s] as Segment)) {
        const next = sets[to]?.live;
        for (let w = 0; w < words; w++) out[w] = (out[w] ?? 0) | (next?.[w] ?? 0);
      }
      for (let w = 0; w < words; w++) {
        const value = (use[w] ?? 0) | ((out[w] ?? 0) & ~(def[w] ?? 0));
        if (value !== live[w]) {
          live[w] = value;
          changed = true;
        }
      }
    }
  }
  segments.forEach((segment, s) => {
    const { live, out } = sets[s] as (typeof sets)[number];
    segment.live = bitsOf(live);
    const defined = new Set<number>();
    for (let i = segment.start; i < segment.end; i++) {
      for (const id of definedBy(body.instructions[i] as Instruction)) defined.add(id);
    }
    segment.keep = bitsOf(out).filter((id) => defined.has(id));
  });
}

function following(segment: Segment): number[] {
  switch (segment.ending) {
    case EXIT:
      return [];
    case BRANCH:
      return [segment.next, segment.taken].filter((to) => to >= 0);
    case INDEXED:
      return segment.table.filter((to) => to >= 0);
    default:
      return segment.next >= 0 ? [segment.next] : [];
  }
}

function setBit(set: Int32Array, id: number): void {
  set[id >> 5] = (set[id >> 5] ?? 0) | (1 << (id & 31));
}

function bitsOf(set: Int32Array): number[] {
  const out: number[] = [];
  set.forEach((word, index) => {
    for (let rest = word; rest !== 0; rest &= rest - 1) {
      out.push(index * 32 + 31 - Math.clz32(rest & -rest));
    }
  });
  return out;
}

/** Registers that live from one segment to another get a place in the register file. */
function placeRegisters(body: Body, segments: readonly Segment[], uniformity: Uniformity): Layout {
  const offset = new Int32Array(body.registers.length).fill(-1);
  const stored = new Set<number>();
  for (const segment of segments) {
    for (const id of segment.live) stored.add(id);
    for (const id of segment.sync ? definedBy(segment.sync.instruction) : []) stored.add(id);
  }
  let next = 0;
  const isLane = (id: number): boolean =>
    uniformity.uniform[id] === 0 && body.registers[id]?.bits !== 1;
  for (const id of stored) {
    if (!isLane(id)) continue;
    offset[id] = next;
    next += body.registers[id]?.bits === 64 ? 64 : 32;
  }
  const gather = next;
  next += 5 * 32;
  const gatherScalar = next;
  next += 8;
  for (const id of stored) {
    if (isLane(id)) continue;
    offset[id] = next;
    next += body.registers[id]?.bits === 64 ? 2 : 1;
  }
  return { offset, gather, gatherScalar, stride: Math.ceil(next / 32) * 32 };
}

function makeThreadIds(
  [x, y]: readonly [number, number, number],
  warps: number,
): [Int32Array, Int32Array, Int32Array] {
  const ids: [Int32Array, Int32Array, Int32Array] = [
    new Int32Array(warps * 32),
    new Int32Array(warps * 32),
    new Int32Array(warps * 32),
  ];
  for (let t = 0; t < warps * 32; t++) {
    ids[0][t] = t % x;
    ids[1][t] = Math.floor(t / x) % y;
    ids[2][t] = Math.floor(t / (x * y));
  }
  return ids;
}
