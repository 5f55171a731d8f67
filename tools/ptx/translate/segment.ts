import { nowhere, paramMemory, type Site, sharedMemory } from "../memory.ts";
import type { Instruction, Operand } from "../module.ts";
import { definedBy } from "../registers-used.ts";
import { Emitter } from "./emitter.ts";
import { emitInstruction } from "./instructions.ts";
import { library } from "./library.ts";
import { siteDeclarations, siteReload } from "./memory-access.ts";
import {
  BRANCH,
  INDEXED,
  isScalar,
  type Program,
  type Segment,
  type SegmentCode,
} from "./program.ts";
import { C } from "./sync-operation.ts";

/** Functions of the machine that generated code calls: memory misses, faults, the clock. */
export type Hooks = Readonly<Record<string, unknown>>;

/** Translates a segment; `full` is the form for all 32 lanes. */
export function compileSegment(
  program: Program,
  segment: Segment,
  full: boolean,
  hooks: Hooks,
): SegmentCode {
  return new SegmentWriter(program, segment, full).compile(hooks);
}

/** The source of a segment's function, to look at. */
export function segmentSource(program: Program, segment: Segment, full: boolean): string {
  return new SegmentWriter(program, segment, full).write();
}

class SegmentWriter {
  readonly program: Program;
  readonly segment: Segment;
  readonly full: boolean;
  readonly emitter: Emitter;
  /** Registers that this segment writes as floats only: kept without a detour through their bits. */
  readonly floats = new Set<number>();

  constructor(program: Program, segment: Segment, full: boolean) {
    this.program = program;
    this.segment = segment;
    this.full = full;
    this.emitter = new Emitter(program.surroundings);
  }

  compile(hooks: Hooks): SegmentCode {
    const source = this.write();
    const { program, emitter } = this;
    program.bindings ??= bindingsOf(program, hooks);
    const known = program.bindings;
    const names = ["R", "RF", ...emitter.names];
    const values = names.map((name) => known[name] ?? library[name]);
    const missing = names.find((_, index) => values[index] === undefined);
    if (missing !== undefined)
      throw new Error(`generated code names ${missing}, which is not known`);
    for (const site of emitter.sites.values()) {
      const made: Site = { window: nowhere };
      program.sites.push(made);
      names.push(`${site.name}s`);
      values.push(made);
    }
    return new Function(...names, `"use strict";return (${source})`)(...values) as SegmentCode;
  }

  /** Writes the function: scalars, then the lane loop, then what is kept. */
  write(): string {
    const { program, segment, emitter } = this;
    const instructions: { instruction: Instruction; index: number; scalar: boolean }[] = [];
    for (let index = segment.start; index < segment.end; index++) {
      const instruction = program.body.instructions[index] as Instruction;
      instructions.push({ instruction, index, scalar: isScalar(instruction, program.uniformity) });
    }
    this.findFloats(instructions.map(({ instruction }) => instruction));
    this.record(instructions);
    emitter.recording = false;
    const scalar = this.emitAll(instructions, true);
    const lanes = this.emitAll(instructions, false);
    this.emitGather(scalar, lanes);
    return this.assemble(scalar, lanes);
  }

  /** Backwards: in which forms is each value needed? */
  record(instructions: readonly { instruction: Instruction; index: number }[]): void {
    const { segment, emitter } = this;
    for (const id of segment.keep) emitter.needs[id] = this.floats.has(id) ? 2 : 1;
    this.emitGather([], []);
    for (let k = instructions.length - 1; k >= 0; k--) {
      const { instruction, index } = instructions[k] as (typeof instructions)[number];
      emitInstruction(emitter, instruction, index);
    }
    emitter.temporaries = 0;
  }

  findFloats(instructions: readonly Instruction[]): void {
    const bits = new Set<number>();
    for (const instruction of instructions) {
      for (const id of definedBy(instruction)) {
        if (this.program.body.registers[id]?.bits !== 32) continue;
        if (makesFloat(instruction)) this.floats.add(id);
        else bits.add(id);
      }
    }
    for (const id of bits) this.floats.delete(id);
  }

  emitAll(
    instructions: readonly { instruction: Instruction; index: number; scalar: boolean }[],
    scalar: boolean,
  ): string[] {
    const { emitter } = this;
    emitter.lines = [];
    emitter.scalar = scalar;
    for (const item of instructions) {
      if (item.scalar === scalar) emitInstruction(emitter, item.instruction, item.index);
    }
    return emitter.lines;
  }

  /** Branch conditions are returned, operands of .sync instructions left in the register file. */
  emitGather(scalar: string[], lanes: string[]): void {
    const { program, segment, emitter } = this;
    const last = program.body.instructions[segment.end] as Instruction;
    emitter.instruction = last;
    emitter.index = segment.end;
    if (segment.ending === BRANCH && last.guard) {
      const guard = last.guard;
      const p = emitter.predicate({ kind: "register", id: guard.id, negated: guard.negated });
      if (program.uniformity.uniform[guard.id] === 1) this.result = `(${p})!==0?-1:0`;
      else {
        this.result = "taken";
        lanes.push(`taken|=(${p})<<l;`);
      }
    } else if (segment.ending === INDEXED)
      this.gather(last.operands[0] as Operand, 0, scalar, lanes);
    segment.sync?.gather.forEach((operand, place) => {
      if (operand.kind !== "sink" && operand.kind !== "integer")
        this.gather(operand, place, scalar, lanes);
    });
  }

  result = "0";

  gather(operand: Operand, place: number, scalar: string[], lanes: string[]): void {
    const { program, emitter } = this;
    const row = place === 0 ? 0 : place + 1;
    const { gather, gatherScalar } = program.layout;
    if (operand.kind === "register" && program.uniformity.uniform[operand.id] === 1 && place > 0) {
      scalar.push(`R[b+${gatherScalar + row}]=${emitter.int(operand)};`);
      if (place !== C) return;
    }
    emitter.scalar = false;
    lanes.push(`R[i+${gather + row * 32}]=${emitter.int(operand)};`);
    const wide = place === 0 && program.segments[this.segment.id]?.sync?.type === "b64";
    if (wide) lanes.push(`R[i+${gather + 32}]=${emitter.high(operand)};`);
  }

  assemble(scalar: string[], lanes: string[]): string {
    const { program, segment, emitter } = this;
    const { registers } = program.body;
    const code = `${scalar.join("\n")}\n${lanes.join("\n")}\n${this.result}`;
    const used = new Set<string>();
    for (const match of code.matchAll(/\b([rflhdp])(\d+)\b/gu)) used.add(match[0]);
    const has = (form: string, id: number): boolean => used.has(`${form}${id}`);
    const ids = new Set([...used].map((name) => Number(name.slice(1))));
    const live = new Set(segment.live);
    const before: string[] = [];
    const inside: string[] = [];
    const after: string[] = [];
    const end: string[] = [];
    for (const id of ids) {
      const uniform = program.uniformity.uniform[id] === 1;
      const at = program.layout.offset[id] ?? -1;
      const bits = registers[id]?.bits ?? 32;
      if (bits === 1)
        this.declarePredicate(id, uniform, at, live.has(id), before, inside, after, end);
      else {
        const target = uniform ? before : inside;
        const index = uniform ? "b" : "i";
        const step = uniform ? 1 : 32;
        this.declareValue(id, bits, has, live.has(id) ? at : -1, index, step, target);
        if (segment.keep.includes(id)) {
          this.keepValue(id, bits, at, index, step, uniform ? after : end);
        }
      }
    }
    for (const id of segment.keep)
      if (!ids.has(id)) throw new Error("a kept register is not written");
    const sites = [...emitter.sites.values()];
    let text = lanes.join("\n");
    let scalarText = scalar.join("\n");
    for (const site of sites) {
      const reload = siteReload(site);
      text = text.replaceAll(`@reload ${site.name}@`, reload);
      scalarText = scalarText.replaceAll(`@reload ${site.name}@`, reload);
    }
    const hasLanes = lanes.some((line) => line.trim() !== "") || end.length > 0;
    const loop = this.full
      ? "for(let l=0;l<32;l++){const i=b+l;"
      : "for(let m=mask;m!==0;m&=m-1){const l=31-Math.clz32(m&-m),i=b+l;";
    return [
      "function(b,T,mask){",
      "const l=31-Math.clz32(mask&-mask);let taken=0;",
      ...sites.map(siteDeclarations),
      ...before,
      scalarText,
      ...(hasLanes ? [loop, ...inside, text, ...end, "}"] : []),
      ...after,
      `return ${this.result};}`,
    ].join("\n");
  }

  declarePredicate(
    id: number,
    uniform: boolean,
    at: number,
    live: boolean,
    before: string[],
    inside: string[],
    after: string[],
    end: string[],
  ): void {
    const kept = this.segment.keep.includes(id);
    if (uniform) {
      before.push(`let p${id}=${live && at >= 0 ? `R[b+${at}]` : "0"};`);
      if (kept) after.push(`R[b+${at}]=p${id};`);
      return;
    }
    if (live && at >= 0) {
      before.push(`const w${id}=R[b+${at}];`);
      inside.push(`let p${id}=(w${id}>>>l)&1;`);
    } else inside.push(`let p${id}=0;`);
    if (!kept) return;
    before.push(`let q${id}=${this.full ? "0" : `R[b+${at}]&~mask`};`);
    end.push(`q${id}|=p${id}<<l;`);
    after.push(`R[b+${at}]=q${id};`);
  }

  declareValue(
    id: number,
    bits: number,
    has: (form: string, id: number) => boolean,
    at: number,
    index: string,
    step: number,
    target: string[],
  ): void {
    const read = (array: string, row: number): string => `${array}[${index}+${at + row * step}]`;
    if (bits === 64) {
      if (has("d", id)) {
        if (at < 0) target.push(`let d${id}=0;`);
        else {
          this.emitter.use("SI");
          this.emitter.use("SD");
          target.push(`SI[0]=${read("R", 0)};SI[1]=${read("R", 1)};let d${id}=SD[0];`);
        }
      }
      if (has("l", id) || has("h", id) || this.segment.keep.includes(id)) {
        target.push(
          at < 0 ? `let l${id}=0,h${id}=0;` : `let l${id}=${read("R", 0)},h${id}=${read("R", 1)};`,
        );
      }
      return;
    }
    if (has("f", id)) target.push(`let f${id}=${at < 0 ? "0" : read("RF", 0)};`);
    if (has("r", id)) target.push(`let r${id}=${at < 0 ? "0" : read("R", 0)};`);
  }

  keepValue(
    id: number,
    bits: number,
    at: number,
    index: string,
    step: number,
    target: string[],
  ): void {
    if (bits === 64) target.push(`R[${index}+${at}]=l${id};R[${index}+${at + step}]=h${id};`);
    else if (this.floats.has(id)) {
      target.push(
        `if(f${id}===f${id})RF[${index}+${at}]=f${id};else R[${index}+${at}]=2147483647;`,
      );
    } else target.push(`R[${index}+${at}]=r${id};`);
  }
}

/** The arrays that all segments of a program name, and the machine's functions. */
function bindingsOf(program: Program, hooks: Hooks): Readonly<Record<string, unknown>> {
  const [TX, TY, TZ] = program.threadIds;
  const { registers } = program;
  const known: Record<string, unknown> = { ...hooks, TX, TY, TZ, R: registers };
  known.RF = new Float32Array(registers.buffer);
  for (const kind of ["I", "F", "H", "B"] as const) {
    known[`shared${kind}`] = sharedMemory[kind];
    known[`param${kind}`] = paramMemory[kind];
    known[`local${kind}`] = program.local[kind];
  }
  known.localD = program.local.D;
  return known;
}

const floatResults = new Set([
  "add",
  "sub",
  "mul",
  "fma",
  "mad",
  "div",
  "rcp",
  "sqrt",
  "rsqrt",
  "ex2",
  "lg2",
  "sin",
  "cos",
  "tanh",
  "neg",
  "abs",
  "min",
  "max",
]);

/** Whether the result is a float32 value by itself, rather than bits that are passed on. */
function makesFloat(instruction: Instruction): boolean {
  const { parts } = instruction;
  if (parts[0] === "cvt") return parts.at(-2) === "f32";
  return parts.at(-1) === "f32" && floatResults.has(parts[0] ?? "");
}
