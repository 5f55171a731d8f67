import type { Body, Instruction, Operand } from "../module.ts";
import { definedBy, forgetRegisters, hasResult } from "../registers-used.ts";

type Shape = readonly [number, number, number];

/**
 * Registers that are set once, to a constant, are replaced by it where they are read. The block's shape is a
 * constant too, and so are sums and products of constants.
 */
export function propagateConstants(body: Body, shape: Shape): void {
  const counts = new Int32Array(body.registers.length);
  for (const instruction of body.instructions) {
    for (const id of definedBy(instruction)) counts[id] = (counts[id] ?? 0) + 1;
  }
  const values = new Map<number, Operand>();
  for (let found = -1; found !== values.size; ) {
    found = values.size;
    for (const instruction of body.instructions) {
      replaceIn(instruction, values, shape);
      const [to] = instruction.operands;
      if (instruction.guard || to?.kind !== "register" || counts[to.id] !== 1) continue;
      const value = constantOf(instruction, body.registers[to.id]?.bits ?? 0);
      if (value) values.set(to.id, value);
    }
  }
}

/** What an instruction computes, if that is a constant that fits the register. */
function constantOf(instruction: Instruction, bits: number): Operand | undefined {
  const { parts, operands } = instruction;
  const [, a, b, c] = operands;
  if (parts[0] === "mov") {
    if (a?.kind === "integer" && (bits === 32 || bits === 64)) return a;
    if (a?.kind === "float32" && bits === 32) return a;
    if (a?.kind === "float64" && bits === 64) return a;
    return undefined;
  }
  if (bits !== 32 || parts.length > 3 || !/^[usb]32$/u.test(parts.at(-1) ?? "")) return undefined;
  if (a?.kind !== "integer" || b?.kind !== "integer") return undefined;
  const integer = (value: number): Operand => ({ kind: "integer", lo: value | 0, hi: value >> 31 });
  switch (parts[0]) {
    case "add":
      return parts.length === 2 ? integer(a.lo + b.lo) : undefined;
    case "mul":
      return parts[1] === "lo" ? integer(Math.imul(a.lo, b.lo)) : undefined;
    case "mad":
      return parts[1] === "lo" && c?.kind === "integer"
        ? integer(Math.imul(a.lo, b.lo) + c.lo)
        : undefined;
    default:
      return undefined;
  }
}

function replaceIn(
  instruction: Instruction,
  values: ReadonlyMap<number, Operand>,
  shape: Shape,
): void {
  const replace = (operand: Operand): Operand => {
    if (operand.kind === "register" && !operand.negated) return values.get(operand.id) ?? operand;
    if (operand.kind === "special") return shapeConstant(operand.name, shape) ?? operand;
    if (operand.kind === "vector") return { ...operand, items: operand.items.map(replace) };
    return operand;
  };
  const result = hasResult(instruction);
  instruction.operands = instruction.operands.map((operand, index) =>
    index === 0 && result ? operand : replace(operand),
  );
  forgetRegisters(instruction);
}

function shapeConstant(name: string, [x, y, z]: Shape): Operand | undefined {
  const known: Record<string, number | undefined> = {
    "ntid.x": x,
    "ntid.y": y,
    "ntid.z": z,
    "tid.y": y === 1 ? 0 : undefined,
    "tid.z": z === 1 ? 0 : undefined,
  };
  const value = known[name];
  return value === undefined ? undefined : { kind: "integer", lo: value, hi: 0 };
}
