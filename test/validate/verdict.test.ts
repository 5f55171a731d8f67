import { expect, test } from "vitest";
import type { CaseOutcome, FaultReport } from "../../tools/validate/outcome.ts";
import { judge } from "../../tools/validate/verdict.ts";
import { executed, measuredOutcome } from "./cases.ts";

const reasonsOf = (...cases: ReturnType<typeof executed>[]) =>
  judge(cases).failures.map(({ reason }) => reason);

const { measurement: _, ...plain } = measuredOutcome();
const faulted = (fault: FaultReport): CaseOutcome => ({ ...plain, state: "faulted", fault });

test("a right case passes and is counted in its pool", () => {
  const { failures, pools, not_checked } = judge([executed(measuredOutcome())]);
  expect({ failures, not_checked }).toEqual({ failures: [], not_checked: [] });
  expect(pools).toMatchObject([{ dtype: "bfloat16", elements: 640, max_ulp: 0.5 }]);
});

test.each([
  [{ bad_count: 1 }, "wrong_values"],
  [{ canaries_broken: 2, bad_count: 1 }, "canary_overwritten"],
  [{ rstd_max_ulp: 9 }, "rstd_wrong"],
  [{ mean_max_ulp: 9 }, "mean_wrong"],
  [{ residual_bad: 1 }, "residual_wrong"],
  [{ beyond: 33 }, "too_inaccurate"],
])("a case with %j is rejected as %s", (change, reason) => {
  expect(reasonsOf(executed(measuredOutcome(change)))).toEqual([reason]);
});

test.each([{ rstd_max_ulp: 8 }, { mean_max_ulp: 8 }, { beyond: 1 }])(
  "%j is within the limits",
  (change) => {
    expect(reasonsOf(executed(measuredOutcome(change)))).toEqual([]);
  },
);

test("a small inaccurate case is not hidden by large accurate ones", () => {
  const large = executed(measuredOutcome({ elements: 1e6 }), {}, 1);
  expect(reasonsOf(executed(measuredOutcome({ beyond: 33 })), large)).toEqual(["too_inaccurate"]);
});

test("a share that no case shows by itself shows in all of them together", () => {
  const slightly = measuredOutcome({ elements: 10_000, beyond: 18 });
  expect(reasonsOf(executed(slightly))).toEqual([]);
  const many = Array.from({ length: 20 }, (_, index) => executed(slightly, {}, index));
  expect(reasonsOf(...many)).toEqual(["too_inaccurate"]);
});

test.each([
  ["out_of_bounds", "out_of_bounds"],
  ["read_only_write", "input_modified"],
  ["instruction_budget", "endless_loop"],
  ["missing_lanes", "missing_lanes"],
  ["schedule_dependent", "schedule_dependent"],
  ["launch_refused", "launch_error_swallowed"],
  ["bad_launch", "launch_error_swallowed"],
])("the fault %s is the reason %s", (kind, reason) => {
  expect(reasonsOf(executed(faulted({ kind, message: "m" })))).toEqual([reason]);
});

test("what goes wrong past 2^31 elements only is an offset of 32 bits", () => {
  // A wrapped offset leaves the buffer, or lands between rows, where nothing was written.
  for (const kind of ["out_of_bounds", "uninitialised_global"]) {
    const fault = faulted({ kind, message: "m" });
    expect(reasonsOf(executed(fault, { layout: "far_strided" }))).toEqual(["offset_32_bit"]);
  }
});

test("nothing launched is a failure, but for an empty input", () => {
  const nothing = { ...measuredOutcome(), launches: [] };
  expect(reasonsOf(executed(nothing))).toEqual(["no_launch"]);
  const empty = { ...measuredOutcome({ elements: 0 }), launches: [] };
  expect(reasonsOf(executed(empty, { rows: 0 }))).toEqual([]);
});

test("an unknown instruction is neither a pass nor a failure", () => {
  const { failures, not_checked, pools } = judge([
    executed({ state: "not_executed", message: "wgmma is not known" }),
  ]);
  expect({ failures, pools }).toEqual({ failures: [], pools: [] });
  expect(not_checked).toMatchObject([{ why: "wgmma is not known" }]);
});

test("a cause stands before what it leads to", () => {
  const wrong = executed(measuredOutcome({ bad_count: 1 }), {}, 0);
  const outside = executed(faulted({ kind: "out_of_bounds", message: "m" }), {}, 1);
  expect(reasonsOf(wrong, outside)).toEqual(["out_of_bounds", "wrong_values"]);
});
