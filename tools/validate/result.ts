import * as z from "zod";
import { roundings, weightForms } from "../kernel/cases.ts";
import { dtypeNames } from "../kernel/dtypes.ts";
import { operatorNames } from "../kernel/operators.ts";
import { resultEnvelope } from "../tool.ts";
import { reasonCodes } from "./reasons.ts";

const count = z.number().int().min(0).max(1_000_000_000_000);

const accuracySchema = z.object({
  dtype: z.enum(dtypeNames),
  out_dtype: z.enum(dtypeNames),
  rounding: z.enum(roundings),
  weight: z.enum(weightForms),
  elements: count,
  max_ulp: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
  max_ulp_limit: z.number().min(0).max(Number.MAX_SAFE_INTEGER),
  beyond_pct: z
    .number()
    .min(0)
    .max(100)
    .describe("Elements further than 0.501 ulp (float32: 8) from the ordered reference"),
});

const failureSchema = z.object({
  reason: z.enum(reasonCodes),
  cases: count.describe("Cases rejected for this reason"),
  detail: z.string(),
  example: z.string().describe("The first case that shows it"),
  arch: z.string(),
  worst: z.string().optional().describe("The case with the largest error, if it is another"),
  common: z.string().optional().describe("What the failing cases share, and not all passing ones"),
  pattern: z.string().optional().describe("Where the wrong elements lie"),
  first_bad: z.string().optional().describe("First wrong element: expected and got"),
  source: z.string().optional().describe("Source file and line of the instruction"),
  fix: z.string(),
});

export const validateOutput = z.object({
  ...resultEnvelope,
  verdict: z.enum(["passed", "failed", "inconclusive", "not_checked"]),
  kernel: z.string(),
  operator: z.enum(operatorNames),
  executed_on: z.enum([
    "gpu",
    "ptx_interpreter",
    "gpu_and_ptx_interpreter",
    "cpu_torch",
    "gpu_torch",
  ]),
  devices: z.array(z.string()).describe("Where each arch's code ran, or as which GPU"),
  why_there: z.string(),
  semantics: z.string().describe("Rounding order and weight forms that were judged"),
  known_semantics: z.string().describe("Whose results these are, or are nearest to"),
  seed: count.describe("Draws the shapes that no list holds; the same seed draws them again"),
  cases_total: count,
  cases_passed: count,
  cases_failed: count,
  cases_not_checked: count,
  cases_cached: count.describe("Taken from an earlier run of the same build"),
  failures: z.array(failureSchema),
  accuracy: z.array(accuracySchema),
  not_checked: z.array(z.string()).describe("What this verdict does not cover, and why"),
  isolation: z.string(),
  resources: z.string().describe("Registers, spills and shared memory at most, per arch"),
  thread_instructions: count,
  duration_ms: z.number().min(0).max(1e12),
  gpu_ms: z.number().min(0).max(1e12).describe("Of duration_ms: on the GPU"),
  build_ids: z.array(z.string()),
});

export type ValidateResult = z.output<typeof validateOutput>;
