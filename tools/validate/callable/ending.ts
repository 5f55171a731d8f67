import { renderDuration } from "../../text.ts";
import type { CallableEnding } from "../../worker/callable.ts";
import type { CaseOutcome } from "../outcome.ts";
import type { ReasonCode } from "../reasons.ts";

/** A process that gave no reply, as a case's outcome. `doing`: "the call". */
export function outcomeOfEnding(
  ending: CallableEnding,
  doing: string,
  timeLimitMs: number,
): Extract<CaseOutcome, { state: "not_recorded" }> & { reason: ReasonCode } {
  const { reason, says } = meaningOf(ending, doing, timeLimitMs);
  const printed = ending.output.trim().split("\n").at(-1)?.slice(0, 200);
  return {
    state: "not_recorded",
    code: "callable_ended",
    message: printed ? `${says}; it printed last: ${printed}` : says,
    hint: "Call the function in a Python process of your own with such tensors, and see how it ends.",
    reason,
  };
}

function meaningOf(
  { cause, exit_code, signal }: CallableEnding,
  doing: string,
  timeLimitMs: number,
): { reason: ReasonCode; says: string } {
  switch (cause) {
    case "timed_out": {
      const limit = renderDuration(timeLimitMs);
      return { reason: "endless_loop", says: `${doing} did not come back within ${limit}` };
    }
    case "forged":
      return {
        reason: "result_forged",
        says: `during ${doing} something was written to the judge's channel that is no reply`,
      };
    case "disconnected":
      return { reason: "result_forged", says: `during ${doing} the judge's channel was closed` };
    case "stopped":
      return { reason: "host_code_failed", says: `during ${doing} the process stopped itself` };
    case "out_of_memory":
      return {
        reason: "host_code_failed",
        says: `${doing} took more memory than a process is given, and was ended`,
      };
    case "flooded":
      return { reason: "host_code_failed", says: `${doing} printed without end, and was ended` };
    default: {
      const how = signal ? `by ${signal}` : `with exit code ${exit_code}`;
      return { reason: "host_code_failed", says: `during ${doing} the process ended ${how}` };
    }
  }
}
