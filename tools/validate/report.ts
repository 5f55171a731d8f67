import { accuracyLimits } from "../kernel/accuracy.ts";
import type { Effort } from "../kernel/cases.ts";
import { nextStep } from "../tool.ts";
import type { Candidate } from "./candidate.ts";
import { writeDetails } from "./details.ts";
import { fitted, shownFailures } from "./fit.ts";
import { knownSemantics } from "./known-semantics.ts";
import { refusalCount } from "./refusals.ts";
import type { ValidateResult } from "./result.ts";
import { notChecked, type Scope, semanticsOf } from "./scope.ts";
import { summaryOf } from "./summary.ts";
import type { ExecutedCase, Judgement } from "./verdict.ts";

export interface ReportInput {
  candidate: Candidate;
  scope: Scope;
  /** The shapes of this run were drawn from it. */
  seed: number;
  executed: readonly ExecutedCase[];
  judgement: Judgement;
  effort: Effort;
  /** The caller named the shapes: no others were tried. */
  shapes_given: boolean;
  duration_ms: number;
  workspace: string;
}

/** The agent's view of a validation, at most 8 kB; the whole of it goes to validate.json. */
export function report(input: ReportInput): ValidateResult {
  const { candidate, scope, executed, judgement } = input;
  const counts = countCases(input);
  const verdict = verdictOf(judgement, scope);
  const result: ValidateResult = {
    summary: "",
    status: "done",
    verdict,
    kernel: candidate.label,
    operator: candidate.operator,
    executed_on: scope.executed_on,
    devices: scope.devices,
    why_there: scope.why,
    semantics: semanticsOf(candidate),
    known_semantics: knownSemantics(executed),
    seed: input.seed,
    ...counts,
    cases_cached: executed.filter(({ cached }) => cached).length,
    failures: shownFailures(judgement.failures, executed),
    accuracy: accuracyOf(judgement),
    not_checked: notChecked(input),
    isolation: scope.isolation,
    resources: scope.resources,
    thread_instructions: executed.reduce((sum, { outcome }) => sum + instructionsOf(outcome), 0),
    duration_ms: Math.round(input.duration_ms),
    gpu_ms: Math.round(executed.reduce((sum, { outcome }) => sum + gpuOf(outcome), 0)),
    build_ids: scope.build_ids,
    warnings: scope.warnings,
    artifacts: [],
    next: nextOf(candidate, verdict),
  };
  result.summary = summaryOf(result, input);
  result.artifacts = [writeDetails(input, result)];
  return fitted(result);
}

function verdictOf(
  { failures, not_checked, not_searched, pools }: Judgement,
  { sanitized }: Scope,
): ValidateResult["verdict"] {
  if (failures.length > 0) return "failed";
  // A skipped check is never a pass, nor is a list of empty inputs.
  if (not_checked.length > 0) return "inconclusive";
  if (not_searched.length > 0 && !sanitized) return "inconclusive";
  return pools.length === 0 ? "not_checked" : "passed";
}

function accuracyOf(judgement: Judgement): ValidateResult["accuracy"] {
  const pools = judgement.pools.toSorted((a, b) => (poolName(a) < poolName(b) ? -1 : 1));
  return pools.map((pool) => ({
    dtype: pool.dtype,
    out_dtype: pool.out_dtype,
    rounding: pool.rounding,
    weight: pool.weight,
    elements: pool.elements,
    max_ulp: finite(pool.max_ulp),
    max_ulp_limit: accuracyLimits(pool).max_ulp,
    beyond_pct: Number(((pool.beyond / pool.elements) * 100).toPrecision(2)),
  }));
}

function poolName({ dtype, out_dtype, rounding, weight }: Judgement["pools"][number]): string {
  return [dtype, out_dtype, rounding, weight].join(" ");
}

function nextOf(candidate: Candidate, verdict: ValidateResult["verdict"]): ValidateResult["next"] {
  if (verdict !== "passed") {
    const why = "After the fix: only what changed is run again";
    return [nextStep("validate_kernel", { ...candidate.call }, why)];
  }
  if (candidate.kind === "file") return [];
  const { kernel } = candidate.call;
  return [nextStep("build_kernel", { kernel }, "Registers, spills and access widths per arch")];
}

function instructionsOf(outcome: ExecutedCase["outcome"]): number {
  return "thread_instructions" in outcome ? outcome.thread_instructions : 0;
}

function gpuOf(outcome: ExecutedCase["outcome"]): number {
  return "gpu_ms" in outcome ? (outcome.gpu_ms ?? 0) : 0;
}

/** A call with wrong arguments counts as a case, and so does what was found in the candidate as a whole. */
function countCases({ executed, judgement, scope }: ReportInput) {
  const keyOf = (arch: string, index: number) => `${arch} ${index}`;
  const failed = new Set(judgement.failures.map((one) => keyOf(one.arch, one.case_index)));
  const unjudged = judgement.not_checked.length + judgement.not_searched.length;
  const right = executed.filter(({ arch, index }) => !failed.has(keyOf(arch, index))).length;
  const refused = judgement.failures.filter(
    ({ case_index: index }) => scope.refusals > 0 && index < 0 && index >= -refusalCount,
  );
  const wrongRefusals = new Set(refused.map((one) => keyOf(one.arch, one.case_index))).size;
  const passed = right - unjudged + scope.refusals - wrongRefusals;
  return {
    cases_total: passed + failed.size + unjudged,
    cases_passed: passed,
    cases_failed: failed.size,
    cases_not_checked: unjudged,
  };
}

/** JSON has no infinity. */
function finite(value: number): number {
  return Math.min(Number(value.toPrecision(4)), Number.MAX_SAFE_INTEGER);
}
