import {
  type AccuracyPool,
  accuracyLimits,
  poolKey,
  rstdMaxUlp,
  tooManyBeyond,
} from "../kernel/accuracy.ts";
import { caseName, type KernelCase } from "../kernel/cases.ts";
import type { CaseOutcome, FaultReport, Measurement } from "./outcome.ts";
import { type ReasonCode, reasons } from "./reasons.ts";

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
  pattern?: string;
  source?: string;
}

export interface ExecutedCase {
  arch: string;
  index: number;
  one: KernelCase;
  outcome: CaseOutcome;
  /** Taken from an earlier run of the same build. */
  cached: boolean;
}

export interface Judgement {
  failures: Failure[];
  pools: AccuracyPool[];
  /** Cases without a verdict, with the reason: never counted as passed. */
  not_checked: { case_name: string; arch: string; why: string }[];
}

/** What the measurements mean. Worst cases first. */
export function judge(executed: readonly ExecutedCase[]): Judgement {
  const failures: Failure[] = [];
  const not_checked: Judgement["not_checked"] = [];
  const pools = new Map<string, { pool: AccuracyPool; members: ExecutedCase[] }>();
  for (const item of executed) {
    const { outcome } = item;
    if (outcome.state === "not_executed") {
      not_checked.push({ case_name: caseName(item.one), arch: item.arch, why: outcome.message });
      continue;
    }
    const failure = failureOf(item);
    if (failure) failures.push(failure);
    if (outcome.state === "measured") addToPool(pools, item, outcome.measurement);
  }
  for (const { pool, members } of pools.values()) {
    if (tooManyBeyond(pool)) failures.push(inaccurate(pool, members));
  }
  const judged = [...pools.values()].map(({ pool }) => pool);
  return {
    failures: failures.sort(bySeverity(countByReason(failures))),
    pools: judged,
    not_checked,
  };
}

function failureOf(item: ExecutedCase): Failure | undefined {
  const { outcome, one } = item;
  if (outcome.state === "not_recorded") return describe(item, "host_code_failed", outcome.message);
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
  if (measured.canaries_broken > 0) {
    const detail = `${measured.canaries_broken} bytes outside of the output rows were overwritten`;
    return describe(item, "canary_overwritten", detail);
  }
  if (measured.bad_count > 0) return wrongValues(item, measured);
  const rstdLimit = rstdMaxUlp(one);
  if (measured.rstd_max_ulp > rstdLimit) {
    const detail = `rstd is off by ${round(measured.rstd_max_ulp)} ulp (limit ${rstdLimit})`;
    return describe(item, "rstd_wrong", detail);
  }
  if (measured.residual_bad > 0) {
    const detail = `${measured.residual_bad} elements of residual are not x + residual`;
    return describe(item, "residual_wrong", detail);
  }
  const limits = accuracyLimits(one);
  return measured.max_ulp > limits.max_ulp ? wrongValues(item, measured) : undefined;
}

/** What rows read or written at a wrapped offset look like. */
const offsetSymptoms = [
  "wrong_values",
  "not_written",
  "tail_not_written",
  "special_values",
  "incomplete_sum",
];

function wrongValues(item: ExecutedCase, measured: Measurement): Failure {
  const { first_bad: bad, diagnosis } = measured;
  const named = diagnosis && !offsetSymptoms.includes(diagnosis.reason);
  const far = item.one.layout === "far_strided" && !named;
  const reason = far ? "offset_32_bit" : ((diagnosis?.reason ?? "wrong_values") as ReasonCode);
  const nature = far
    ? "rows past 2^31 elements are wrong: an offset is computed in 32 bits"
    : (diagnosis?.nature ?? reasons.wrong_values.means);
  const detail = `${nature}; ${measured.bad_count} of ${measured.elements} elements are wrong, by up to ${round(measured.max_ulp)} ulp`;
  const failure = describe(item, reason, detail);
  failure.pattern = measured.pattern;
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

const faultReasons: Record<string, ReasonCode> = {
  out_of_bounds: "out_of_bounds",
  misaligned: "misaligned",
  read_only_write: "input_modified",
  deadlock: "deadlock",
  missing_lanes: "deadlock",
  instruction_budget: "endless_loop",
  trap: "trapped",
  launch_refused: "launch_error_swallowed",
};

function faultFailure(item: ExecutedCase, fault: FaultReport): Failure {
  const known = faultReasons[fault.kind] ?? "trapped";
  // Offsets are small everywhere else: what only goes wrong past 2^31 elements has wrapped.
  const wrapped = item.one.layout === "far_strided" && known === "out_of_bounds";
  const failure = describe(item, wrapped ? "offset_32_bit" : known, fault.message);
  if (fault.source_file) failure.source = `${fault.source_file}:${fault.source_line ?? 0}`;
  return failure;
}

/** The pool as a whole is off: shown by the member with the largest share, and what it looks like. */
function inaccurate(pool: AccuracyPool, members: readonly ExecutedCase[]): Failure {
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
    special_inputs: !item.one.inputs.startsWith("std_"),
    arch: item.arch,
  };
}

function addToPool(
  pools: Map<string, { pool: AccuracyPool; members: ExecutedCase[] }>,
  item: ExecutedCase,
  measured: Measurement,
): void {
  const { one } = item;
  if (measured.elements === 0) return;
  const key = poolKey(one);
  const entry = pools.get(key) ?? {
    pool: {
      operator: one.operator,
      dtype: one.dtype,
      out_dtype: one.out_dtype,
      rounding: one.rounding,
      weight: one.weight,
      elements: 0,
      max_ulp: 0,
      beyond: 0,
    },
    members: [],
  };
  entry.pool.elements += measured.elements;
  entry.pool.max_ulp = Math.max(entry.pool.max_ulp, measured.max_ulp);
  entry.pool.beyond += measured.beyond;
  entry.members.push(item);
  pools.set(key, entry);
}

/** A cause comes before what it leads to; the small case before the large one. */
const order: readonly ReasonCode[] = [
  "host_code_failed",
  "no_launch",
  "launch_error_swallowed",
  "input_modified",
  "out_of_bounds",
  "misaligned",
  "schedule_dependent",
  "deadlock",
];

/** Said only where nothing tells more. */
const vague: readonly ReasonCode[] = ["rstd_wrong", "wrong_values", "too_inaccurate"];

/**
 * What tells most about the cause comes first: faults of the code, then wrong values for ordinary
 * inputs, then for special ones (where any fault shows as a misplaced NaN); among equals the
 * reason with more cases, since a chance resemblance has few.
 */
function bySeverity(cases: ReadonlyMap<ReasonCode, number>) {
  const rank = ({ reason }: Failure) => {
    const index = order.indexOf(reason);
    return index >= 0 ? index : order.length;
  };
  const special = (failure: Failure) => Number(failure.special_inputs);
  const vagueness = ({ reason }: Failure) => Number(vague.includes(reason));
  const count = ({ reason }: Failure) => cases.get(reason) ?? 0;
  return (a: Failure, b: Failure): number =>
    rank(a) - rank(b) ||
    special(a) - special(b) ||
    vagueness(a) - vagueness(b) ||
    count(b) - count(a) ||
    a.case_index - b.case_index;
}

function countByReason(failures: readonly Failure[]): Map<ReasonCode, number> {
  const counts = new Map<ReasonCode, number>();
  for (const { reason } of failures) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
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
