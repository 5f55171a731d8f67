import type { Instruction } from "./module.ts";

/**
 * The carry flag that `add.cc` writes and `addc` reads is a register that no operand names: gives it a name,
 * as the second result and as the last operand. `flag` makes the kernel's one such register.
 */
export function nameCarry(instruction: Instruction, flag: () => number): void {
  const { parts, operands } = instruction;
  if (/^(?:addc|subc|madc)$/u.test(parts[0] ?? "")) {
    operands.push({ kind: "register", id: flag(), negated: false });
  }
  const [first] = operands;
  if (first && parts.includes("cc")) {
    operands[0] = { kind: "pair", first, second: { kind: "register", id: flag(), negated: false } };
  }
}
