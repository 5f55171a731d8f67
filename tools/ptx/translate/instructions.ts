import type { Instruction } from "../module.ts";
import { emitCarry } from "./carry.ts";
import { emitConversion } from "./conversion.ts";
import type { Emitter } from "./emitter.ts";
import { emitFloating } from "./floating.ts";
import { emitHalf } from "./half.ts";
import { emitInteger } from "./integer.ts";
import { emitMemory } from "./memory.ts";
import { emitMove } from "./move.ts";
import { emitPair } from "./pairs.ts";
import { emitSelect } from "./select.ts";

/** Emits one instruction that runs in a lane (or once for the warp), under its guard. Throws for unknown ones. */
export function emitInstruction(e: Emitter, instruction: Instruction, index: number): void {
  e.instruction = instruction;
  e.index = index;
  const guard = instruction.guard;
  const condition = guard
    ? e.predicate({ kind: "register", id: guard.id, negated: guard.negated })
    : undefined;
  e.line(condition === undefined ? "{" : `if(${condition}!==0){`);
  emitUnguarded(e, instruction);
  e.line("}");
}

function emitUnguarded(e: Emitter, instruction: Instruction): void {
  const { parts } = instruction;
  const known =
    emitMove(e, parts) ||
    emitMemory(e, parts) ||
    emitCarry(e, parts) ||
    emitPair(e, parts) ||
    emitSelect(e, parts) ||
    emitConversion(e, parts) ||
    emitInteger(e, parts) ||
    emitFloating(e, parts) ||
    emitHalf(e, parts) ||
    emitSystem(e, instruction);
  if (!known) throw e.unsupported();
}

/** Traps and the functions of the device run time. */
function emitSystem(e: Emitter, instruction: Instruction): boolean {
  const { parts } = instruction;
  switch (parts[0]) {
    case "trap":
    case "brkpt":
      e.line(`${e.call("trapped", `${e.index}`, "l", JSON.stringify(parts[0]))};`);
      return true;
    case "call": {
      const slots = instruction.operands.map((operand) =>
        operand.kind === "symbol" ? `${e.address(operand).lo}` : "-1",
      );
      if (parts[1] === "__assertfail") {
        e.line(`${e.call("assertFailed", `${e.index}`, "l", "T", `[${slots.join(",")}]`)};`);
        return true;
      }
      const result = instruction.operands[2];
      if (result?.kind === "register") e.setInt(result, "0");
      else if (result?.kind === "symbol") {
        const frame = e.surroundings.body.local_bytes;
        e.line(`${e.use("localI")}[(${e.address(result).lo}+Math.imul(T+l,${frame}))>>2]=0;`);
      }
      return true;
    }
    default:
      return false;
  }
}
