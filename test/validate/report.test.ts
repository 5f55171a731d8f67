import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { deviceForArch } from "../../tools/gpu/devices.ts";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { rmsnormFields } from "../../tools/kernel/operators.ts";
import type { ArchInput } from "../../tools/validate/arch-input.ts";
import { buildFailure } from "../../tools/validate/build-failure.ts";
import type { Candidate } from "../../tools/validate/candidate.ts";
import { mostBytes } from "../../tools/validate/fit.ts";
import { reasonCodes } from "../../tools/validate/reasons.ts";
import { refusalCount } from "../../tools/validate/refusals.ts";
import { report } from "../../tools/validate/report.ts";
import { validateOutput } from "../../tools/validate/result.ts";
import { interpreterIsolation, scopeOfBuilds } from "../../tools/validate/scope.ts";
import { type ExecutedCase, type Judgement, judge } from "../../tools/validate/verdict.ts";
import { makeWorkspace } from "../helpers/run-tool.ts";
import { executed, measuredOutcome } from "./cases.ts";

function reported(
  cases: readonly ExecutedCase[],
  change: Partial<Judgement> = {},
  candidateChange: Partial<Candidate> = {},
  archs = ["sm_80"],
) {
  const { workspace, remove } = makeWorkspace("report");
  onTestFinished(remove);
  const candidate: Candidate = {
    kind: "project",
    label: "kernels/norm",
    operator: "rmsnorm",
    entry: "rmsnorm",
    main: "",
    include_folders: [],
    root: workspace,
    records: path.join(workspace, ".kernelwright"),
    archs,
    supports: {
      dtypes: ["bfloat16"],
      rounding: ["llama", "single"],
      weight: ["none", "same", "float32"],
      weight_offset: [0],
      layouts: ["contiguous"],
    },
    form: { rstd: "optional", in_place: false, rounded_sum: true, bias: false, mean: false },
    takes_stream: true,
    promotes: true,
    fields: rmsnormFields,
    declared: true,
    eps: undefined,
    call: { kernel: "kernels/norm" },
    ...candidateChange,
  };
  const runs = archs.map((arch) => ({
    build: { arch, build_id: `${arch}-0123456789abcdef0123`, kernels: [] },
    device: deviceForArch(arch),
    ptx: "",
  })) as unknown as ArchInput[];
  const judgement = { ...judge(cases), ...change };
  const result = report({
    candidate,
    scope: {
      ...scopeOfBuilds(runs, { worker: undefined, limits: undefined, why: "there is no GPU" }),
      isolation: interpreterIsolation,
      refusals: refusalCount * runs.length,
      warnings: [],
      sanitized: false,
    },
    seed: 7,
    executed: cases,
    judgement,
    effort: "default",
    shapes_given: false,
    duration_ms: 1234,
    workspace,
  });
  return { result: validateOutput.parse(result), candidate, workspace };
}

/** Pools of every kind that a case list can have. */
const everyPool: ExecutedCase[] = (["bfloat16", "float16", "float32"] as const).flatMap((dtype) =>
  (["llama", "single"] as const).flatMap((rounding) =>
    (["none", "same", "float32"] as const).flatMap((weight) =>
      (["float32", dtype] as const).map((out_dtype) => {
        const one: Partial<KernelCase> = { dtype, rounding, weight, out_dtype };
        return executed(measuredOutcome({ max_ulp: 0.4999 }), one);
      }),
    ),
  ),
);

const archs = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"];

/** A failure of every reason, each with texts as long as mangled names and paths make them. */
const everyFailure = reasonCodes.map((reason, case_index) => ({
  reason,
  detail: `out of bounds store in ${"_ZN12_GLOBAL__N_1".repeat(60)}`,
  case_name: "bf16 31x4096 llama, weight float32+1, unaligned, inputs infinities, eps 0.000001",
  case_index,
  arch: "sm_120",
  special_inputs: false,
  pattern: `rows ${"1, 2, 3 and ".repeat(40)}`,
  source: `${"very/deep/folder/".repeat(40)}kernel.cuh:120`,
  first_bad: { row: 1, column: 2, expected: "-1.23456789e-10", got: "never written", ulp: 3 },
}));

test("a passed report says how much of the limit is used, and what to call next", () => {
  const { result, workspace } = reported([executed(measuredOutcome({ max_ulp: 1.208 }))]);
  expect(result).toMatchObject({
    verdict: "passed",
    cases_total: 1 + refusalCount,
    cases_passed: 1 + refusalCount,
    next: [{ tool: "build_kernel", arguments: '{"kernel":"kernels/norm"}' }],
  });
  expect(result.summary).toMatch(/^Passed: 12 cases, sm_80 as A100 .* 80 % of its limit\.$/u);
  expect(existsSync(path.join(workspace, result.artifacts[0]?.path as string))).toBe(true);
});

test("the largest report there can be keeps within 8 kB and its summary within 300 characters", () => {
  const { result } = reported(everyPool, { failures: everyFailure }, {}, archs);
  expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(mostBytes);
  expect(result.summary.length).toBeLessThanOrEqual(300);
  expect(result.summary).toMatch(/cases, 7 archs/u);
  expect(result.failures.length).toBeGreaterThan(0);
  expect(result.accuracy.length).toBeGreaterThanOrEqual(3);
  expect(result.not_checked.at(-1)).toMatch(/see validate\.json/u);
});

test("the file holds all failures and all cases, whatever the answer leaves out", () => {
  const { result, workspace } = reported(everyPool, { failures: everyFailure }, {}, archs);
  const file = path.join(workspace, result.artifacts[0]?.path as string);
  const details = JSON.parse(readFileSync(file, "utf8"));
  expect(details.all_failures.length).toBe(reasonCodes.length);
  expect(details.cases.length).toBe(everyPool.length);
});

test("a call that is too long to be repeated is not proposed, and the rest is kept", () => {
  const call = {
    kernel: "k.cu",
    include_folders: Array.from({ length: 16 }, () => "d".repeat(900)),
  };
  const { result } = reported(everyPool, { failures: everyFailure }, { call });
  expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(mostBytes);
  expect(result.next).toEqual([]);
});

test("cases without a verdict make the report inconclusive, no elements make it not checked", () => {
  const unknown = executed({ state: "not_executed", message: "wgmma is not known" }, {}, 1);
  const some = reported([executed(measuredOutcome()), unknown]).result;
  expect(some).toMatchObject({ verdict: "inconclusive", cases_not_checked: 1 });
  expect(some.not_checked[0]).toContain("wgmma is not known");
  const empty = reported([executed(measuredOutcome({ elements: 0 }), { rows: 0 })]).result;
  expect(empty.verdict).toBe("not_checked");
});

test("a compile error leads the summary of what does not compile", () => {
  const { candidate } = reported([executed(measuredOutcome())]);
  const error = { severity: "error", file: "a.cu", line: 7, message: `no ${"x".repeat(900)}` };
  const result = validateOutput.parse(buildFailure(candidate, [error as never]));
  expect(result.summary).toMatch(/^kernels\/norm does not compile: a\.cu:7: no x/u);
  expect(result.summary.length).toBeLessThanOrEqual(300);
  expect(result.verdict).toBe("not_checked");
});
