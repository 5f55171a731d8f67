import type { ExecutedCase, Failure } from "./case-failure.ts";

/**
 * Whether everything that fails has a drawn shape, and every listed shape is right: then sizes are
 * built in. At least half of the drawn cases must fail, so that a fault of another kind which a
 * lucky draw found keeps its own name; and listed ones must have been measured to be right.
 * `failures` with a negative case_index (refusals) are no cases.
 */
export function onlyDrawnFail(
  failures: readonly Failure[],
  executed: readonly ExecutedCase[],
): boolean {
  const ofCases = failures.filter(({ case_index }) => case_index >= 0);
  if (ofCases.length === 0 || ofCases.length < failures.length) return false;
  const failed = new Set(ofCases.map(({ arch, case_index }) => `${arch} ${case_index}`));
  const drawn = executed.filter(({ one }) => one.drawn);
  const listed = executed.filter(({ one, outcome }) => !one.drawn && outcome.state === "measured");
  const isFailed = ({ arch, index }: ExecutedCase) => failed.has(`${arch} ${index}`);
  const failedDrawn = drawn.filter(isFailed).length;
  return (
    listed.length > 0 &&
    !executed.some((item) => !item.one.drawn && isFailed(item)) &&
    failedDrawn * 2 >= drawn.length
  );
}
