import type { Body, Instruction, Operand } from "../module.ts";
import { definedBy } from "../registers-used.ts";

/** Registers that are set once, to a constant, are replaced by it where they are read. */
export function propagateConstants(body: Body): void {
  const counts = new Int32Array(body.registers.length);
  const values = new Map<number, Operand>();
  for (const instruction of body.instructions) {
    for (const id of definedBy(instruction)) counts[id] = (counts[id] ?? 0) + 1;
    const [to, from] = instruction.operands;
    if (instruction.parts[0] !== "mov" || instruction.guard || to?.kind !== "register") continue;
    const { bits } = body.registers[to.id] ?? { bits: 0 };
    if (from?.kind === "integer" && (bits === 32 || bits === 64)) values.set(to.id, from);
    if (from?.kind === "float32" && bits === 32) values.set(to.id, from);
    if (from?.kind === "float64" && bits === 64) values.set(to.id, from);
  }
  for (const id of values.keys()) if (counts[id] !== 1) values.delete(id);
  if (values.size === 0) return;
  for (const instruction of body.instructions) replaceIn(instruction, values);
}

function replaceIn(instruction: Instruction, values: ReadonlyMap<number, Operand>): void {
  const replace = (operand: Operand): Operand => {
    if (operand.kind === "register" && !operand.negated) return values.get(operand.id) ?? operand;
    if (operand.kind === "vector") return { ...operand, items: operand.items.map(replace) };
    return operand;
  };
  const stores = instruction.parts[0] === "st" || instruction.parts[0] === "red";
  instruction.operands = instruction.operands.map((operand, index) => {
    // The first operand is a result, except in stores, where it is an address.
    if (index === 0 && !stores) return operand;
    return replace(operand);
  });
}
