import type { KernelCase } from "../../kernel/cases.ts";
import { dtypeFacts } from "../../kernel/dtypes.ts";
import type { Machine } from "../../ptx/index.ts";
import type { Output } from "../output.ts";
import type { PreparedCase } from "../prepare-case.ts";

/** What a case's launches left behind in the machine's memory. */
export function outputOf(one: KernelCase, prepared: PreparedCase, machine: Machine): Output {
  const elementBytes = dtypeFacts[one.out_dtype].bytes;
  const { rstd, mean, residual } = prepared;
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;
  const perRow = (address: bigint | undefined) =>
    address === undefined
      ? undefined
      : new Float32Array(machine.read(address, 4 * one.rows).slice().buffer);
  return {
    layout: prepared.layout,
    read: (first: number, count: number) =>
      machine.read(prepared.out + BigInt(first * elementBytes), count * elementBytes),
    rstd: perRow(rstd),
    mean: perRow(mean),
    residual:
      residual === undefined
        ? undefined
        : (row: number) => machine.read(residual + BigInt(row * rowBytes), rowBytes),
  };
}
