import { mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import type * as z from "zod";
import type { Diagnostic } from "../build/diagnostics.ts";
import { accuracyLimits } from "../kernel/accuracy.ts";
import type { Effort } from "../kernel/cases.ts";
import { shownPath } from "../paths.ts";
import { plural, renderDuration } from "../text.ts";
import { nextStep } from "../tool.ts";
import type { ArchInput } from "./arch-run.ts";
import type { Candidate } from "./candidate.ts";
import { reasons } from "./reasons.ts";
import { refusalCount } from "./refusals.ts";
import type { validateOutput } from "./tool.ts";
import type { ExecutedCase, Failure, Judgement } from "./verdict.ts";

export type ValidateResult = z.output<typeof validateOutput>;

interface ReportInput {
  candidate: Candidate;
  runs: readonly ArchInput[];
  executed: readonly ExecutedCase[];
  judgement: Judgement;
  effort: Effort;
  duration_ms: number;
  workspace: string;
}

/** Failures of one reason are told once, with the first case that shows it; all are in the file. */
const shownReasons = 6;

/** The agent's view of a validation; the whole of it goes to `.kernelwright/validate.json`. */
export function report(input: ReportInput): ValidateResult {
  const { candidate, runs, executed, judgement } = input;
  const failures = groupFailures(judgement.failures);
  const failedCases = new Set(judgement.failures.map((one) => `${one.arch} ${one.case_index}`))
    .size;
  const refusals = candidate.declared ? refusalCount * runs.length : 0;
  const total = executed.length + refusals;
  const verdict = verdictOf(judgement, executed.length);
  const result: ValidateResult = {
    summary: "",
    status: "done",
    verdict,
    kernel: candidate.label,
    operator: candidate.operator,
    executed_on: "ptx_interpreter",
    devices: runs.map(({ build, device }) => `${build.arch} as ${device.name}`),
    semantics: semanticsOf(candidate),
    cases_total: total,
    cases_passed: total - failedCases - judgement.not_checked.length,
    cases_failed: failedCases,
    cases_not_checked: judgement.not_checked.length,
    cases_cached: executed.filter(({ cached }) => cached).length,
    failures,
    accuracy: accuracyOf(judgement),
    not_checked: notChecked(input),
    isolation: isolationText,
    thread_instructions: sum(executed, instructionsOf),
    duration_ms: Math.round(input.duration_ms),
    build_ids: runs.map(({ build }) => build.build_id),
    warnings: [],
    artifacts: [],
    next: nextOf(candidate, verdict),
  };
  result.summary = summaryOf(result, input);
  result.artifacts = [writeDetails(input, result)];
  return result;
}

/** The sources do not compile: a finding about the candidate, not an error of ours. */
export function buildFailure(
  candidate: Candidate,
  diagnostics: readonly Diagnostic[],
): ValidateResult {
  const errors = diagnostics.filter(({ severity }) => severity !== "warning");
  const [first] = errors;
  const place = first?.file ? `${first.file}:${first.line ?? 1}: ` : "";
  return {
    summary: `${candidate.label} does not compile: ${place}${first?.message ?? "see build_kernel"}.`,
    status: "done",
    verdict: "not_checked",
    kernel: candidate.label,
    operator: candidate.operator,
    executed_on: "ptx_interpreter",
    devices: [],
    semantics: semanticsOf(candidate),
    cases_total: 0,
    cases_passed: 0,
    cases_failed: 0,
    cases_not_checked: 0,
    cases_cached: 0,
    failures: [],
    accuracy: [],
    not_checked: ["everything: there is no build"],
    isolation: isolationText,
    thread_instructions: 0,
    duration_ms: 0,
    build_ids: [],
    warnings: errors.slice(0, 5).map((one) => ({
      code: "compile_error",
      message: `${one.file ?? candidate.label}:${one.line ?? 1}: ${one.message}`,
      hint: one.hint ?? "Correct the source and call validate_kernel again.",
    })),
    artifacts: [],
    next:
      candidate.kind === "project"
        ? [
            nextStep(
              "build_kernel",
              { kernel: candidate.label },
              "Shows all diagnostics with excerpts",
            ),
          ]
        : [],
  };
}

const isolationText =
  "Host code ran in a process of its own against a stand-in CUDA runtime that only records launches; " +
  "its machine-independent code (PTX) was executed by an interpreter with the judge's inputs, buffers and expected values out of its reach.";

function verdictOf(judgement: Judgement, executed: number): ValidateResult["verdict"] {
  if (judgement.failures.length > 0) return "failed";
  if (executed === 0) return "not_checked";
  // A skipped check is never a pass.
  return judgement.not_checked.length > 0 ? "inconclusive" : "passed";
}

function groupFailures(failures: readonly Failure[]): ValidateResult["failures"] {
  const groups = new Map<string, Failure[]>();
  for (const failure of failures) {
    groups.set(failure.reason, [...(groups.get(failure.reason) ?? []), failure]);
  }
  return [...groups.values()].slice(0, shownReasons).map((group) => {
    const first = group[0] as Failure;
    const { reason, detail, arch, pattern, source, first_bad: bad } = first;
    return {
      reason,
      cases: group.length,
      detail,
      example: first.case_name,
      arch,
      ...(pattern ? { pattern } : {}),
      ...(bad
        ? {
            first_bad: `row ${bad.row}, column ${bad.column}: expected ${bad.expected}, got ${bad.got}`,
          }
        : {}),
      ...(source ? { source } : {}),
      fix: reasons[reason].fix,
    };
  });
}

function accuracyOf(judgement: Judgement): ValidateResult["accuracy"] {
  return judgement.pools.map((pool) => ({
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

function notChecked({ candidate, judgement, effort }: ReportInput): string[] {
  const list = judgement.not_checked
    .slice(0, 3)
    .map(({ case_name, arch, why }) => `${case_name} on ${arch}: ${why}`);
  if (judgement.not_checked.length > 3) list.push(`${judgement.not_checked.length - 3} more cases`);
  list.push("machine code (SASS) and time: they need a GPU");
  list.push("races between warps and uninitialised reads beyond what changes a result");
  if (!candidate.declared) {
    list.push("sizes that are no multiple of 128, other layouts and special sizes: give shapes");
  }
  if (effort === "quick") list.push("most sizes: effort was quick");
  return list;
}

function semanticsOf({ supports, form, operator, declared }: Candidate): string {
  const found = declared ? "declared" : "found by probing";
  const sum =
    operator === "add_rmsnorm" ? `, ${form.rounded_sum ? "rounded" : "unrounded"} sum` : "";
  return `rounding ${supports.rounding.join(" and ")} (${found}), weight ${supports.weight.join(", ")}${sum}`;
}

function summaryOf(result: ValidateResult, { executed, effort }: ReportInput): string {
  const { verdict, failures, cases_total, cases_failed, devices } = result;
  const work = `${plural(cases_total, "case")} on ${devices.join(", ")} (${effort}, ${renderDuration(result.duration_ms)}, compiled code executed without a GPU)`;
  if (verdict === "failed") {
    const [first] = failures;
    return `Failed: ${first?.reason}: ${first?.detail}. ${cases_failed} of ${work}.`;
  }
  if (verdict === "inconclusive") {
    return `Inconclusive: ${result.cases_not_checked} of ${work} could not be executed; the others passed.`;
  }
  const worst = Math.max(
    0,
    ...result.accuracy.map(({ max_ulp, max_ulp_limit }) => max_ulp / max_ulp_limit),
  );
  const margin =
    executed.length > 0 ? ` Worst error ${Math.round(worst * 100)} % of its limit.` : "";
  return `Passed: ${work}.${margin}`;
}

function nextOf(candidate: Candidate, verdict: ValidateResult["verdict"]): ValidateResult["next"] {
  const kernel = candidate.label;
  if (verdict === "passed") {
    return candidate.kind === "project"
      ? [nextStep("build_kernel", { kernel }, "Registers, spills and access widths per arch")]
      : [];
  }
  return [nextStep("validate_kernel", { kernel }, "After the fix: only what changed is run again")];
}

/** All failures and all cases, for who wants more than the answer holds. */
function writeDetails(
  { candidate, executed, judgement, workspace }: ReportInput,
  result: ValidateResult,
): { path: string; bytes: number } {
  const folder = path.join(candidate.root, ".kernelwright");
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, "validate.json");
  const details = { ...result, all_failures: judgement.failures, cases: executed.map(caseLine) };
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(details, undefined, 1)}\n`);
  renameSync(`${file}.${process.pid}`, file);
  return { path: shownPath(workspace, file), bytes: statSync(file).size };
}

function caseLine({ arch, one, outcome }: ExecutedCase) {
  const measured = outcome.state === "measured" ? outcome.measurement : undefined;
  return {
    arch,
    ...one,
    state: outcome.state,
    max_ulp: measured ? finite(measured.max_ulp) : undefined,
    variant: "launches" in outcome ? outcome.launches.map(({ kernel }) => kernel) : [],
    thread_instructions: instructionsOf({ outcome } as ExecutedCase),
  };
}

function instructionsOf({ outcome }: ExecutedCase): number {
  return "thread_instructions" in outcome ? outcome.thread_instructions : 0;
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function finite(value: number): number {
  return Math.min(Number(value.toPrecision(4)), Number.MAX_SAFE_INTEGER);
}
