import {
  type AccuracyPool,
  accuracyLimits,
  rstdMaxUlp,
  tooManyBeyond,
} from "../kernel/accuracy.ts";
import { caseName, type KernelCase } from "../kernel/cases.ts";
import { isOrdinary } from "../kernel/inputs.ts";
import type { CaseOutcome, FaultReport, Measurement } from "./outcome.ts";
import { type ReasonCode, reasons } from "./reasons.ts";
import type { Check } from "./work.ts";

/** One case that speaks against the kernel. */
export interface Failure {
  reason: ReasonCode;
  /** What is wrong here, with values. */
  detail: string;
  case_name: string;
  case_index: number;
  /** The case's inputs hold infinities, NaN, subnormals or huge values. */
  special_inputs: boolean;
  arch: string;
  first_bad?: { row: number; column: number; expected: string; got: string; ulp: number };
  /** Of the case's worst element. */
  max_ulp?: number;
  pattern?: string;
  source?: string;
}

export interface ExecutedCase {
  arch: string;
  index: number;
  one: KernelCase;
  /** What was asked; left out: `values`. */
  check?: Check;
  /** Where; left out: in the interpreter. */
  on?: "gpu" | "interpreter";
  /** Of the GPU: what of the build ran there. */
  code?: "cubin" | "ptx_jit" | undefined;
  outcome: CaseOutcome;
  /** Taken from an earlier run of the same build. */
  cached: boolean;
}

/** What speaks against the kernel in one case, by itself; undefined where nothing does. */
export function failureOf(item: ExecutedCase): Failure | undefined {
  const { outcome, one } = item;
  if (outcome.state === "not_recorded") {
    // Without a reason it is we who could not record it.
    if (outcome.reason === undefined) return undefined;
    return describe(item, reasonOf(outcome.reason), outcome.message);
  }
  if (outcome.state === "refused") {
    const said = `returned ${outcome.result_name}`;
    return describe(item, "returned_error", `the entry point ${said} for a supported case`);
  }
  if (outcome.state === "faulted") return faultFailure(item, outcome.fault);
  if (outcome.state !== "measured") return undefined;
  const empty = one.rows * one.hidden_size === 0;
  if (!empty && outcome.launches.length === 0) {
    return describe(item, "no_launch", "the entry point returned success and launched nothing");
  }
  return measuredFailure(item, outcome.measurement);
}

function measuredFailure(item: ExecutedCase, measured: Measurement): Failure | undefined {
  const { one } = item;
  const wrong = wrongIn(one, measured);
  if (wrong) return describe(item, wrong.reason, wrong.detail);
  if (measured.bad_count > 0) return wrongValues(item, measured);
  const alone = { ...one, ...measured };
  return tooManyBeyond(alone) ? inaccurate(alone, [item]) : undefined;
}

/** What is wrong besides the output's values: gaps and inputs, and the other outputs where the values are right. */
export function wrongIn(
  one: KernelCase,
  measured: Measurement,
): { reason: ReasonCode; detail: string } | undefined {
  // Rows at wrong addresses, or of a wider dtype, overwrite the gaps: the cause tells more.
  const { reason } = measured.diagnosis ?? {};
  const misplaced =
    measured.bad_count > 0 && (reason === "strides_ignored" || reason === "dtype_misread");
  if (measured.canaries_broken > 0 && !misplaced) {
    const detail = `${measured.canaries_broken} bytes outside of the output rows were overwritten`;
    return { reason: "canary_overwritten", detail };
  }
  if (measured.inputs_changed) {
    const detail = `${measured.inputs_changed} elements of the inputs were overwritten`;
    return { reason: "input_modified", detail };
  }
  if (measured.bad_count > 0) return undefined;
  const limit = rstdMaxUlp(one);
  if (measured.rstd_max_ulp > limit) {
    const detail = `rstd is off by ${round(measured.rstd_max_ulp)} ulp (limit ${limit})`;
    return { reason: "rstd_wrong", detail };
  }
  if (measured.mean_max_ulp > limit) {
    const detail = `mean is off by ${round(measured.mean_max_ulp)} ulp (limit ${limit})`;
    return { reason: "mean_wrong", detail };
  }
  if (measured.residual_bad === 0) return undefined;
  const detail = `${measured.residual_bad} elements of residual are not x + residual`;
  return { reason: "residual_wrong", detail };
}

/** What rows read or written at a wrapped offset look like. */
const offsetSymptoms = [
  "wrong_values",
  "not_written",
  "rows_not_written",
  "tail_not_written",
  "special_values",
  "incomplete_sum",
];

/** Offsets of its elements pass 2^31. */
function isFar({ layout, rows, hidden_size }: KernelCase): boolean {
  return layout === "far_strided" || rows * hidden_size > 2 ** 31;
}

function wrongValues(item: ExecutedCase, measured: Measurement): Failure {
  const { first_bad: bad, diagnosis } = measured;
  const named = diagnosis && !offsetSymptoms.includes(diagnosis.reason);
  const far = isFar(item.one) && !named;
  const reason = far ? "offset_32_bit" : ((diagnosis?.reason ?? "wrong_values") as ReasonCode);
  const nature = far
    ? "rows past 2^31 elements are wrong: an offset is computed in 32 bits"
    : (diagnosis?.nature ?? reasons.wrong_values.means);
  const far_off = Number.isFinite(measured.max_ulp)
    ? `, by up to ${round(measured.max_ulp)} ulp`
    : "";
  const detail = `${nature}; ${measured.bad_count} of ${measured.elements} elements are wrong${far_off}`;
  const failure = describe(item, reason, detail);
  failure.pattern = measured.pattern;
  failure.max_ulp = round(measured.max_ulp);
  if (bad) {
    failure.first_bad = {
      row: bad.row,
      column: bad.column,
      expected: shown(bad.expected),
      got: bad.not_written ? "never written" : shown(bad.got),
      ulp: round(bad.ulp),
    };
  }
  return failure;
}

/** Fault kinds of the executors that are not named as a reason is. */
const faultReasons: Record<string, ReasonCode> = {
  read_only_write: "input_modified",
  instruction_budget: "endless_loop",
  timed_out: "endless_loop",
  trap: "trapped",
  launch_refused: "launch_error_swallowed",
  bad_launch: "launch_error_swallowed",
  launch_failed: "launch_error_swallowed",
  illegal_address: "out_of_bounds",
  misaligned_address: "misaligned",
  uninitialised_shared: "uninitialised_read",
  uninitialised_local: "uninitialised_read",
  uninitialised_global: "uninitialised_read",
  first_call_wrong: "later_calls_wrong",
  inaccurate_call: "wrong_values",
  intra_warp_race: "shared_race",
};

/** A fault kind of the interpreter, the GPU runner, the host code or the sanitizers. */
export function reasonOf(kind: string): ReasonCode {
  if (kind in reasons) return kind as ReasonCode;
  return faultReasons[kind] ?? "trapped";
}

function faultFailure(item: ExecutedCase, fault: FaultReport): Failure {
  const known = reasonOf(fault.kind);
  // Offsets are small everywhere else: what only goes wrong past 2^31 elements has wrapped.
  const wrapped = isFar(item.one) && ["out_of_bounds", "uninitialised_read"].includes(known);
  const failure = describe(item, wrapped ? "offset_32_bit" : known, fault.message);
  if (fault.source_file) failure.source = `${fault.source_file}:${fault.source_line ?? 0}`;
  return failure;
}

/** The members as a whole are off: shown by the one with the largest share, and what it looks like. */
export function inaccurate(pool: AccuracyPool, members: readonly ExecutedCase[]): Failure {
  const share = ({ outcome }: ExecutedCase) =>
    outcome.state === "measured" ? outcome.measurement.beyond / outcome.measurement.elements : 0;
  const worst = members.reduce((a, b) => (share(b) > share(a) ? b : a));
  const diagnosis =
    worst.outcome.state === "measured" ? worst.outcome.measurement.diagnosis : undefined;
  const limits = accuracyLimits(pool);
  const found = `${percent(pool.beyond / pool.elements)} of ${pool.elements} elements are further than ${limits.ordered_ulp} ulp from the reference (limit ${percent(limits.max_fraction_beyond)})`;
  const known = diagnosis && diagnosis.reason !== "wrong_values" ? diagnosis : undefined;
  return describe(
    worst,
    (known?.reason as ReasonCode | undefined) ?? "too_inaccurate",
    known ? `${known.nature}; ${found}` : found,
  );
}

function describe(item: ExecutedCase, reason: ReasonCode, detail: string): Failure {
  return {
    reason,
    detail,
    case_name: caseName(item.one),
    case_index: item.index,
    special_inputs: !isOrdinary(item.one.inputs),
    arch: item.arch,
  };
}

function shown(value: number): string {
  return Object.is(value, -0) ? "-0" : String(Number(value.toPrecision(9)));
}

function round(value: number): number {
  return Math.min(Number(value.toPrecision(4)), Number.MAX_SAFE_INTEGER);
}

function percent(share: number): string {
  return `${Number((share * 100).toPrecision(2))} %`;
}
