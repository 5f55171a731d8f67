import { ToolError } from "../errors.ts";
import { listed, renderDuration } from "../text.ts";
import type { ReasonCode } from "../validate/reasons.ts";
import type { Ending, ForbiddenCall } from "./process.ts";

/**
 * Host code that could not be recorded. `reason` is why the kernel is to be rejected; without one it
 * is the recorder that is not able to, and nothing is said of the kernel.
 */
export class RecordingFailure extends ToolError {
  readonly reason: ReasonCode | undefined;

  constructor(
    code: "recording_failed" | "timed_out",
    reason: ReasonCode | undefined,
    message: string,
    hint: string,
    options?: ErrorOptions,
  ) {
    super(code, message, hint, options);
    this.reason = reason;
  }
}

/** What a message about a failed call may name. */
export interface FailureContext {
  entry: string;
  timeoutMs: number;
  /** CUDA functions that the library wants and the stand-in has not. */
  missing: readonly string[];
  /** The library's constructors ran, not the entry point. */
  loading?: boolean;
}

const rebuild = "change the host code, then run build_kernel and make the same call again";

/** A process that ended without a reply, as an error that says why. */
export function endingError(ending: Ending, context: FailureContext): ToolError {
  const printed = lastLines(ending.output);
  const who = hostCode(context);
  switch (ending.cause) {
    case "cancelled":
      return new ToolError(
        "cancelled",
        "Cancelled while the host code was recorded; its process was ended.",
        "Make the same call again.",
      );
    case "timed_out":
      return new RecordingFailure(
        "timed_out",
        "host_code_failed",
        `${who} did not return within ${renderDuration(context.timeoutMs)} and was ended.${printed}`,
        `Look for a loop that does not end or for a wait on the device in ${context.entry}; ${rebuild}.`,
      );
    case "forged":
      return failed(
        "result_forged",
        `${who} wrote to the recorder's own descriptor.${printed}`,
        `Remove what writes to descriptors that it did not open; ${rebuild}.`,
      );
    case "disconnected":
      return descriptorClosed(who, printed);
    case "not_started":
      return failed(
        undefined,
        `The stand-in for the CUDA runtime could not be started.${printed}`,
        "See that programs may run from the user's cache folder (set XDG_CACHE_HOME to one on a file system without noexec), then make the same call again.",
      );
    case "exited":
      return exitError(ending, context, printed);
  }
}

/** Numbered as in stand_in/stand_in.h. */
const refusalReasons: Readonly<Record<number, ReasonCode>> = {
  1: "host_code_failed",
  2: "wrong_stream",
  3: "not_capturable",
  4: "result_forged",
};

/** What the stand-in itself refused, in its words; `why` is its number for whose fault that is. */
export function refusalError(why: number, text: string): RecordingFailure {
  const symbol = /undefined symbol: ([^\s,]+)/u.exec(text)?.[1];
  if (symbol) return missingSymbol(symbol);
  return failed(
    refusalReasons[why],
    sentence(text),
    `Keep the entry point to checks, launches and stream-ordered work; ${rebuild}.`,
  );
}

/** A reply with the right nonce and a broken record: only the host code can have made it. */
export function unreadableRecord(cause: Error): RecordingFailure {
  return failed(
    "result_forged",
    `The record of the call cannot be read: ${cause.message}.`,
    `Remove what writes to memory or descriptors that are not its own; ${rebuild}.`,
    { cause },
  );
}

function exitError(ending: Ending, context: FailureContext, printed: string): RecordingFailure {
  const who = hostCode(context);
  if (ending.forbidden) return forbiddenError(ending.forbidden, who);
  const symbol = /symbol lookup error: .*undefined symbol: ([^\s,]+)/u.exec(ending.output)?.[1];
  if (symbol) return missingSymbol(symbol);
  if (ending.signal) return signalError(ending, who, printed);
  if (ending.exit_code === exitCodes.symbolLookup && context.missing.length > 0) {
    return failed(
      context.missing.every(isLibraryFunction) ? "library_call" : undefined,
      `The host code called a runtime function that the stand-in runtime does not provide: ${context.missing.length > 1 ? "one of " : ""}${listed(context.missing)}.`,
      `Remove that call from the host code; ${rebuild}.`,
    );
  }
  if (ending.exit_code === exitCodes.descriptorLost) return descriptorClosed(who, "");
  if (ending.exit_code === exitCodes.outOfMemory) {
    return failed(
      "host_code_failed",
      `${who} left no memory: its process may have 4 GiB of address space.${printed}`,
      `Allocate on the device, stream-ordered, what the kernel needs; ${rebuild}.`,
    );
  }
  return failed(
    "host_code_failed",
    `${who} ended its process with exit code ${ending.exit_code} instead of returning.${printed}`,
    `Return a cudaError_t instead of calling exit; ${rebuild}.`,
  );
}

/** Of the dynamic loader, and of stand_in/protocol.c. */
const exitCodes = { symbolLookup: 127, descriptorLost: 97, outOfMemory: 98 };

function descriptorClosed(who: string, printed: string): RecordingFailure {
  return failed(
    "result_forged",
    `${who} closed the recorder's own descriptor.${printed}`,
    `Remove what closes descriptors that it did not open; ${rebuild}.`,
  );
}

function forbiddenError(call: ForbiddenCall, who: string): RecordingFailure {
  const path = call.path ? ` ${JSON.stringify(call.path)}` : "";
  const did = {
    opens_file: `opened the file${path || " of a name that cannot be read"}`,
    changes_files: `changed files${path && `:${path}`}`,
    network: "reached for the network",
    processes: path ? `started the program${path}` : "reached for other processes",
    stops_itself: "stopped its own process",
  }[call.what];
  return failed(
    call.what === "stops_itself" ? "host_code_failed" : "forbidden_access",
    `${who} ${did} (system call ${call.system_call}).`,
    `The entry point checks its arguments and launches kernels, nothing else: remove that; ${rebuild}.`,
  );
}

/** Libraries whose work is not the candidate's own; a C++ function of torch is known by its namespace. */
export function isLibraryFunction(symbol: string): boolean {
  return (
    /^(cublas|cudnn|cufft|cusparse|cusolver|curand|cutensor|nvrtc|nccl|aoti_torch_|torch_)/u.test(
      symbol,
    ) || /^_ZNK?(?:St\w*)?(?:2at|3c10|5torch)/u.test(symbol)
  );
}

function missingSymbol(symbol: string): RecordingFailure {
  if (isLibraryFunction(symbol)) {
    return failed(
      "library_call",
      `The host code called ${symbol}, a library's function, in place of a kernel of its own.`,
      `Compute it in a kernel of the candidate; ${rebuild}.`,
    );
  }
  if (/^(__)?cu/u.test(symbol)) {
    return failed(
      undefined,
      `The host code called ${symbol}, which the stand-in runtime does not provide.`,
      `Remove the call of ${symbol} from the host code: the entry point may launch kernels, ask for device, function and occupancy facts, and use stream-ordered memory; ${rebuild}.`,
    );
  }
  return failed(
    undefined,
    `The library needs the symbol ${symbol}, which nothing that it is linked with provides.`,
    `Define ${symbol} or link the library that has it; ${rebuild}.`,
  );
}

function signalError(ending: Ending, who: string, printed: string): RecordingFailure {
  const where =
    ending.fault_address === undefined
      ? ""
      : ` at the address 0x${ending.fault_address.toString(16)}`;
  if (ending.signal === "SIGSYS") {
    return failed(
      "forbidden_access",
      `${who} made a system call that is forbidden to it, with all signals blocked, as system() and posix_spawn() do to start a program.${printed}`,
      `The entry point checks its arguments and launches kernels, nothing else; ${rebuild}.`,
    );
  }
  if (ending.signal === "SIGSEGV" || ending.signal === "SIGBUS") {
    const likely =
      ending.fault_address !== undefined && ending.fault_address < 4096n
        ? "a null pointer: host memory is limited to 4 GiB, and an allocation may have failed"
        : "it may dereference a device pointer: pointers are device addresses";
    return failed(
      "host_code_failed",
      `${who} crashed with ${ending.signal}${where}; ${likely}.${printed}`,
      `Read and write tensors in kernels only, and fields of the argument struct only within its size; ${rebuild}.`,
    );
  }
  return failed(
    "host_code_failed",
    `${who} was ended by ${ending.signal ?? "a signal"}${where}.${printed}`,
    `Return a cudaError_t instead of aborting; ${rebuild}.`,
  );
}

function hostCode({ entry, loading }: FailureContext): string {
  return loading
    ? "The library's own code that runs while it is loaded"
    : `The host code of ${entry}`;
}

function failed(
  reason: ReasonCode | undefined,
  message: string,
  hint: string,
  options?: ErrorOptions,
): RecordingFailure {
  return new RecordingFailure("recording_failed", reason, message, hint, options);
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
