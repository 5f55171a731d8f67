import { expect, test } from "vitest";
import { type CaseOptions, listCases } from "../../tools/kernel/cases.ts";
import { commonTraits } from "../../tools/validate/traits.ts";

const cases = listCases({
  operator: "rmsnorm",
  supports: {
    dtypes: ["bfloat16", "float16", "float32"],
    rounding: ["llama", "single"],
    weight: ["none", "same", "float32"],
    weight_offset: [0, 1],
    layouts: ["contiguous", "strided", "grouped", "unaligned"],
  },
  form: { rstd: "optional", in_place: false, rounded_sum: true, bias: false, mean: false },
  effort: "default",
  promotes: true,
} satisfies CaseOptions);

test("what all failing cases share, and not all passing ones, is named", () => {
  const failing = cases.filter(({ dtype }) => dtype === "float16");
  const passing = cases.filter(({ dtype }) => dtype !== "float16");
  expect(commonTraits(failing, passing)).toBe("only float16");
});

test("two traits together are both named", () => {
  const isBad = ({ layout, rounding }: (typeof cases)[number]) =>
    layout === "grouped" && rounding === "llama";
  const traits = commonTraits(
    cases.filter(isBad),
    cases.filter((one) => !isBad(one)),
  );
  // A few cases may share something else by chance.
  expect(traits).toMatch(/only rounding llama/u);
  expect(traits).toMatch(/only layout grouped/u);
});

test("nothing is named where everything fails, or one case alone", () => {
  expect(commonTraits(cases, [])).toBe("");
  expect(commonTraits(cases.slice(0, 1), cases.slice(1))).toBe("");
});
