import type { Instruction, Operand, Register } from "./module.ts";

/**
 * The carry flag that `add.cc` writes and `addc` reads is a register that no operand names: names it, as the
 * second result and as the last operand. A kernel has one, made with the first such instruction.
 */
export function nameCarry({ parts, operands }: Instruction, registers: Register[]): void {
  const [first] = operands;
  const writes = first !== undefined && parts.includes("cc");
  const reads = /^(?:addc|subc|madc)$/u.test(parts[0] ?? "");
  if (!writes && !reads) return;
  const known = registers.findIndex(({ name }) => name === "%cc");
  const id = known >= 0 ? known : registers.push({ name: "%cc", bits: 1 }) - 1;
  const flag: Operand = { kind: "register", id, negated: false };
  if (reads) operands.push(flag);
  if (writes) operands[0] = { kind: "pair", first, second: flag };
}
