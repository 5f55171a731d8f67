import { plural, renderDuration, shortened } from "../text.ts";
import type { ReportInput } from "./report.ts";
import type { ValidateResult } from "./result.ts";

const mostCharacters = 300;

/** One or two sentences, at most 300 characters: verdict, first reason, what it rests on. */
export function summaryOf(result: ValidateResult, { effort }: Pick<ReportInput, "effort">): string {
  const { verdict, cases_total, cases_failed, cases_not_checked, devices } = result;
  const where = devices.length > 2 ? plural(devices.length, "arch") : devices.join(", ");
  const work = `${plural(cases_total, "case")}, ${where} (${effort}, ${renderDuration(result.duration_ms)}, ${how[result.executed_on]})`;
  switch (verdict) {
    case "failed": {
      const [first] = result.failures;
      const rest = `. ${cases_failed} of ${work}.`;
      const cause = `Failed: ${first?.reason}: ${first?.detail}`;
      return shortened(cause, mostCharacters - rest.length) + rest;
    }
    case "inconclusive":
      return `Inconclusive: ${cases_not_checked} of ${work} could not be executed; the others passed.`;
    case "not_checked":
      return `Not checked: ${work} compare no element. Give a shape with 1 row at least.`;
    case "passed":
      return `Passed: ${work}. Worst error ${worstPercent(result)} % of its limit.`;
  }
}

const how = {
  gpu: "on the GPU",
  ptx_interpreter: "compiled code executed without a GPU",
  gpu_and_ptx_interpreter: "on the GPU and in the interpreter",
  cpu_torch: "a Python function on the CPU",
  gpu_torch: "a Python function on the GPU",
} as const;

function worstPercent({ accuracy }: ValidateResult): number {
  const shares = accuracy.map(({ max_ulp, max_ulp_limit }) => max_ulp / max_ulp_limit);
  return Math.round(Math.max(0, ...shares) * 100);
}
