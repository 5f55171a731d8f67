import { dtypeFacts } from "../kernel/dtypes.ts";
import { plural, renderDuration, renderTable } from "../text.ts";
import type { ValidateResult } from "./result.ts";

/** The report for a person at a terminal: verdict first, then what failed, then how accurate it is. */
export function renderReport(result: ValidateResult): string {
  const parts = [headline(result)];
  if (result.failures.length > 0) parts.push(result.failures.map(renderFailure).join("\n\n"));
  if (result.warnings.length > 0) {
    parts.push(result.warnings.map(({ message, hint }) => `! ${message}\n  ${hint}`).join("\n"));
  }
  if (result.accuracy.length > 0) parts.push(renderAccuracy(result));
  parts.push(renderScope(result));
  return parts.join("\n\n");
}

function headline(result: ValidateResult): string {
  const cached =
    result.cases_cached > 0 ? `, ${result.cases_cached} of them known from before` : "";
  const lines = [
    `${result.verdict.toUpperCase().replace("_", " ")}  ${result.kernel} (${result.operator})`,
    `${result.cases_passed} of ${result.cases_total} cases passed${cached}, in ${renderDuration(result.duration_ms)}`,
    result.devices.length > 0 ? whereIt(result) : result.summary,
  ];
  if (result.known_semantics) lines.push(`semantics: ${result.known_semantics}`);
  if (result.resources) lines.push(`resources: ${result.resources}`);
  return lines.join("\n");
}

function whereIt({ executed_on, devices, thread_instructions }: ValidateResult): string {
  const list = devices.join(", ");
  if (executed_on !== "ptx_interpreter") return `executed: ${list}`;
  const millions = Math.round(thread_instructions / 1e6);
  return `compiled code executed without a GPU: ${list}; ${millions} million thread-instructions`;
}

function renderFailure(failure: ValidateResult["failures"][number]): string {
  const lines = [`✗ ${failure.reason} (${plural(failure.cases, "case")}): ${failure.detail}`];
  lines.push(`  case     ${failure.example} on ${failure.arch}`);
  if (failure.worst) lines.push(`  worst    ${failure.worst}`);
  if (failure.common) lines.push(`  when     ${failure.common}`);
  if (failure.pattern) lines.push(`  where    ${failure.pattern}`);
  if (failure.first_bad) lines.push(`  first    ${failure.first_bad}`);
  if (failure.source) lines.push(`  source   ${failure.source}`);
  lines.push(`  fix      ${failure.fix}`);
  return lines.join("\n");
}

function renderAccuracy(result: ValidateResult): string {
  const rows = result.accuracy.map((one) => [
    dtypeFacts[one.dtype].short,
    dtypeFacts[one.out_dtype].short,
    one.rounding,
    one.weight,
    String(one.elements),
    one.max_ulp < 1e9 ? String(Number(one.max_ulp.toPrecision(3))) : "∞",
    String(one.max_ulp_limit),
    `${one.beyond_pct} %`,
  ]);
  const header = ["in", "out", "rounding", "weight", ">elements", ">max ulp", ">limit", ">beyond"];
  const legend = `max ulp: to the plain float64 value. beyond: further than 0.501 ulp (float32: 8) from the value rounded in that order.`;
  return `${renderTable(header, rows)}\n${legend}`;
}

function renderScope(result: ValidateResult): string {
  return [
    "not checked:",
    ...result.not_checked.map((line) => `  ${line}`),
    `isolation: ${result.isolation}`,
    `shapes drawn from seed ${result.seed}`,
  ].join("\n");
}
