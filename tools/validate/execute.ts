import type { KernelCase } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import { rowStart } from "../kernel/layout.ts";
import type { ArgumentField } from "../kernel/operators.ts";
import { Machine, PtxError, PtxFault, type PtxModule } from "../ptx/index.ts";
import type { RecordedLaunch, RecordedOperation } from "../record/recorder.ts";
import { measure } from "./measure.ts";
import type { CaseOutcome, Executed, FaultReport, LaunchSummary } from "./outcome.ts";
import type { Output } from "./output.ts";
import { type PreparedCase, prepareCase } from "./prepare-case.ts";

/** What the host code did with a case's arguments, or why that is not known. */
export type Recording =
  | { state: "recorded"; result: number; result_name: string; operations: RecordedOperation[] }
  | { state: "not_recorded"; code: string; message: string; hint: string }
  /** These very launches of the same code were executed already: take that outcome. */
  | { state: "known"; outcome: CaseOutcome };

/**
 * One case from its data to its measurement: buffers, the launches that `record` reports of the
 * host code, their execution in the interpreter, and the output against float64.
 */
export async function executeCase(
  one: KernelCase,
  module: PtxModule,
  fields: readonly ArgumentField[],
  record: (args: Uint8Array) => Promise<Recording>,
): Promise<CaseOutcome> {
  const began = performance.now();
  const machine = new Machine(module, { instruction_budget: budgetOf(one) });
  const prepared = prepareCase(one, fields, machine);
  const recording = await record(prepared.arguments);
  if (recording.state === "not_recorded") return recording;
  if (recording.state === "known") return recording.outcome;
  const { result, result_name, operations } = recording;
  const executed: Executed = {
    launches: operations.flatMap((each) => (each.kind === "launch" ? [summaryOf(each)] : [])),
    thread_instructions: 0,
    milliseconds: 0,
    launch_digest: "",
  };
  const finish = (): Executed => ({ ...executed, milliseconds: performance.now() - began });
  if (result !== 0) return { state: "refused", result_name, ...finish() };
  const fault = refusedLaunch(operations);
  if (fault) return { state: "faulted", fault, ...finish() };
  try {
    for (const operation of operations) {
      executed.thread_instructions += perform(machine, operation);
    }
  } catch (error) {
    return faultOutcome(error, finish());
  }
  const output = outputOf(one, prepared, machine);
  const measurement = measure(one, prepared.inputs, output);
  if (measurement.bad_count > 0 && dependsOnSchedule(one, module, fields, operations, output)) {
    measurement.diagnosis = scheduleDiagnosis;
  }
  return { state: "measured", measurement, reused: false, ...finish() };
}

const scheduleDiagnosis = {
  reason: "schedule_dependent",
  nature: "the values change with the order in which warps run: a barrier is missing",
} as const;

/** A launcher may try one launch and fall back to another: only the last one must be accepted. */
function refusedLaunch(operations: readonly RecordedOperation[]): FaultReport | undefined {
  const last = operations.findLast(({ kind }) => kind.endsWith("launch"));
  if (last?.kind !== "refused_launch") return undefined;
  const message = `the launch of ${last.kernel} was refused with ${last.result_name} (${last.reason}), and the entry point returned cudaSuccess`;
  return { kind: "launch_refused", message };
}

/** Whether the same launches with the warps' turns reversed leave another output. Addresses repeat. */
function dependsOnSchedule(
  one: KernelCase,
  module: PtxModule,
  fields: readonly ArgumentField[],
  operations: readonly RecordedOperation[],
  output: Output,
): boolean {
  const machine = new Machine(module, {
    instruction_budget: budgetOf(one),
    warp_order: "reverse",
  });
  const prepared = prepareCase(one, fields, machine);
  try {
    for (const operation of operations) perform(machine, operation);
  } catch {
    return true;
  }
  const reversed = outputOf(one, prepared, machine);
  return Array.from({ length: one.rows }, (_, row) => rowStart(output.layout, row)).some(
    (first) =>
      Buffer.compare(output.read(first, one.hidden_size), reversed.read(first, one.hidden_size)) !==
      0,
  );
}

/** 4096 thread-instructions an element: the slowest known honest kernel needs 80. */
function budgetOf(one: KernelCase): number {
  return 50_000_000 + 4096 * one.rows * one.hidden_size;
}

/** Does in the interpreter what the host code asked of the device; returns thread-instructions. */
function perform(machine: Machine, operation: RecordedOperation): number {
  switch (operation.kind) {
    case "launch":
      return machine.launch(operation).thread_instructions;
    case "memset":
      machine.write(operation.address, new Uint8Array(operation.bytes).fill(operation.value));
      return 0;
    case "copy":
      machine.write(operation.to, machine.read(operation.from, operation.bytes));
      return 0;
    case "upload":
      machine.write(operation.to, operation.data);
      return 0;
    case "alloc":
      machine.alloc(operation.bytes, { label: "workspace", at: operation.address });
      return 0;
    case "free":
      machine.free(operation.address);
      return 0;
    default:
      // Everything runs in order on one device: synchronising changes nothing.
      return 0;
  }
}

function summaryOf(launch: RecordedLaunch): LaunchSummary {
  const { kernel, grid, block, dynamic_shared_bytes } = launch;
  return { kernel, grid, block, dynamic_shared_bytes };
}

function faultOutcome(error: unknown, executed: Executed): CaseOutcome {
  if (error instanceof PtxFault) {
    const { kind, source_file, source_line } = error.finding;
    const fault = { kind, message: error.message, source_file, source_line };
    return { state: "faulted", fault, ...executed };
  }
  if (error instanceof PtxError) return { state: "not_executed", message: error.message };
  throw error;
}

function outputOf(one: KernelCase, prepared: PreparedCase, machine: Machine): Output {
  const elementBytes = dtypeFacts[one.out_dtype].bytes;
  const { rstd, residual } = prepared;
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;
  return {
    layout: prepared.layout,
    read: (first: number, count: number) =>
      machine.read(prepared.out + BigInt(first * elementBytes), count * elementBytes),
    rstd:
      rstd === undefined || one.rows === 0
        ? undefined
        : new Float32Array(machine.read(rstd, 4 * one.rows).slice().buffer),
    residual:
      residual === undefined
        ? undefined
        : (row: number) => machine.read(residual + BigInt(row * rowBytes), rowBytes),
  };
}
