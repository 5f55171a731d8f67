import type { KernelCase } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import { rowStart } from "../kernel/layout.ts";
import type { ArgumentField } from "../kernel/operators.ts";
import { Machine, PtxError, PtxFault, type PtxModule } from "../ptx/index.ts";
import type { RecordedLaunch, RecordedOperation } from "../record/recorder.ts";
import { measure } from "./measure.ts";
import type { CaseOutcome, Executed, FaultReport, LaunchSummary, Measurement } from "./outcome.ts";
import type { Output } from "./output.ts";
import { type PreparedCase, placeCase, prepareCase } from "./prepare-case.ts";

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
  const prepared = placeCase(one, fields, machine);
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
  const refused = refusedLaunch(operations);
  if (refused) return { state: "faulted", fault: refused, ...finish() };
  prepared.fill();
  try {
    for (const operation of operations) {
      executed.thread_instructions += perform(machine, operation);
    }
  } catch (error) {
    return faultOutcome(error, finish());
  }
  const measurement = measureOrders(one, module, fields, operations, prepared, machine);
  if (measurement) return { state: "measured", measurement, reused: false, ...finish() };
  const fault = { kind: "schedule_dependent", message: scheduleDiagnosis.nature };
  return { state: "faulted", fault, ...finish() };
}

/**
 * What the launches left behind, and where that is wrong or the case is small, what they leave
 * behind with the warps' turns reversed. Undefined where only the second order ends in a fault.
 */
function measureOrders(
  one: KernelCase,
  module: PtxModule,
  fields: readonly ArgumentField[],
  operations: readonly RecordedOperation[],
  prepared: PreparedCase,
  machine: Machine,
): Measurement | undefined {
  const output = outputOf(one, prepared, machine);
  const measurement = measure(one, prepared.inputs, output);
  const wrong = measurement.bad_count > 0;
  if (!wrong && one.rows * one.hidden_size > mostRunTwice) return measurement;
  const reversed = reverseOrder(one, module, fields, operations);
  if (wrong) {
    const depends = !reversed || !sameRows(one, output, reversed);
    return depends ? { ...measurement, diagnosis: scheduleDiagnosis } : measurement;
  }
  if (!reversed) return undefined;
  // Another order of atomics may change last places: only a wrong value is a fault.
  const again = measure(one, prepared.inputs, reversed);
  return again.bad_count > 0 ? { ...again, diagnosis: scheduleDiagnosis } : measurement;
}

/** Elements of a case that is executed in a second order of warps although its values are right. */
const mostRunTwice = 8192;

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

/** What the same launches leave behind with the warps' turns reversed; undefined after a fault. */
function reverseOrder(
  one: KernelCase,
  module: PtxModule,
  fields: readonly ArgumentField[],
  operations: readonly RecordedOperation[],
): Output | undefined {
  const machine = new Machine(module, {
    instruction_budget: budgetOf(one),
    warp_order: "reverse",
  });
  // Addresses repeat: the recorded parameters hold here too.
  const prepared = prepareCase(one, fields, machine);
  try {
    for (const operation of operations) perform(machine, operation);
  } catch (error) {
    if (error instanceof PtxFault || error instanceof HostMemoryFault) return undefined;
    throw error;
  }
  return outputOf(one, prepared, machine);
}

function sameRows(one: KernelCase, a: Output, b: Output): boolean {
  return Array.from({ length: one.rows }, (_, row) => rowStart(a.layout, row)).every(
    (first) => Buffer.compare(a.read(first, one.hidden_size), b.read(first, one.hidden_size)) === 0,
  );
}

/** 4096 thread-instructions an element: the slowest known honest kernel needs 80. */
function budgetOf(one: KernelCase): number {
  return 50_000_000 + 4096 * one.rows * one.hidden_size;
}

/** Does in the interpreter what the host code asked of the device; returns thread-instructions. */
function perform(machine: Machine, operation: RecordedOperation): number {
  if (operation.kind === "launch") return machine.launch(operation).thread_instructions;
  try {
    performOnMemory(machine, operation);
  } catch (error) {
    // The range is the host code's, so a wrong one is its fault.
    if (error instanceof RangeError) throw new HostMemoryFault(operation.kind, error.message);
    throw error;
  }
  return 0;
}

/** A memset, copy, allocation or free by the host code that the device's memory does not allow. */
class HostMemoryFault extends Error {
  override readonly name = "HostMemoryFault";

  constructor(kind: RecordedOperation["kind"], detail: string) {
    super(`the host code's ${kind} fails: ${detail}`);
  }
}

function performOnMemory(machine: Machine, operation: RecordedOperation): void {
  switch (operation.kind) {
    case "memset":
      for (const { offset, bytes } of pieces(operation.bytes)) {
        const address = operation.address + BigInt(offset);
        machine.write(address, new Uint8Array(bytes).fill(operation.value));
      }
      return;
    case "copy":
      for (const { offset, bytes } of pieces(operation.bytes)) {
        const read = machine.read(operation.from + BigInt(offset), bytes);
        machine.write(operation.to + BigInt(offset), read);
      }
      return;
    case "upload":
      machine.write(operation.to, operation.data);
      return;
    case "alloc":
      machine.alloc(operation.bytes, { label: "workspace", at: operation.address });
      return;
    case "free":
      machine.free(operation.address);
      return;
    default:
      // Everything runs in order on one device: synchronising changes nothing.
      return;
  }
}

/** Of a size that the host code chose, and that may be absurd: 1 MiB at a time. */
function* pieces(total: number): Generator<{ offset: number; bytes: number }> {
  const most = 1 << 20;
  for (let offset = 0; offset < total; offset += most) {
    yield { offset, bytes: Math.min(most, total - offset) };
  }
}

function summaryOf(launch: RecordedLaunch): LaunchSummary {
  const { kernel, grid, block, dynamic_shared_bytes } = launch;
  return { kernel, grid, block, dynamic_shared_bytes };
}

function faultOutcome(error: unknown, executed: Executed): CaseOutcome {
  if (error instanceof PtxFault && error.finding.kind === "unsupported") {
    return { state: "not_executed", message: error.message };
  }
  if (error instanceof HostMemoryFault) {
    return {
      state: "faulted",
      fault: { kind: "out_of_bounds", message: error.message },
      ...executed,
    };
  }
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
