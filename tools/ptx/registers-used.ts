import type { Instruction, Operand } from "./module.ts";

/** Mnemonics without a destination operand. */
const withoutResult = new Set([
  "st",
  "red",
  "bra",
  "brx",
  "ret",
  "exit",
  "trap",
  "brkpt",
  "membar",
  "fence",
  "prefetch",
  "prefetchu",
  "cp",
  "griddepcontrol",
  "nanosleep",
  "discard",
  "applypriority",
  "pmevent",
  "call",
  "setmaxnreg",
]);

/** Whether the first operand is written. */
export function hasResult(instruction: Instruction): boolean {
  const { parts } = instruction;
  const name = parts[0] ?? "";
  if (name === "bar" || name === "barrier") return parts.includes("red");
  return !withoutResult.has(name);
}

/** Registers that an instruction writes. */
export function definedBy(instruction: Instruction): readonly number[] {
  instruction.defines ??= findDefined(instruction);
  return instruction.defines;
}

function findDefined(instruction: Instruction): number[] {
  const out: number[] = [];
  if (instruction.parts[0] === "call") {
    // vprintf(format, buffer) gives its result in the last operand; it may be a register.
    const last = instruction.operands.at(-1);
    if (instruction.parts[1] === "vprintf" && last) collect(last, out);
    return out;
  }
  const first = instruction.operands[0];
  if (first && hasResult(instruction)) collect(first, out);
  return out;
}

/** Registers that an instruction reads, its guard among them. */
export function usedBy(instruction: Instruction): readonly number[] {
  instruction.uses ??= findUsed(instruction);
  return instruction.uses;
}

/** Forgets what was found, after a change of operands. */
export function forgetRegisters(instruction: Instruction): void {
  instruction.defines = undefined;
  instruction.uses = undefined;
}

function findUsed(instruction: Instruction): number[] {
  const out: number[] = [];
  if (instruction.guard) out.push(instruction.guard.id);
  const from = hasResult(instruction) ? 1 : 0;
  for (let i = from; i < instruction.operands.length; i++) {
    collect(instruction.operands[i], out);
  }
  return out;
}

/** Registers that an operand names. */
export function registersIn(operand: Operand): number[] {
  const out: number[] = [];
  collect(operand, out);
  return out;
}

function collect(operand: Operand | undefined, out: number[]): void {
  if (!operand) return;
  if (operand.kind === "register") out.push(operand.id);
  else if (operand.kind === "vector" || operand.kind === "list") {
    for (const item of operand.items) collect(item, out);
  } else if (operand.kind === "address") collect(operand.base, out);
  else if (operand.kind === "pair") {
    collect(operand.first, out);
    collect(operand.second, out);
  }
}

/** Special registers that an instruction reads. */
export function specialsOf(instruction: Instruction): string[] {
  const out: string[] = [];
  for (const operand of instruction.operands) {
    if (operand.kind === "special") out.push(operand.name);
    else if (operand.kind === "vector") {
      for (const item of operand.items) if (item.kind === "special") out.push(item.name);
    }
  }
  return out;
}
