import { PtxError } from "../fault.ts";
import type { Body, Instruction, Operand } from "../module.ts";

/** An instruction at which lanes of a warp, or the warps of a block, wait for each other. */
export interface SyncOperation {
  kind: "shfl" | "vote" | "match" | "redux" | "elect" | "warp" | "barrier";
  instruction: Instruction;
  index: number;
  /** `bfly`, `ballot`, `any`, `add`, `sync`, `arrive`, `red` ... */
  mode: string;
  /** Types and operators of the result: `u32`, `and`. */
  type: string;
  /** Lanes that meet must have executed the same of these. */
  key: string;
  /** Operands that lanes leave in the register file: value, b, c, member mask (or barrier, count, predicate). */
  gather: Operand[];
  to: Operand | undefined;
  /** Predicate output of shfl, match.all and elect. */
  predicate: Operand | undefined;
}

/** Places in `gather`. */
export const VALUE = 0;
export const B = 1;
export const C = 2;
export const MEMBERS = 3;

/** Whether an operand is kept once for the warp. */
export function isUniform(
  program: { readonly uniformity: { readonly uniform: Uint8Array } },
  operation: SyncOperation,
  place: number,
): boolean {
  const operand = operation.gather[place];
  return operand?.kind === "register" && program.uniformity.uniform[operand.id] === 1;
}

/** Reads a .sync instruction; throws PtxError for forms that are not known. */
export function describeSync(body: Body, instruction: Instruction, index: number): SyncOperation {
  const { parts, operands } = instruction;
  const fail = (): never => {
    const source = body.locations[instruction.location];
    throw new PtxError("unsupported", `instruction ${instruction.opcode}`, {
      line: instruction.line,
      opcode: instruction.opcode,
      ...(source?.file === undefined ? {} : { source_file: source.file, source_line: source.line }),
    });
  };
  const none: Operand = { kind: "sink" };
  const at = (place: number): Operand => operands[place] ?? fail();
  const to = operands[0]?.kind === "pair" ? operands[0].first : operands[0];
  const predicate = operands[0]?.kind === "pair" ? operands[0].second : undefined;
  const base = { instruction, index, to, predicate, type: parts.at(-1) ?? "" };
  const barrier = parts[0] === "barrier" || parts[0] === "bar";
  if (!barrier && !parts.includes("sync")) return fail();
  switch (parts[0]) {
    case "shfl": {
      const mode = parts[2] ?? "";
      if (!["up", "down", "bfly", "idx"].includes(mode) || base.type !== "b32") return fail();
      return {
        ...base,
        kind: "shfl",
        mode,
        key: `shfl.${mode}`,
        gather: [at(1), at(2), at(3), at(4)],
      };
    }
    case "vote": {
      const mode = parts[2] ?? "";
      return {
        ...base,
        kind: "vote",
        mode,
        key: `vote.${mode}`,
        gather: [at(1), none, none, at(2)],
      };
    }
    case "match": {
      const mode = parts.includes("any") ? "any" : parts.includes("all") ? "all" : fail();
      const key = `match.${mode}.${base.type}`;
      return { ...base, kind: "match", mode, key, gather: [at(1), none, none, at(2)] };
    }
    case "redux": {
      const mode = parts[2] ?? "";
      if (!["add", "min", "max", "and", "or", "xor"].includes(mode)) return fail();
      if (base.type === "f32" && mode !== "min" && mode !== "max") return fail();
      return {
        ...base,
        kind: "redux",
        mode,
        key: parts.join("."),
        gather: [at(1), none, none, at(2)],
      };
    }
    case "elect":
      return { ...base, kind: "elect", mode: "", key: "elect", gather: [none, none, none, at(1)] };
    default:
      return describeBarrier(instruction, base, at, fail);
  }
}

function describeBarrier(
  instruction: Instruction,
  base: Pick<SyncOperation, "instruction" | "index" | "to" | "predicate" | "type">,
  at: (place: number) => Operand,
  fail: () => never,
): SyncOperation {
  const { parts, operands } = instruction;
  const none: Operand = { kind: "sink" };
  if (parts.includes("warp")) {
    return {
      ...base,
      to: undefined,
      kind: "warp",
      mode: "",
      key: "bar.warp",
      gather: [none, none, none, at(0)],
    };
  }
  if (parts.includes("cluster")) {
    // A block is its own cluster: waiting for the cluster is waiting for the block.
    const mode = parts.includes("wait") ? "sync" : "cluster_arrive";
    const id: Operand = { kind: "integer", lo: 16, hi: 0 };
    return {
      ...base,
      to: undefined,
      kind: "barrier",
      mode,
      key: "",
      gather: [id, none, none, none],
    };
  }
  const mode = ["sync", "arrive", "red"].find((name) => parts.includes(name));
  if (mode === undefined) return fail();
  if (mode !== "red") {
    const gather = [at(0), operands[1] ?? none, none, none];
    return { ...base, to: undefined, kind: "barrier", mode, key: "", gather };
  }
  const operation = ["popc", "and", "or"].find((name) => parts.includes(name)) ?? fail();
  const counted = operands.length === 4;
  const gather = [at(1), counted ? at(2) : none, at(counted ? 3 : 2), none];
  return { ...base, kind: "barrier", mode, type: operation, key: "", gather };
}
