import path from "node:path";
import { listed, shortened } from "../../text.ts";
import type { Warning } from "../../tool.ts";
import type { CallableTraces } from "../../worker/callable.ts";
import type { FaultReport } from "../outcome.ts";
import type { ReasonCode } from "../reasons.ts";

/** What a candidate did beside computing: a fault where it is its own doing, else warnings. */
export function judgeTraces(
  traces: CallableTraces,
  workspace: string,
): { fault: FaultReport | undefined; warnings: Warning[] } {
  const { changed = [], events = [], threads = [] } = traces;
  const found: { reason: ReasonCode; message: string }[] = [];
  const warnings: Warning[] = [];
  if (changed.length > 0) {
    const names = shortened(listed(changed), 200);
    found.push({ reason: "harness_tampered", message: `the candidate replaced ${names}` });
  }
  for (const event of events) {
    const { reason, message } = meaningOf(event);
    if (event.by_candidate) found.push({ reason, message });
    else warnings.push(ofLibrary(message));
  }
  for (const { name, file } of threads) {
    const message = `the thread ${name} still runs after the call has returned`;
    if (isOwn(file, workspace)) found.push({ reason: "harness_tampered", message });
    else warnings.push(ofLibrary(message));
  }
  // What was done to the judge says more than what else was touched.
  const worst = found.find(({ reason }) => reason === "harness_tampered") ?? found[0];
  return { fault: worst && { kind: worst.reason, message: worst.message }, warnings };
}

function meaningOf({ kind, what }: { kind: string; what: string }): {
  reason: ReasonCode;
  message: string;
} {
  switch (kind) {
    case "write":
      // Files outside of its folder are the judge's, the project's or the user's.
      return { reason: "harness_tampered", message: `the candidate writes to ${what}` };
    case "network":
      return {
        reason: "forbidden_access",
        message: `the candidate reaches for the network: ${what}`,
      };
    case "process":
      return { reason: "forbidden_access", message: `the candidate starts a process: ${what}` };
    case "thread":
      return {
        reason: "harness_tampered",
        message: `the candidate starts a thread past Python's threading: ${what}`,
      };
    case "signal":
      return { reason: "harness_tampered", message: `the candidate sends a signal: ${what}` };
    case "trace":
      return { reason: "harness_tampered", message: `the candidate traces other code: ${what}` };
    default:
      return {
        reason: "harness_tampered",
        message: `the candidate looks for other code's objects: ${what}`,
      };
  }
}

function ofLibrary(message: string): Warning {
  return {
    code: "library_side_effect",
    message: message.replace("the candidate", "a library of the candidate"),
    hint: "Look whether the function needs it: on a machine without a network and with other files it may fail.",
  };
}

function isOwn(file: string, workspace: string): boolean {
  const relative = path.relative(workspace, file);
  const outside = relative.startsWith("..") || path.isAbsolute(relative);
  return file !== "" && !outside && !relative.includes("site-packages");
}
