import { ToolError } from "../errors.ts";
import { listed, renderDuration } from "../text.ts";
import type { Ending } from "./process.ts";

/** What a message about a failed call may name. */
export interface FailureContext {
  entry: string;
  timeoutMs: number;
  /** CUDA functions that the library wants and the stand-in has not. */
  missing: readonly string[];
}

const rebuild = "change the host code, then run build_kernel and make the same call again";

/** A process that ended without a reply, as an error that says why. */
export function endingError(ending: Ending, context: FailureContext): ToolError {
  const printed = lastLines(ending.output);
  switch (ending.cause) {
    case "cancelled":
      return new ToolError(
        "cancelled",
        "Cancelled while the host code was recorded; its process was ended.",
        "Make the same call again.",
      );
    case "timed_out":
      return new ToolError(
        "timed_out",
        `The host code of ${context.entry} did not return within ${renderDuration(context.timeoutMs)} and was ended.${printed}`,
        `Look for a loop that does not end or for a wait on the device in ${context.entry}; ${rebuild}.`,
      );
    case "forged":
      return failed(
        `The host code of ${context.entry} wrote to the recorder's own descriptor.${printed}`,
        `Remove what writes to descriptors that it did not open; ${rebuild}.`,
      );
    case "disconnected":
      return failed(
        `The host code of ${context.entry} closed the recorder's own descriptor.${printed}`,
        `Remove what closes descriptors that it did not open; ${rebuild}.`,
      );
    case "not_started":
      return failed(
        `The stand-in for the CUDA runtime could not be started.${printed}`,
        "See that programs may run from the user's cache folder (set XDG_CACHE_HOME to one on a file system without noexec), then make the same call again.",
      );
    case "exited":
      return exitError(ending, context, printed);
  }
}

/** What the stand-in itself refused, in its words. */
export function refusalError(text: string): ToolError {
  const symbol = /undefined symbol: ([^\s,]+)/u.exec(text)?.[1];
  if (symbol) return missingSymbol(symbol);
  return failed(
    sentence(text),
    `Keep the entry point to checks, launches and stream-ordered work; ${rebuild}.`,
  );
}

function exitError(ending: Ending, context: FailureContext, printed: string): ToolError {
  const symbol = /symbol lookup error: .*undefined symbol: ([^\s,]+)/u.exec(ending.output)?.[1];
  if (symbol) return missingSymbol(symbol);
  if (ending.signal) return signalError(ending, context, printed);
  if (ending.exit_code === exitCodes.symbolLookup && context.missing.length > 0) {
    return failed(
      `The host code called a runtime function that the stand-in runtime does not provide: ${context.missing.length > 1 ? "one of " : ""}${listed(context.missing)}.`,
      `Remove that call from the host code; ${rebuild}.`,
    );
  }
  if (ending.exit_code === exitCodes.descriptorLost) {
    return failed(
      `The host code of ${context.entry} closed the recorder's own descriptor.`,
      `Remove what closes descriptors that it did not open; ${rebuild}.`,
    );
  }
  return failed(
    `The host code of ${context.entry} ended its process with exit code ${ending.exit_code} instead of returning.${printed}`,
    `Return a cudaError_t instead of calling exit; ${rebuild}.`,
  );
}

/** Of the dynamic loader, and of stand_in/protocol.c. */
const exitCodes = { symbolLookup: 127, descriptorLost: 97 };

function missingSymbol(symbol: string): ToolError {
  if (/^(__)?cu/u.test(symbol)) {
    return failed(
      `The host code called ${symbol}, which the stand-in runtime does not provide.`,
      `Remove the call of ${symbol} from the host code: the entry point may launch kernels, ask for device, function and occupancy facts, and use stream-ordered memory; ${rebuild}.`,
    );
  }
  return failed(
    `The library needs the symbol ${symbol}, which nothing that it is linked with provides.`,
    `Define ${symbol} or link the library that has it; ${rebuild}.`,
  );
}

function signalError(ending: Ending, context: FailureContext, printed: string): ToolError {
  const where =
    ending.fault_address === undefined
      ? ""
      : ` at the address 0x${ending.fault_address.toString(16)}`;
  if (ending.signal === "SIGSEGV" || ending.signal === "SIGBUS") {
    return failed(
      `The host code of ${context.entry} crashed with ${ending.signal}${where}; it may dereference a device pointer: pointers are device addresses.${printed}`,
      `Read and write tensors in kernels only, and fields of the argument struct only within its size; ${rebuild}.`,
    );
  }
  return failed(
    `The host code of ${context.entry} was ended by ${ending.signal ?? "a signal"}${where}.${printed}`,
    `Return a cudaError_t instead of aborting; ${rebuild}.`,
  );
}

function failed(message: string, hint: string): ToolError {
  return new ToolError("recording_failed", message, hint);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}

function lastLines(output: string): string {
  const lines = output
    .split("\n")
    .filter((line) => line.trim())
    .slice(-5)
    .map((line) => line.slice(0, 300));
  return lines.length > 0 ? `\nIts last output:\n${lines.join("\n")}` : "";
}
