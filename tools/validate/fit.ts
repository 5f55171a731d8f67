import { shortened } from "../text.ts";
import { reasons } from "./reasons.ts";
import type { ValidateResult } from "./report.ts";
import type { Failure } from "./verdict.ts";

/** Bytes of structured content: a larger answer floods an agent's context. */
export const mostBytes = 8000;

const shownReasons = 6;
const fewestPools = 3;

/** Failures of one reason are told once, with the first case that shows it; all are in validate.json. */
export function shownFailures(failures: readonly Failure[]): ValidateResult["failures"] {
  const groups = new Map<string, Failure[]>();
  for (const failure of failures) {
    const group = groups.get(failure.reason);
    if (group) group.push(failure);
    else groups.set(failure.reason, [failure]);
  }
  return [...groups.values()].slice(0, shownReasons).map(shownFailure);
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
  shrunk.not_checked = [...result.not_checked, "(more failures or accuracy: see validate.json)"];
  while (bytes(shrunk) > mostBytes && shrunk.accuracy.length > fewestPools) shrunk.accuracy.pop();
  while (bytes(shrunk) > mostBytes && shrunk.failures.length > 1) shrunk.failures.pop();
  return bytes(shrunk) > mostBytes ? { ...shrunk, next: [] } : shrunk;
}

function shownFailure(group: readonly Failure[]): ValidateResult["failures"][number] {
  const { reason, detail, arch, pattern, source, case_name, first_bad: bad } = group[0] as Failure;
  const cases = new Set(group.map((one) => `${one.arch} ${one.case_index}`)).size;
  return {
    reason,
    cases,
    detail: shortened(detail, 500),
    example: case_name,
    arch,
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
