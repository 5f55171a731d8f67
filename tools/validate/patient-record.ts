import { ToolError } from "../errors.ts";
import { RecordingFailure } from "../record/failures.ts";
import { callStream, type RecordedCall, type Recorder } from "../record/recorder.ts";
import type { CaseOutcome } from "./outcome.ts";
import type { Kept, Recording } from "./recording.ts";

/** Each costs the whole time limit. */
const mostTimeOuts = 2;

/**
 * Records calls of one arch. A host-code failure is a finding about the candidate, not an error;
 * host code that has hung `mostTimeOuts` times is not called again. Where it is given no stream, the
 * default stream is the one that it must work on.
 */
export function patientRecord(recorder: Pick<Recorder, "call">, takesStream = true) {
  let timeOuts = 0;
  let last: Recording | undefined;
  const kept = new Map<bigint, Kept>();
  return async (
    args: Uint8Array,
    known: (call: RecordedCall) => CaseOutcome | undefined,
  ): Promise<Recording> => {
    if (timeOuts >= mostTimeOuts && last) return last;
    try {
      const recorded = await recorder.call(args);
      const call = takesStream ? recorded : onGivenStream(recorded);
      const before = [...kept.values()].map((one) => ({ ...one, writes: [...one.writes] }));
      keep(kept, call);
      const outcome = known(call);
      if (outcome) return { state: "known", outcome };
      const { result, result_name } = call;
      return {
        state: "recorded",
        result,
        result_name,
        operations: call.operations,
        kept: before,
      };
    } catch (error) {
      if (!(error instanceof ToolError) || error.code === "cancelled") throw error;
      const { code, message, hint } = error;
      if (code === "timed_out") timeOuts += 1;
      // The next call starts in a fresh process, which has allocated nothing.
      kept.clear();
      const reason = error instanceof RecordingFailure ? error.reason : undefined;
      last = { state: "not_recorded", code, message, hint, ...(reason && { reason }) };
      return last;
    }
  };
}

function onGivenStream(call: RecordedCall): RecordedCall {
  const moved = <Item extends object>(item: Item): Item =>
    "stream" in item && item.stream === 0n ? { ...item, stream: callStream } : item;
  return { ...call, launches: call.launches.map(moved), operations: call.operations.map(moved) };
}

function keep(kept: Map<bigint, Kept>, { operations }: RecordedCall): void {
  for (const operation of operations) {
    if (operation.kind === "alloc") {
      const { address, bytes } = operation;
      kept.set(address, { address, bytes, writes: [] });
    }
    if (operation.kind === "free") kept.delete(operation.address);
    if (operation.kind === "memset" || operation.kind === "upload") {
      const at = operation.kind === "memset" ? operation.address : operation.to;
      const whole = [...kept.values()].find((one) => at >= one.address && at < endOf(one));
      // The same write in every call is one.
      const isKnown = whole?.writes.some((one) => text(one) === text(operation));
      if (whole && !isKnown && whole.writes.length < mostWrites) whole.writes.push(operation);
    }
  }
}

/** Of one allocation: who writes more often than that does not initialise it. */
const mostWrites = 16;

function endOf({ address, bytes }: Kept): bigint {
  return address + BigInt(bytes);
}

function text(operation: Kept["writes"][number]): string {
  return JSON.stringify(operation, (_, value) =>
    typeof value === "bigint" ? String(value) : value,
  );
}
