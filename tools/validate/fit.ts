import { shortened } from "../text.ts";
import { reasons } from "./reasons.ts";
import type { ValidateResult } from "./result.ts";
import { commonTraits } from "./traits.ts";
import type { ExecutedCase, Failure } from "./verdict.ts";

/** Bytes of structured content: a larger answer floods an agent's context. */
export const mostBytes = 8000;

const shownReasons = 6;
const fewestPools = 3;
const fewestWarnings = 3;
const fewestUnchecked = 4;

/** Failures of one reason are told once, with the first case that shows it; all are in validate.json. */
export function shownFailures(
  failures: readonly Failure[],
  executed: readonly ExecutedCase[],
): ValidateResult["failures"] {
  const failed = new Set(failures.map(caseKey));
  const passing = executed.filter((one) => !failed.has(caseKey(one))).map(({ one }) => one);
  const groups = new Map<string, Failure[]>();
  for (const failure of failures) {
    const group = groups.get(failure.reason);
    if (group) group.push(failure);
    else groups.set(failure.reason, [failure]);
  }
  return [...groups.values()].slice(0, shownReasons).map((group) => {
    const keys = new Set(group.map(caseKey));
    const failing = executed.filter((one) => keys.has(caseKey(one))).map(({ one }) => one);
    return shownFailure(group, commonTraits(failing, passing));
  });
}

function caseKey(one: { arch: string } & ({ case_index: number } | { index: number })): string {
  return `${one.arch} ${"index" in one ? one.index : one.case_index}`;
}

/**
 * The result within `mostBytes`: the least telling entries of its lists go first, and it is said.
 * Arguments that are too long to be repeated take the next step with them.
 */
export function fitted(result: ValidateResult): ValidateResult {
  const bytes = (one: ValidateResult) => Buffer.byteLength(JSON.stringify(one));
  if (bytes(result) <= mostBytes) return result;
  const byTightness = [...result.accuracy].sort(
    (a, b) => b.max_ulp / b.max_ulp_limit - a.max_ulp / a.max_ulp_limit,
  );
  const shrunk = { ...result, accuracy: byTightness, failures: [...result.failures] };
  shrunk.not_checked = [
    ...result.not_checked,
    "(more failures, warnings or accuracy: see validate.json)",
  ];
  shrunk.warnings = [...result.warnings];
  while (bytes(shrunk) > mostBytes && shrunk.accuracy.length > fewestPools) shrunk.accuracy.pop();
  while (bytes(shrunk) > mostBytes && shrunk.warnings.length > fewestWarnings) {
    shrunk.warnings.pop();
  }
  while (bytes(shrunk) > mostBytes && shrunk.not_checked.length > fewestUnchecked) {
    shrunk.not_checked.splice(-2, 1);
  }
  while (bytes(shrunk) > mostBytes && shrunk.failures.length > 1) shrunk.failures.pop();
  return bytes(shrunk) > mostBytes ? { ...shrunk, next: [] } : shrunk;
}

function shownFailure(
  group: readonly Failure[],
  common: string,
): ValidateResult["failures"][number] {
  const { reason, detail, arch, pattern, source, case_name, first_bad: bad } = group[0] as Failure;
  const cases = new Set(group.map(caseKey)).size;
  const worst = group.reduce((a, b) => ((b.max_ulp ?? 0) > (a.max_ulp ?? 0) ? b : a));
  return {
    reason,
    cases,
    detail: shortened(detail, 500),
    example: case_name,
    arch,
    ...(worst.max_ulp && worst.case_name !== case_name
      ? { worst: `${worst.case_name}: ${worst.max_ulp} ulp` }
      : {}),
    ...(common ? { common: shortened(common, 200) } : {}),
    ...(pattern ? { pattern: shortened(pattern, 200) } : {}),
    ...(bad
      ? {
          first_bad: `row ${bad.row}, column ${bad.column}: expected ${bad.expected}, got ${bad.got}`,
        }
      : {}),
    ...(source ? { source: shortened(source, 200) } : {}),
    fix: reasons[reason].fix,
  };
}
