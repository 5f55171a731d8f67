import { ToolError } from "../errors.ts";
import type { RecordedCall, Recorder } from "../record/recorder.ts";
import type { Recording } from "./execute.ts";
import type { CaseOutcome } from "./outcome.ts";

/** Each costs the whole time limit. */
const mostTimeOuts = 2;

/**
 * Records calls of one arch. A host-code failure is a finding about the candidate, not an error;
 * host code that has hung `mostTimeOuts` times is not called again.
 */
export function patientRecord(recorder: Pick<Recorder, "call">) {
  let timeOuts = 0;
  let last: Recording | undefined;
  return async (
    args: Uint8Array,
    known: (call: RecordedCall) => CaseOutcome | undefined,
  ): Promise<Recording> => {
    if (timeOuts >= mostTimeOuts && last) return last;
    try {
      const call = await recorder.call(args);
      const outcome = known(call);
      if (outcome) return { state: "known", outcome };
      const { result, result_name, operations } = call;
      return { state: "recorded", result, result_name, operations };
    } catch (error) {
      if (!(error instanceof ToolError) || error.code === "cancelled") throw error;
      const { code, message, hint } = error;
      if (code === "timed_out") timeOuts += 1;
      last = { state: "not_recorded", code, message, hint };
      return last;
    }
  };
}
