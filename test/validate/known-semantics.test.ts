import { expect, test } from "vitest";
import { modelSemantics } from "../../tools/kernel/model-semantics.ts";
import { knownSemantics } from "../../tools/validate/known-semantics.ts";
import type { Measurement } from "../../tools/validate/outcome.ts";
import { executed, kernelCase, measuredOutcome } from "./cases.ts";
import { measured } from "./pretend.ts";

const right = (change: Parameters<typeof kernelCase>[0], measurement: Partial<Measurement> = {}) =>
  executed(measuredOutcome({ elements: 100_000, exact_count: 99_998, ...measurement }), change);

test("a right kernel is named by the module whose bits it has, with the share of them", () => {
  expect(knownSemantics([right({ rounding: "llama" })])).toBe(
    "bitwise transformers' Qwen3RMSNorm (llama rounding) in 99.998 % of 16-bit elements",
  );
  expect(knownSemantics([right({ rounding: "single" })])).toMatch(/torch\.nn\.RMSNorm/u);
  const sum = { operator: "add_rmsnorm", rounding: "single", rounded_sum: false } as const;
  expect(knownSemantics([right(sum)])).toMatch(/FlashInfer's FusedAddRMSNorm/u);
});

test("several semantics are named with their own shares, in 200 characters at most", () => {
  const text = knownSemantics([
    right({ rounding: "llama" }),
    right({ rounding: "single" }, { exact_count: 99_000 }),
    right({ rounding: "single", weight_offset: 1 }, { exact_count: 100_000 }),
  ]);
  expect(text).toMatch(/Qwen3RMSNorm .* 99\.998 %, .*nn\.RMSNorm .* 99 % and .*Gemma.* 100 %/u);
  expect(text.length).toBeLessThanOrEqual(200);
});

test("float32 has no bits to compare: the distance is said", () => {
  const one = { dtype: "float32", out_dtype: "float32", rounding: "single" } as const;
  expect(knownSemantics([right(one, { max_ulp: 2.13 })])).toBe(
    "as torch.nn.RMSNorm, within 2.1 ulp of float32",
  );
});

test.each([
  [{ weight_offset: 1 }, "nearest to weight_offset 1: is this Gemma?"],
  [{ swap_rounding: true }, "nearest to rounding single: is this torch.nn.RMSNorm, or Gemma?"],
  [{ ignore_weight: true }, "nearest to a norm without weight: is this LTX-Video's norm1?"],
  [{ divisor_offset: -1 }, ""],
] as const)("a kernel that is wrong by %j: %j", (deviation, words) => {
  const one = kernelCase();
  const outcome = measuredOutcome(measured(one, { deviation }));
  expect(knownSemantics([executed(outcome), right({}, { bad_count: 0 })])).toBe(words);
});

test("nothing is said of nothing", () => {
  expect(knownSemantics([])).toBe("");
  expect(knownSemantics([executed({ state: "not_executed", message: "m" })])).toBe("");
});

test("every table row says where it comes from, and no two rows are the same semantics", () => {
  const key = (one: (typeof modelSemantics)[number]) =>
    [one.operator, one.rounding, one.weight_offset, one.rounded_sum].join();
  expect(new Set(modelSemantics.map(key)).size).toBe(modelSemantics.length);
  expect(modelSemantics.every(({ source }) => source.length > 10)).toBe(true);
});
