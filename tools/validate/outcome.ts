/** What the executors report about a case: measurements only. What they mean, verdict.ts decides. */

export interface LaunchSummary {
  kernel: string;
  grid: readonly number[];
  block: readonly number[];
  dynamic_shared_bytes: number;
}

/** Where the output is wrong, beyond the limits of accuracy.ts. */
export interface BadElement {
  row: number;
  column: number;
  expected: number;
  got: number;
  ulp: number;
  /** The element still holds the poison: nothing was written there. */
  not_written: boolean;
}

export interface Measurement {
  elements: number;
  max_ulp: number;
  beyond: number;
  bad_count: number;
  not_written_count: number;
  /** Elements that are the ordered reference rounded to the output dtype; both zeros are one. */
  exact_count: number;
  first_bad: BadElement | undefined;
  worst: BadElement | undefined;
  /** Where the bad elements lie, in words: "every row, columns 4088 to 4095". */
  pattern: string;
  /** What a wrong result looks like it was computed by; see diagnose.ts. */
  diagnosis: Diagnosis | undefined;
  /** Bytes between and around the rows that were overwritten. */
  canaries_broken: number;
  /** On a GPU: elements of inputs that were overwritten. The interpreter refuses such a write. */
  inputs_changed?: number;
  rstd_max_ulp: number;
  /** `layernorm`: in ulps of the mean magnitude. */
  mean_max_ulp: number;
  /** `add_rmsnorm`: elements of residual that are not the rounded sum. */
  residual_bad: number;
}

export interface Diagnosis {
  reason: string;
  /** One sentence that names the fault's nature. */
  nature: string;
  /** Other semantics that the values are right by: "weight_offset 1". */
  resembles?: string;
}

/** A finding of the executor, as text and data. */
export interface FaultReport {
  kind: string;
  message: string;
  source_file?: string | undefined;
  source_line?: number | undefined;
}

export interface Executed {
  launches: LaunchSummary[];
  thread_instructions: number;
  milliseconds: number;
  /** Of `milliseconds`: on the GPU, drawing and measuring included. */
  gpu_ms?: number;
  /** Names code, shapes and parameters of the launches; see launch-digest.ts. */
  launch_digest: string;
  /** Doubts that fail nothing: lanes of a warp that rely on running in step. */
  warnings?: FaultReport[];
}

/** For a fault of which only the fault is wanted. */
export const nothingExecuted: Executed = {
  launches: [],
  thread_instructions: 0,
  milliseconds: 0,
  launch_digest: "",
};

export type CaseOutcome =
  | ({ state: "measured"; measurement: Measurement; reused: boolean } & Executed)
  | ({ state: "faulted"; fault: FaultReport } & Executed)
  /** The entry point returned an error code. */
  | ({ state: "refused"; result_name: string } & Executed)
  /** The host code crashed, hung, or called what the stand-in runtime does not have. */
  | { state: "not_recorded"; code: string; message: string; hint: string; reason?: string }
  /** The interpreter does not know an instruction: no verdict on the kernel. */
  | { state: "not_executed"; message: string };
