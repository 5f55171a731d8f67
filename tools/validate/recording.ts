import type { RecordedOperation } from "../record/recorder.ts";
import type { CaseOutcome } from "./outcome.ts";

/** What the host code did with a case's arguments. */
export interface Recorded {
  state: "recorded";
  result: number;
  result_name: string;
  operations: RecordedOperation[];
  /** What earlier calls allocated and did not free, with what they wrote there: launches may use it still. */
  kept: Kept[];
}

export interface Kept {
  address: bigint;
  bytes: number;
  writes: Extract<RecordedOperation, { kind: "memset" | "upload" }>[];
}

/** What the host code did with a case's arguments, or why that is not known. */
export type Recording =
  | Recorded
  /** `reason`: a finding about the candidate. Without: it could not be recorded, and no verdict. */
  | { state: "not_recorded"; code: string; message: string; hint: string; reason?: string }
  /** These very launches of the same code were executed already: take that outcome. */
  | { state: "known"; outcome: CaseOutcome };
