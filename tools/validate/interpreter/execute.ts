import { Machine } from "../../ptx/index.ts";
import { acceptedLaunches, hostFault } from "../host-fault.ts";
import { measure } from "../measure.ts";
import type { CaseOutcome, Executed, FaultReport } from "../outcome.ts";
import { placeCase } from "../prepare-case.ts";
import type { Recording } from "../recording.ts";
import { type CaseRun, isSearched, machineOptions } from "./case-run.ts";
import { otherOrders } from "./orders.ts";
import { outputOf } from "./output-of.ts";
import { faultOutcome, perform } from "./perform.ts";

/**
 * One case from its data to its measurement: buffers, the launches that `record` reports of the
 * host code, their execution in the interpreter, and the output against float64. Small cases are
 * executed with all checks of memory, and in other orders of warps and blocks.
 */
export async function executeCase(
  run: CaseRun,
  record: (args: Uint8Array) => Promise<Recording>,
): Promise<CaseOutcome> {
  const { one } = run;
  const began = performance.now();
  const machine = new Machine(run.module, { ...machineOptions(one), checks: isSearched(one) });
  const prepared = placeCase(one, run.fields, machine);
  const recording = await record(prepared.arguments);
  if (recording.state === "not_recorded") return recording;
  if (recording.state === "known") return recording.outcome;
  const { result, result_name, operations } = recording;
  const executed: Executed = {
    launches: acceptedLaunches(operations),
    thread_instructions: 0,
    milliseconds: 0,
    launch_digest: "",
  };
  const finish = (): Executed => ({ ...executed, milliseconds: performance.now() - began });
  if (result !== 0) return { state: "refused", result_name, ...finish() };
  const refused = hostFault(recording);
  if (refused) return { state: "faulted", fault: refused, ...finish() };
  prepared.fill();
  try {
    executed.thread_instructions += perform(machine, recording);
  } catch (error) {
    return faultOutcome(error, finish());
  }
  const output = outputOf(one, prepared, machine);
  const measurement = measure(one, prepared.inputs, output);
  const warnings = machine.warnings.map(
    ({ kind, detail, source_file, source_line }): FaultReport => ({
      kind,
      message: detail,
      source_file,
      source_line,
    }),
  );
  // A doubt is the cause where values are wrong.
  const cause = measurement.bad_count > 0 ? warnings.find(({ kind }) => explains(kind)) : undefined;
  if (cause) return { state: "faulted", fault: cause, ...finish() };
  if (warnings.length > 0) executed.warnings = warnings;
  if (measurement.bad_count > 0 || isSearched(one)) {
    const other = otherOrders(run, recording, output, measurement);
    if (other) return { state: "faulted", fault: other, ...finish() };
  }
  return { state: "measured", measurement, reused: false, ...finish() };
}

function explains(kind: string): boolean {
  return ["missing_lanes", "divergent_barrier", "shared_race", "intra_warp_race"].includes(kind);
}
