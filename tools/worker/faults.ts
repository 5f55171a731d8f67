import { ToolError } from "../errors.ts";
import type { Ending } from "./process.ts";
import type { WorkerFault } from "./protocol.ts";

/** A request other than `run` that the runner refused, or that ended it. */
export class WorkerFaultError extends Error {
  override readonly name = "WorkerFaultError";
  readonly fault: WorkerFault;

  constructor(fault: WorkerFault) {
    super(`${fault.kind}: ${fault.message}`);
    this.fault = fault;
  }
}

/**
 * The end of the runner as a fault of the request that was waiting. Throws ToolError `cancelled` or
 * `gpu_unavailable` where no kernel is to blame, and an Error of ours for a reply that does not fit.
 */
export function faultOfEnding(ending: Ending): WorkerFault {
  const printed = lastLines(ending.output);
  switch (ending.cause) {
    case "cancelled":
      throw cancelledError();
    case "not_started":
      throw unavailableError(`Python could not be started: ${ending.output}.`);
    case "broken_reply":
      throw new Error(`gpu_worker replied what was not asked: ${ending.output}`);
    default:
      if (!ending.begun) return fault("not_run", "an earlier request ended the runner");
  }
  switch (ending.cause) {
    case "timed_out":
      return fault("timed_out", "the runner did not answer in time and was ended");
    case "out_of_memory":
      return fault("runner_failed", "the runner took more host memory than its limit");
    case "disconnected":
      return fault("runner_failed", `the runner closed its reply descriptor${printed}`);
    default:
      return fault("runner_failed", `the runner was ended by ${endedBy(ending)}${printed}`);
  }
}

export function cancelledError(): ToolError {
  return new ToolError(
    "cancelled",
    "Cancelled while the GPU was in use; its process was ended.",
    "Make the same call again.",
  );
}

export function unavailableError(what: string): ToolError {
  return new ToolError(
    "gpu_unavailable",
    `The GPU cannot be used: ${what}`,
    "Run inspect_gpu and act on its warnings, or make the same call without a GPU: the compiled code is then executed and checked on this machine.",
  );
}

export function unhealthyError(what: string): ToolError {
  return new ToolError(
    "gpu_unhealthy",
    `The GPU failed its health probe: ${what}`,
    "Run nvidia-smi -q -d ECC,ROW_REMAPPER and look for errors, use another GPU or restart this one, then make the same call again.",
  );
}

function fault(kind: WorkerFault["kind"], message: string): WorkerFault {
  return { kind, step: null, message, exits: true };
}

function endedBy(ending: Ending): string {
  return ending.signal ?? `itself with exit code ${ending.exit_code}`;
}

function lastLines(output: string): string {
  const lines = output
    .split("\n")
    .filter((line) => line.trim())
    .slice(-3)
    .map((line) => line.slice(0, 300));
  return lines.length > 0 ? `; its last output: ${lines.join(" | ")}` : "";
}
