import { mkdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { shownPath } from "../paths.ts";
import type { Artifact } from "../tool.ts";
import type { ReportInput } from "./report.ts";
import type { ValidateResult } from "./result.ts";
import type { ExecutedCase } from "./verdict.ts";

/** Writes all failures and all cases to validate.json, for who wants more than the answer holds. */
export function writeDetails(
  { candidate, executed, judgement, workspace }: ReportInput,
  result: ValidateResult,
): Artifact {
  mkdirSync(candidate.records, { recursive: true });
  const file = path.join(candidate.records, "validate.json");
  const details = { ...result, all_failures: judgement.failures, cases: executed.map(caseLine) };
  writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(details, undefined, 1)}\n`);
  renameSync(`${file}.${process.pid}`, file);
  return { path: shownPath(workspace, file), bytes: statSync(file).size };
}

function caseLine({ arch, one, outcome, check, on }: ExecutedCase) {
  return {
    arch,
    check: check ?? "values",
    on: on ?? "interpreter",
    ...one,
    state: outcome.state,
    // An infinite distance becomes null.
    max_ulp: outcome.state === "measured" ? outcome.measurement.max_ulp : undefined,
    kernels: "launches" in outcome ? outcome.launches.map(({ kernel }) => kernel) : [],
    thread_instructions: "thread_instructions" in outcome ? outcome.thread_instructions : 0,
  };
}
