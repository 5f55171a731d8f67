import { expect, test } from "vitest";
import type { Deviation } from "../../tools/kernel/reference.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { kernelCase } from "../validate/cases.ts";
import { expectAgreement, measured, prepared } from "./judge-agreement.ts";
import { judgeModule } from "./judge-device.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

/** Small values, so that eps matters; and a weight offset, so that its sum rounds. */
const base = kernelCase({ inputs: "std_1e-2", weight_offset: 1, eps: Math.fround(1e-5) });

/** One for every deviation there is; tsc says where one is missing. */
const deviations: Record<keyof Deviation | "eps_floor", Deviation> = {
  ignore_weight: { ignore_weight: true },
  ignore_rstd: { ignore_rstd: true },
  ignore_eps: { ignore_eps: true },
  eps: { eps: 1e-3 },
  eps_place: { eps_place: "outside" },
  eps_floor: { eps_place: "floor", eps: 1e-3 },
  divisor_offset: { divisor_offset: -1 },
  weight_offset: { weight_offset: 0 },
  round_weight_sum: { round_weight_sum: true },
  swap_rounding: { swap_rounding: true },
  sum_without_last: { sum_without_last: 8 },
};

test.runIf(module).each(Object.values(deviations))(
  "a kernel that deviates by %j is told from the reference, and measures as in TypeScript",
  (deviation) => {
    const weight = deviation.round_weight_sum ? "float32" : "same";
    const item = prepared(module, { ...base, weight }, deviation);
    const found = measured(item);
    expectAgreement(item, found);
    expect(found.bad_count + found.beyond).toBeGreaterThan(0);
  },
);
