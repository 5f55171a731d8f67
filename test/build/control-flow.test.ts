import { expect, test } from "vitest";
import { innermostLoopOf } from "../../tools/build/control-flow.ts";
import type { Instruction } from "../../tools/build/machine-code.ts";

/** "BRA 3" branches to instruction 3; "@P0 BRA 3" perhaps. */
function program(...lines: string[]): Instruction[] {
  return lines.map((line) => {
    const [, predicate, opcode = "", target] = /^(@\S+ )?(\S+)(?: (\d+))?$/u.exec(line) ?? [];
    return {
      opcode,
      ...(predicate && { predicate: predicate.trim() }),
      ...(target && { operands: `0x${(Number(target) * 16).toString(16)}` }),
    };
  });
}

const sorted = (loop: number[] | undefined) => loop?.sort((a, b) => a - b);

test("straight code is no loop", () => {
  expect(innermostLoopOf(0, program("FADD", "CALL", "EXIT"), 0, 16)).toBeUndefined();
});

test("a branch back makes a loop", () => {
  const code = program("MOV", "CALL", "FADD", "@P0 BRA 1", "EXIT");
  expect(sorted(innermostLoopOf(1, code, 0, 16))).toEqual([1, 2, 3]);
  expect(innermostLoopOf(0, code, 0, 16)).toBeUndefined();
});

test("cold code behind the kernel that branches back is no loop", () => {
  const code = program("@P0 BRA 3", "FADD", "EXIT", "CALL", "BRA 1");
  expect(innermostLoopOf(3, code, 0, 16)).toBeUndefined();
});

test("of two loops the inner one is found, and the outer one for what is only in it", () => {
  const code = program("MOV", "SHFL", "CALL", "@P0 BRA 2", "FADD", "@P1 BRA 1", "EXIT");
  expect(sorted(innermostLoopOf(2, code, 0, 16))).toEqual([2, 3]);
  expect(sorted(innermostLoopOf(4, code, 0, 16))).toEqual([1, 2, 3, 4, 5]);
});

test("addresses count from the function's own start", () => {
  const code = program("MOV", "CALL", "@P0 BRA 5", "EXIT");
  expect(sorted(innermostLoopOf(1, code, 64, 16))).toEqual([1, 2]);
});
