import { Machine, type MachineOptions, PtxFault } from "../../ptx/index.ts";
import { measure } from "../measure.ts";
import type { FaultReport, Measurement } from "../outcome.ts";
import { type Output, rowsOf } from "../output.ts";
import { prepareCase } from "../prepare-case.ts";
import type { Recorded } from "../recording.ts";
import { type CaseRun, machineOptions } from "./case-run.ts";
import { outputOf } from "./output-of.ts";
import { perform } from "./perform.ts";

/**
 * The same launches with warps and blocks taking turns in other orders: a fault where that changes
 * the result. `output` and `measurement` are those of the first order.
 */
export function otherOrders(
  run: CaseRun,
  recorded: Recorded,
  output: Output,
  measurement: Measurement,
): FaultReport | undefined {
  const { one } = run;
  for (const order of ["reverse", one.seed] as const) {
    const other = executeIn(run, recorded, { warp_order: order, block_order: order });
    if (other && rowsOf(one, output).equals(rowsOf(one, other.output))) continue;
    const wrong = !other || measurement.bad_count > 0 || other.measurement.bad_count > 0;
    return wrong ? dependsOnOrder : otherBits;
  }
  return undefined;
}

const dependsOnOrder = {
  kind: "schedule_dependent",
  message:
    "the values change with the order in which warps and blocks run: a barrier is missing, or blocks rely on each other",
} as const;

const otherBits = {
  kind: "nondeterministic",
  message:
    "right values, in other bits for another order of warps and blocks: a sum in no fixed order, as with floating-point atomics",
} as const;

/** Undefined after a fault, which the first order did not have. */
function executeIn(
  { one, module, fields }: CaseRun,
  recorded: Recorded,
  order: Pick<MachineOptions, "warp_order" | "block_order">,
): { output: Output; measurement: Measurement } | undefined {
  const machine = new Machine(module, { ...machineOptions(one), ...order });
  // Addresses repeat: the recorded parameters hold here too.
  const prepared = prepareCase(one, fields, machine);
  try {
    perform(machine, recorded);
  } catch (error) {
    if (error instanceof PtxFault) return undefined;
    throw error;
  }
  const output = outputOf(one, prepared, machine);
  return { output, measurement: measure(one, prepared.inputs, output) };
}
