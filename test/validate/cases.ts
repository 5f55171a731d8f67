import type { KernelCase } from "../../tools/kernel/cases.ts";
import type { CaseOutcome, Measurement } from "../../tools/validate/outcome.ts";
import type { ExecutedCase } from "../../tools/validate/verdict.ts";

/** A plain case of rmsnorm, with what a test wants changed. */
export function kernelCase(change: Partial<KernelCase> = {}): KernelCase {
  return {
    operator: "rmsnorm",
    dtype: "bfloat16",
    rows: 5,
    hidden_size: 128,
    rounding: "llama",
    weight: "same",
    weight_values: "spread",
    weight_offset: 0,
    eps: Math.fround(1e-5),
    out_dtype: "bfloat16",
    layout: "strided",
    inputs: "std_1e-2",
    with_rstd: false,
    rounded_sum: true,
    in_place: false,
    with_bias: false,
    with_mean: false,
    drawn: false,
    seed: 77,
    ...change,
  };
}

type Measured = Extract<CaseOutcome, { state: "measured" }>;

/** The outcome of a case that is right but for `change`. */
export function measuredOutcome(change: Partial<Measurement> = {}): Measured {
  const measurement: Measurement = {
    elements: 640,
    max_ulp: 0.5,
    beyond: 0,
    bad_count: 0,
    not_written_count: 0,
    exact_count: 640,
    first_bad: undefined,
    worst: undefined,
    pattern: "",
    diagnosis: undefined,
    canaries_broken: 0,
    rstd_max_ulp: 0,
    mean_max_ulp: 0,
    residual_bad: 0,
    ...change,
  };
  const launch = { kernel: "k", grid: [5, 1, 1], block: [32, 1, 1], dynamic_shared_bytes: 0 };
  return {
    state: "measured",
    measurement,
    reused: false,
    launches: [launch],
    thread_instructions: 1000,
    milliseconds: 1,
    launch_digest: "d",
  };
}

export function executed(
  outcome: CaseOutcome,
  change: Partial<KernelCase> = {},
  index = 0,
): ExecutedCase {
  return { arch: "sm_80", index, one: kernelCase(change), outcome, cached: false };
}
