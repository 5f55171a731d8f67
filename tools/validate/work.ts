import type { KernelCase } from "../kernel/cases.ts";
import type { CaseOutcome } from "./outcome.ts";
import type { Recording } from "./recording.ts";

/**
 * What is asked of a case. `values`: the output against float64. `memory`: in the interpreter, on a
 * GPU's side: races, reads of what was never written, other orders of warps and blocks. `calls`: the
 * same entry point called again and again, with new inputs, at other addresses, replayed.
 * `second_gpu`: the same on another GPU of the machine.
 */
export type Check = "values" | "memory" | "calls" | "second_gpu";

/** One unit of work: kept by content, and given to one executor. */
export interface WorkItem {
  one: KernelCase;
  check: Check;
}

/** What an executor is given: it calls back for every recording, and as each item ends. */
export interface Work {
  items: readonly WorkItem[];
  /** Called one after the other for an item, never at once. */
  record(index: number, args: Uint8Array): Promise<Recording>;
  /** Called as each item ends, in no order. What it throws ends the run. */
  onOutcome(index: number, outcome: CaseOutcome): void;
  signal: AbortSignal;
}

/** Where an item is executed. */
export type Executor = (work: Work) => Promise<void>;
