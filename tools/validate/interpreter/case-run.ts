import type { KernelCase } from "../../kernel/cases.ts";
import type { ArgumentField } from "../../kernel/operators.ts";
import type { MachineOptions, PtxModule } from "../../ptx/index.ts";

/** A case, the code that it is run through, and how the entry point's struct is laid out. */
export interface CaseRun {
  one: KernelCase;
  module: PtxModule;
  fields: readonly ArgumentField[];
}

/** Elements of a case that is searched for races and the like, and executed in other orders. */
export const mostSearched = 8192;
/** Of one row: kernels for wide rows are other kernels. */
const widestSearched = 1 << 16;

export function isSearched({ rows, hidden_size }: KernelCase): boolean {
  const elements = rows * hidden_size;
  return elements <= mostSearched || (rows === 1 && elements <= widestSearched);
}

/** 4096 thread-instructions an element: the slowest known honest kernel needs 80. */
export function machineOptions(one: KernelCase): MachineOptions {
  return { instruction_budget: 50_000_000 + 4096 * one.rows * one.hidden_size };
}
