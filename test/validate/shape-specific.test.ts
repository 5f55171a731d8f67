import { expect, test } from "vitest";
import { onlyDrawnFail } from "../../tools/validate/shape-specific.ts";
import { judge } from "../../tools/validate/verdict.ts";
import { executed, measuredOutcome } from "./cases.ts";

const wrong = { bad_count: 9 };
const ofShapes = (listed: object[], drawn: object[]) => {
  const all = [
    ...listed.map((change) => ({ change, drawn: false })),
    ...drawn.map((change) => ({ change, drawn: true })),
  ].map(({ change, drawn: isDrawn }, index) =>
    executed(measuredOutcome(change), { drawn: isDrawn }, index),
  );
  return onlyDrawnFail(judge(all).failures, all);
};

test("wrong values for drawn shapes alone mean that sizes are built in", () => {
  expect(ofShapes([{}, {}], [wrong, wrong, {}])).toBe(true);
});

test.each([
  ["a listed shape fails too", [{}, wrong], [wrong, wrong]],
  ["one drawn shape of many fails", [{}, {}], [wrong, {}, {}]],
  ["nothing fails", [{}], [{}]],
  ["nothing was listed", [], [wrong]],
])("not where %s", (_, listed, drawn) => {
  expect(ofShapes(listed, drawn)).toBe(false);
});

test("a refusal that is missing is another fault", () => {
  const all = [
    executed(measuredOutcome(), {}, 0),
    executed(measuredOutcome(wrong), { drawn: true }, 1),
  ];
  const { failures } = judge(all);
  const [failure] = failures;
  if (!failure) throw new Error("the drawn case must fail");
  expect(onlyDrawnFail([failure, { ...failure, case_index: -2 }], all)).toBe(false);
});
