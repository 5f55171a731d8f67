import { type AccuracyPool, poolKey, tooManyBeyond } from "../kernel/accuracy.ts";
import { caseName } from "../kernel/cases.ts";
import { type ExecutedCase, type Failure, failureOf, inaccurate } from "./case-failure.ts";
import type { Measurement } from "./outcome.ts";
import type { ReasonCode } from "./reasons.ts";
import { firstCallWrong, inaccurateCall } from "./repeated-calls.ts";
import { onlyDrawnFail } from "./shape-specific.ts";

export { type ExecutedCase, type Failure, reasonOf } from "./case-failure.ts";

export interface Judgement {
  failures: Failure[];
  pools: AccuracyPool[];
  /** Cases without a verdict, with the reason: never counted as passed. */
  not_checked: Unjudged[];
  /** Values were judged on a GPU, and the interpreter could not search the same code for races. */
  not_searched: Unjudged[];
}

export interface Unjudged {
  case_name: string;
  arch: string;
  why: string;
}

/** The cases, and what was found in the candidate as a whole. */
export function judgeAll(executed: readonly ExecutedCase[], others: readonly Failure[]): Judgement {
  const judgement = judge(executed);
  return { ...judgement, failures: inOrder([...judgement.failures, ...others]) };
}

/** What the measurements mean. Worst cases first. */
export function judge(executed: readonly ExecutedCase[]): Judgement {
  const failures: Failure[] = [];
  const echoes: Failure[] = [];
  const not_checked: Unjudged[] = [];
  const not_searched: Unjudged[] = [];
  const pools = new Map<string, { pool: AccuracyPool; members: ExecutedCase[] }>();
  for (const item of executed) {
    const { outcome } = item;
    const unrecorded = outcome.state === "not_recorded" && outcome.reason === undefined;
    if (outcome.state === "not_executed" || unrecorded) {
      const list = item.check === "memory" ? not_searched : not_checked;
      list.push({ case_name: caseName(item.one), arch: item.arch, why: outcome.message });
      continue;
    }
    const failure = failureOf(item);
    if (failure) (isEcho(item) ? echoes : failures).push(failure);
    if (outcome.state === "measured") addToPool(pools, item, outcome.measurement);
  }
  const rejected = new Set(failures.map(({ arch, case_index }) => `${arch} ${case_index}`));
  for (const { pool, members } of pools.values()) {
    // Where a member fails by itself, that is said already, and more precisely.
    if (members.some(({ arch, index }) => rejected.has(`${arch} ${index}`))) continue;
    if (tooManyBeyond(pool)) failures.push(inaccurate(pool, members));
  }
  const judged = [...pools.values()].map(({ pool }) => pool);
  if (failures.length === 0) failures.push(...echoes);
  const named = onlyDrawnFail(failures, executed) ? failures.map(asShapeSpecific) : failures;
  return {
    failures: inOrder(named),
    pools: judged,
    not_checked,
    not_searched,
  };
}

/** Repeated calls of which the first is wrong: what is wrong, a case says better, if one does. */
function isEcho({ outcome }: ExecutedCase): boolean {
  return (
    outcome.state === "faulted" && [firstCallWrong, inaccurateCall].includes(outcome.fault.kind)
  );
}

function asShapeSpecific(failure: Failure): Failure {
  const detail = `every listed shape is right, and shapes drawn at run time are not: ${failure.detail}`;
  return { ...failure, reason: "shape_specific", detail };
}

/** What tells most about the cause first. */
function inOrder(failures: readonly Failure[]): Failure[] {
  return failures.toSorted(bySeverity(countByReason(failures)));
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
  "result_forged",
  "harness_tampered",
  "forbidden_access",
  "library_call",
  "arch_missing",
  "host_code_failed",
  "wrong_stream",
  "not_capturable",
  "stale_result",
  "later_calls_wrong",
  "address_dependent",
  "no_launch",
  "launch_error_swallowed",
  "input_modified",
  "out_of_bounds",
  "misaligned",
  "shared_race",
  "divergent_barrier",
  "missing_lanes",
  "uninitialised_read",
  "schedule_dependent",
  "deadlock",
];

/** Said only where nothing tells more. */
const vague: readonly ReasonCode[] = ["rstd_wrong", "mean_wrong", "wrong_values", "too_inaccurate"];

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
