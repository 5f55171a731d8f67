import type { Diagnostic } from "../build/diagnostics.ts";
import { shortened } from "../text.ts";
import { nextStep } from "../tool.ts";
import type { Candidate } from "./candidate.ts";
import type { ValidateResult } from "./result.ts";
import { interpreterIsolation, semanticsOf } from "./scope.ts";

const shownErrors = 5;

/** The sources do not compile: a finding about the candidate, not an error of ours. */
export function buildFailure(
  candidate: Candidate,
  diagnostics: readonly Diagnostic[],
): ValidateResult {
  const errors = diagnostics.filter(({ severity }) => severity !== "warning");
  const place = ({ file, line }: Diagnostic) => `${file ?? candidate.label}:${line ?? 1}`;
  const [first] = errors;
  const cause = first ? `${place(first)}: ${first.message}` : "see build_kernel";
  return {
    summary: shortened(`${candidate.label} does not compile: ${cause}.`, 300),
    status: "done",
    verdict: "not_checked",
    kernel: candidate.label,
    operator: candidate.operator,
    executed_on: "ptx_interpreter",
    devices: [],
    why_there: "nothing was executed",
    semantics: semanticsOf(candidate),
    known_semantics: "",
    seed: 0,
    cases_total: 0,
    cases_passed: 0,
    cases_failed: 0,
    cases_not_checked: 0,
    cases_cached: 0,
    failures: [],
    accuracy: [],
    not_checked: ["everything: there is no build"],
    isolation: interpreterIsolation,
    resources: "",
    thread_instructions: 0,
    duration_ms: 0,
    gpu_ms: 0,
    build_ids: [],
    warnings: errors.slice(0, shownErrors).map((one) => ({
      code: "compile_error",
      message: shortened(`${place(one)}: ${one.message}`, 600),
      hint: one.hint ?? "Correct the source and call validate_kernel again.",
    })),
    artifacts: [],
    next:
      candidate.kind === "project"
        ? [
            nextStep(
              "build_kernel",
              { kernel: candidate.call.kernel },
              "Shows all diagnostics with excerpts",
            ),
          ]
        : [],
  };
}
