import { innermostLoopOf } from "./control-flow.ts";

/** How often something occurs in a kernel's machine code. Not how often it is executed. */
export interface WidthCount {
  bits: number;
  count: number;
}
export interface NamedCount {
  name: string;
  count: number;
}

/** What the machine code of one kernel says, counted over its instructions as they stand. */
export interface MachineCode {
  /** Without the padding at its end. */
  instruction_count: number;
  /** Asynchronous copies to shared memory count as loads. Ascending widths. */
  global_loads: WidthCount[];
  global_stores: WidthCount[];
  /** Through addresses whose memory the compiler could not tell: mostly slower. */
  generic_accesses: number;
  /** Register spills and arrays that are indexed at run time. */
  local_accesses: number;
  atomics: number;
  /** "load CONSTANT", "load EF" (evict first), "store EF", as the disassembler names them. */
  cache_hints: NamedCount[];
  shuffles: number;
  barriers: number;
  /** Special-function instructions: "RSQ", "RCP", "SQRT", "EX2" ... */
  special_functions: NamedCount[];
  /** Calls of the compiler's subroutines for the rare cases of exact "div", "rcp", "sqrt". */
  slow_path_calls: NamedCount[];
  /** Those of them in a loop over elements: an innermost loop without shuffle and barrier. */
  slow_path_calls_in_loops: number;
}

export interface Instruction {
  opcode: string;
  operands?: string;
  predicate?: string;
}

interface DisassembledFunction {
  "function-name": string;
  start: number;
  length: number;
  "sass-instructions": Instruction[];
}

/** Every instruction of sm_70 and later has 16 bytes. */
const instructionBytes = 16;

/** Per kernel, by mangled name, from what `nvdisasm -json` prints. Throws where that is none. */
export function readMachineCode(json: string): Map<string, MachineCode> {
  const [, functions] = JSON.parse(json) as [unknown, DisassembledFunction[]];
  const kernels = new Map<string, DisassembledFunction[]>();
  let current: DisassembledFunction[] = [];
  for (const one of functions) {
    const name = one["function-name"];
    // Functions that a kernel calls stand behind it in its own section, as "$<kernel>$<name>".
    if (!name.startsWith("$")) {
      current = [];
      kernels.set(name, current);
    }
    if (!name.startsWith("$__internal_")) current.push(one);
  }
  return new Map([...kernels].map(([name, parts]) => [name, analyse(parts)]));
}

function analyse(parts: readonly DisassembledFunction[]): MachineCode {
  const bodies = parts.map((part) => ({
    code: withoutPadding(part["sass-instructions"]),
    start: part.start,
  }));
  const counted = count(bodies.flatMap(({ code }) => code));
  const slow = bodies.flatMap(({ code, start }) => slowPathCalls(code, start));
  return {
    ...counted,
    slow_path_calls: byName(tally(slow.map((call) => call.kind))),
    slow_path_calls_in_loops: slow.filter((call) => call.in_element_loop).length,
  };
}

function count(
  code: readonly Instruction[],
): Omit<MachineCode, "slow_path_calls" | "slow_path_calls_in_loops"> {
  const loads = new Map<number, number>();
  const stores = new Map<number, number>();
  const hints = new Map<string, number>();
  const special = new Map<string, number>();
  const others = new Map<string, number>();
  for (const { opcode } of code) {
    const [mnemonic = "", ...modifiers] = opcode.split(".");
    const kind = kinds[mnemonic] ?? "";
    if (kind === "load" || kind === "store") {
      add(kind === "load" ? loads : stores, accessBits(modifiers));
      for (const hint of cacheHints(modifiers)) add(hints, `${kind} ${hint}`);
    } else if (kind === "special") add(special, modifiers[0] ?? "");
    else add(others, kind);
  }
  return {
    instruction_count: code.length,
    global_loads: byWidth(loads),
    global_stores: byWidth(stores),
    generic_accesses: others.get("generic") ?? 0,
    local_accesses: others.get("local") ?? 0,
    atomics: others.get("atomic") ?? 0,
    cache_hints: byName(hints),
    shuffles: others.get("shuffle") ?? 0,
    barriers: others.get("barrier") ?? 0,
    special_functions: byName(special),
  };
}

const kinds: Readonly<Record<string, string>> = {
  LDG: "load",
  LDGSTS: "load",
  STG: "store",
  LD: "generic",
  ST: "generic",
  LDL: "local",
  STL: "local",
  RED: "atomic",
  REDG: "atomic",
  ATOM: "atomic",
  ATOMG: "atomic",
  SHFL: "shuffle",
  BAR: "barrier",
  MUFU: "special",
};

/** A kernel ends with a branch to itself, and NOPs up to the next multiple of 128 bytes. */
function withoutPadding(code: readonly Instruction[]): readonly Instruction[] {
  let end = code.length;
  while (end > 0 && code[end - 1]?.opcode === "NOP") end -= 1;
  return code.slice(0, end);
}

/** LDG.E.EF.128 -> 128, STG.E.U16 -> 16, LDG.E -> 32. */
function accessBits(modifiers: readonly string[]): number {
  for (const modifier of modifiers) {
    const width = /^[USB]?(8|16|32|64|128|256)$/u.exec(modifier);
    if (width) return Number(width[1]);
  }
  return 32;
}

const evictionHints = new Set(["EF", "EL", "EU", "LU", "NA", "CONSTANT", "BYPASS"]);

function cacheHints(modifiers: readonly string[]): string[] {
  return modifiers.filter((modifier) => evictionHints.has(modifier) || /^LTC\d+B$/u.test(modifier));
}

/** "$__internal_0_$__cuda_sm3x_div_rn_noftz_f32_slowpath" and its like. */
const slowPath = /\$__internal_\d+_\$__cuda_\w*?(?<kind>div|rcp|rsqrt|sqrt)/u;

function slowPathCalls(
  code: readonly Instruction[],
  start: number,
): { kind: string; in_element_loop: boolean }[] {
  const calls: { kind: string; in_element_loop: boolean }[] = [];
  code.forEach(({ opcode, operands }, index) => {
    const kind = opcode.startsWith("CALL") && slowPath.exec(operands ?? "")?.groups?.kind;
    if (!kind) return;
    const loop = innermostLoopOf(index, code, start, instructionBytes);
    const perRow = loop?.some((i) => /^(?:SHFL|BAR)\b/u.test(code[i]?.opcode ?? ""));
    calls.push({ kind, in_element_loop: loop !== undefined && !perRow });
  });
  return calls;
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) add(counts, name);
  return counts;
}

function add<Key>(counts: Map<Key, number>, key: Key): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function byWidth(counts: Map<number, number>): WidthCount[] {
  return [...counts].map(([bits, count]) => ({ bits, count })).sort((a, b) => a.bits - b.bits);
}

function byName(counts: Map<string, number>): NamedCount[] {
  return [...counts]
    .map(([name, count]) => ({ name, count }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
