import type { Block } from "./control-flow.ts";
import type { Body, Instruction, Operand } from "./module.ts";
import { definedBy, forgetRegisters, hasResult, registersIn, usedBy } from "./registers-used.ts";

interface Definition {
  id: number;
  index: number;
}

/**
 * Gives definitions of one register that never meet at a use registers of their own. `nvcc` reuses registers, and a
 * register that once holds %tid.x and later a loop counter would hide that the first value is known.
 */
export function splitRegisters(body: Body, blocks: readonly Block[]): void {
  const { instructions } = body;
  const definitions: Definition[] = [];
  const byRegister = new Map<number, number[]>();
  const excluded = new Set<number>();
  instructions.forEach((instruction, index) => {
    for (const id of definedBy(instruction)) {
      const list = byRegister.get(id) ?? [];
      byRegister.set(id, list);
      list.push(definitions.length);
      definitions.push({ id, index });
    }
    if (instruction.parts[0] === "call") {
      for (const id of [...definedBy(instruction), ...usedBy(instruction)]) excluded.add(id);
    }
  });
  const many = new Map(
    [...byRegister].filter(([id, list]) => list.length > 1 && !excluded.has(id)),
  );
  if (many.size === 0) return;
  const webs = new Webs(definitions.length);
  const definitionAt = new Map(definitions.map(({ id, index }, d) => [`${index} ${id}`, d]));
  const useWeb = new Map<string, number>();
  const values = new Map<string, Operand>();
  const reaching = reachingDefinitions(instructions, blocks, many, definitions, definitionAt);
  for (const block of blocks) {
    const start = reaching[block.index] as Int32Array;
    const written = new Map<number, readonly number[]>();
    const current = (id: number): readonly number[] =>
      written.get(id) ??
      (many.get(id) ?? []).filter((d) => ((start[d >> 5] ?? 0) & (1 << (d & 31))) !== 0);
    for (let i = block.start; i < block.end; i++) {
      const instruction = instructions[i] as Instruction;
      for (const id of usedBy(instruction)) {
        if (!many.has(id)) continue;
        const from = current(id);
        const known =
          from.length === 1 ? knownValue(instructions, definitions[from[0] ?? -1]) : undefined;
        if (known && isPlainUse(instruction, id)) values.set(`${i} ${id}`, known);
        else useWeb.set(`${i} ${id}`, webs.joinAll(from));
      }
      for (const id of definedBy(instruction)) {
        const d = definitionAt.get(`${i} ${id}`);
        if (!many.has(id) || d === undefined) continue;
        // A guarded write keeps the old value in some lanes.
        if (instruction.guard) webs.joinAll([...current(id), d]);
        written.set(id, instruction.guard ? [...current(id), d] : [d]);
      }
    }
  }
  rename(body, many, webs, definitionAt, useWeb, values);
}

/** The special register that a definition copies. */
function knownValue(
  instructions: readonly Instruction[],
  definition: Definition | undefined,
): Operand | undefined {
  const instruction = instructions[definition?.index ?? -1];
  const from = instruction?.operands[1];
  if (instruction?.parts[0] !== "mov" || instruction.guard || from?.kind !== "special")
    return undefined;
  return /^(?:tid|ntid|ctaid|nctaid)\.[xyz]$|^laneid$/u.test(from.name) ? from : undefined;
}

/** The register is an operand by itself, not a guard, an address or a part of a vector. */
function isPlainUse(instruction: Instruction, id: number): boolean {
  const first = hasResult(instruction) ? 1 : 0;
  return (
    instruction.guard?.id !== id &&
    /^[usb]32$/u.test(instruction.parts.at(-1) ?? "") &&
    instruction.operands.every((operand, index) => {
      if (index < first || (operand.kind === "register" && operand.id === id)) return true;
      return !registersIn(operand).includes(id);
    })
  );
}

/** Per block, the definitions that reach its start, as bits. */
function reachingDefinitions(
  instructions: readonly Instruction[],
  blocks: readonly Block[],
  many: ReadonlyMap<number, number[]>,
  definitions: readonly Definition[],
  definitionAt: ReadonlyMap<string, number>,
): Int32Array[] {
  const words = (definitions.length + 31) >> 5;
  const starts = blocks.map(() => new Int32Array(words));
  const effects = blocks.map((block) => {
    const made = new Int32Array(words);
    const kept = new Int32Array(words).fill(-1);
    for (let i = block.start; i < block.end; i++) {
      const instruction = instructions[i] as Instruction;
      for (const id of definedBy(instruction)) {
        const d = definitionAt.get(`${i} ${id}`);
        if (!many.has(id) || d === undefined) continue;
        // A guarded write keeps the old value in some lanes.
        for (const other of instruction.guard ? [] : (many.get(id) ?? [])) {
          made[other >> 5] = (made[other >> 5] ?? 0) & ~(1 << (other & 31));
          kept[other >> 5] = (kept[other >> 5] ?? 0) & ~(1 << (other & 31));
        }
        made[d >> 5] = (made[d >> 5] ?? 0) | (1 << (d & 31));
      }
    }
    return { made, kept };
  });
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of blocks) {
      const { made, kept } = effects[block.index] as (typeof effects)[number];
      const start = starts[block.index] as Int32Array;
      for (const to of block.successors) {
        const target = starts[to] as Int32Array;
        for (let w = 0; w < words; w++) {
          const value = (target[w] ?? 0) | (made[w] ?? 0) | ((start[w] ?? 0) & (kept[w] ?? 0));
          if (value === target[w]) continue;
          target[w] = value;
          changed = true;
        }
      }
    }
  }
  return starts;
}

/** Union-find over definitions. */
class Webs {
  readonly parent: Int32Array;

  constructor(count: number) {
    this.parent = Int32Array.from({ length: count }, (_, index) => index);
  }

  find(d: number): number {
    let at = d;
    while (this.parent[at] !== at) at = this.parent[at] ?? at;
    return at;
  }

  /** Joins all of them and returns their root; -1 for none. */
  joinAll(list: readonly number[] | undefined): number {
    let root = -1;
    for (const d of list ?? []) {
      const other = this.find(d);
      if (root < 0) root = other;
      else this.parent[other] = root;
    }
    return root;
  }
}

function rename(
  body: Body,
  many: ReadonlyMap<number, number[]>,
  webs: Webs,
  definitionAt: ReadonlyMap<string, number>,
  useWeb: ReadonlyMap<string, number>,
  values: ReadonlyMap<string, Operand>,
): void {
  const fresh = new Map<number, number>();
  const first = new Set<number>();
  const registerOf = (id: number, web: number): number => {
    if (web < 0) return id;
    const root = webs.find(web);
    const known = fresh.get(root);
    if (known !== undefined) return known;
    // One of the webs keeps the register.
    let target = id;
    if (first.has(id)) {
      target = body.registers.length;
      body.registers.push({ ...(body.registers[id] ?? { name: "?", bits: 32 }) });
    }
    first.add(id);
    fresh.set(root, target);
    return target;
  };
  body.instructions.forEach((instruction, i) => {
    const use = (id: number): number =>
      many.has(id) ? registerOf(id, useWeb.get(`${i} ${id}`) ?? -1) : id;
    const define = (id: number): number =>
      many.has(id) ? registerOf(id, definitionAt.get(`${i} ${id}`) ?? -1) : id;
    const result = hasResult(instruction);
    if (instruction.parts[0] === "call") return;
    instruction.operands = instruction.operands.map((operand, index) => {
      if (result && index === 0) return mapRegisters(operand, define);
      const value = operand.kind === "register" ? values.get(`${i} ${operand.id}`) : undefined;
      return value ?? mapRegisters(operand, use);
    });
    if (instruction.guard)
      instruction.guard = { ...instruction.guard, id: use(instruction.guard.id) };
    forgetRegisters(instruction);
  });
}

function mapRegisters(operand: Operand, to: (id: number) => number): Operand {
  switch (operand.kind) {
    case "register":
      return { ...operand, id: to(operand.id) };
    case "vector":
    case "list":
      return { ...operand, items: operand.items.map((item) => mapRegisters(item, to)) };
    case "address":
      return operand.base ? { ...operand, base: mapRegisters(operand.base, to) } : operand;
    case "pair":
      return {
        ...operand,
        first: mapRegisters(operand.first, to),
        second: mapRegisters(operand.second, to),
      };
    default:
      return operand;
  }
}
