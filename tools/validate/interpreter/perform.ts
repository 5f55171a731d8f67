import { type Machine, PtxError, PtxFault } from "../../ptx/index.ts";
import type { RecordedOperation } from "../../record/recorder.ts";
import type { CaseOutcome, Executed } from "../outcome.ts";
import type { Kept, Recorded } from "../recording.ts";

/** Does in the interpreter what the host code asked of the device; returns thread-instructions. */
export function perform(machine: Machine, { operations, kept }: Recorded): number {
  for (const allocation of kept) restore(machine, allocation);
  return operations.reduce((sum, operation) => sum + performOne(machine, operation), 0);
}

/** The outcome of a case whose `perform` threw. Throws on what is our own mistake. */
export function faultOutcome(error: unknown, executed: Executed): CaseOutcome {
  if (error instanceof PtxError) return { state: "not_executed", message: error.message };
  if (error instanceof HostMemoryFault) {
    const fault = { kind: "out_of_bounds", message: error.message };
    return { state: "faulted", fault, ...executed };
  }
  if (!(error instanceof PtxFault)) throw error;
  const { kind, source_file, source_line } = error.finding;
  if (kind === "unsupported") return { state: "not_executed", message: error.message };
  const fault = { kind, message: error.message, source_file, source_line };
  return { state: "faulted", fault, ...executed };
}

/** In a machine that lives from call to call it is there already, with what the calls made of it. */
function restore(machine: Machine, { address, bytes, writes }: Kept): void {
  try {
    machine.alloc(bytes, { label: "workspace", at: address });
  } catch (error) {
    if (error instanceof RangeError) return;
    throw error;
  }
  for (const write of writes) performOnMemory(machine, write);
}

function performOne(machine: Machine, operation: RecordedOperation): number {
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
