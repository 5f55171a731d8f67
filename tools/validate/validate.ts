import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { type ArchBuild, compile } from "../build/compile.ts";
import { ToolError } from "../errors.ts";
import { networkIsolation } from "../executors/isolation.ts";
import { type DeviceLimits, deviceForArch, requireDevice } from "../gpu/devices.ts";
import { caseName, type Effort, type KernelCase } from "../kernel/cases.ts";
import type { ToolContext } from "../tool.ts";
import { requireCompiler } from "../toolchain/compiler.ts";
import type { ArchInput } from "./arch-input.ts";
import { type ArchResult, runArch } from "./arch-run.ts";
import { buildFailure } from "./build-failure.ts";
import { isCallable } from "./callable/candidate.ts";
import { buildSource, type Candidate, requireCandidate } from "./candidate.ts";
import { chooseCases } from "./case-choice.ts";
import { findGpu, type GpuChoice, onThisGpu, releaseGpu } from "./gpu/find-gpu.ts";
import { itemsOf } from "./items.ts";
import { readBuilds } from "./read-builds.ts";
import { refusalCount } from "./refusals.ts";
import { report } from "./report.ts";
import type { ValidateResult } from "./result.ts";
import { type Sanitized, sanitize } from "./sanitize.ts";
import { gpuIsolation, interpreterIsolation, type Scope, scopeOfBuilds } from "./scope.ts";
import { probeSemantics } from "./semantics.ts";
import { validateCallable } from "./validate-callable.ts";
import { type ExecutedCase, type Failure, judgeAll } from "./verdict.ts";
import { asWarnings, warpWarnings } from "./warp-warnings.ts";
import type { WorkItem } from "./work.ts";

export interface ValidateArguments {
  kernel: string;
  signature?: string | undefined;
  dtypes?: readonly KernelCase["dtype"][] | undefined;
  eps?: number | undefined;
  include_folders?: readonly string[] | undefined;
  archs?: readonly string[] | undefined;
  device?: string | undefined;
  shapes?: readonly { rows: number; hidden_size: number }[] | undefined;
  seed?: number | undefined;
  effort: Effort;
  install_compiler: boolean;
  cuda_home?: string | undefined;
}

/** The arch that a single file is compiled for where there is no GPU: its code runs on most. */
const fileArchs = ["sm_80"];

/** Judges what `kernel` names: compiled code, or a Python function. */
export function validate(args: ValidateArguments, context: ToolContext): Promise<ValidateResult> {
  return isCallable(args.kernel) ? validateCallable(args, context) : validateBuilds(args, context);
}

/** Builds what is stale, reads it, runs the case list against each arch's code, and judges. */
async function validateBuilds(
  args: ValidateArguments,
  context: ToolContext,
): Promise<ValidateResult> {
  const began = performance.now();
  const candidate = requireCandidate(args, context.workspace);
  const compiler = await requireCompiler(context, args);
  const gpu = await findGpu(args, compiler, context.signal);
  try {
    const devices = devicesOf(args, candidate, gpu);
    const archs = devices.map(({ arch }) => arch);
    const compiled = await compile(buildSource(candidate), archs, compiler, context);
    if (!compiled.passed) return buildFailure(candidate, compiled.diagnostics);

    const runs = compiled.builds.map((build, index) =>
      archInput(candidate, build, devices[index] as DeviceLimits, gpu),
    );
    const judged = candidate.declared ? candidate : await probeSemantics(candidate, runs, context);
    const seed = args.seed ?? randomInt(2 ** 31);
    const { executed, failures, isolation } = await runAll(judged, runs, args, seed, context);
    const allArchs = args.archs === undefined && args.device === undefined;
    const read = await readBuilds(judged, runs, executed, allArchs);
    const sanitized = await sanitizeOwn(judged, runs, executed, args, context);
    const scope = await scopeOfRuns(judged, runs, gpu, executed, isolation);
    scope.sanitized = sanitized.done;
    scope.warnings.push(...asWarnings(sanitized.doubts), ...read.warnings);
    scope.leaves_out.push(...sanitized.not_checked);
    return report({
      candidate: judged,
      scope,
      seed,
      executed,
      judgement: judgeAll(executed, [...read.failures, ...failures, ...sanitized.failures]),
      effort: args.effort,
      shapes_given: args.shapes !== undefined,
      duration_ms: performance.now() - began,
      workspace: context.workspace,
    });
  } finally {
    await releaseGpu(gpu);
  }
}

async function runAll(
  candidate: Candidate,
  runs: readonly ArchInput[],
  { effort, shapes }: ValidateArguments,
  seed: number,
  context: ToolContext,
): Promise<ArchResult> {
  const executed: ExecutedCase[] = [];
  const failures: Failure[] = [];
  let isolation = "";
  const work = runs.map((run) => {
    const gpus = run.gpu?.count ?? 0;
    return itemsOf(chooseCases(candidate, { effort, shapes, seed, onGpu: gpus > 0 }), gpus);
  });
  const total = work.reduce((sum, items) => sum + items.length, 0);
  let done = 0;
  for (const [position, run] of runs.entries()) {
    const items = work[position] as WorkItem[];
    const finished = await runArch(candidate, run, items, executed, context.signal, (index) => {
      done += 1;
      context.progress({
        message: `${run.build.arch} as ${run.device.name}: ${caseName((items[index] as WorkItem).one)}`,
        done,
        total,
      });
    });
    executed.push(...finished.executed);
    failures.push(...finished.failures);
    isolation ||= finished.isolation;
  }
  return { executed, failures, isolation };
}

/**
 * With effort full, or where the interpreter cannot look for races; and only the machine code that is
 * the GPU's own. It takes seconds.
 */
async function sanitizeOwn(
  candidate: Candidate,
  runs: readonly ArchInput[],
  executed: readonly ExecutedCase[],
  { effort }: ValidateArguments,
  context: ToolContext,
): Promise<Sanitized> {
  const none = { done: false, failures: [], doubts: [], not_checked: [] };
  const own = runs.find(({ gpu }) => gpu?.code === "cubin");
  if (!own) return none;
  const unsearched = executed.some(
    ({ check, outcome }) => check === "memory" && outcome.state === "not_executed",
  );
  if (effort !== "full" && !unsearched) {
    return { ...none, not_checked: ["compute-sanitizer: it runs with effort full"] };
  }
  const cases = executed.filter(({ check }) => check === "values").map(({ one }) => one);
  return sanitize(candidate, own, cases, context, executed.length);
}

async function scopeOfRuns(
  candidate: Candidate,
  runs: readonly ArchInput[],
  gpu: GpuChoice,
  executed: readonly ExecutedCase[],
  hostIsolation: string,
): Promise<Scope> {
  const isolation = runs.some((run) => run.gpu) ? gpuIsolation : interpreterIsolation;
  return {
    ...scopeOfBuilds(runs, gpu),
    isolation: [isolation, hostIsolation, await networkIsolation()].join(" "),
    refusals: candidate.declared ? refusalCount * runs.length : 0,
    sanitized: false,
    warnings: warpWarnings(executed),
  };
}

function archInput(
  candidate: Candidate,
  build: ArchBuild,
  device: DeviceLimits,
  gpu: GpuChoice,
): ArchInput {
  const run = { build, device, ptx: readFileSync(build.ptx, "utf8") };
  const place = onThisGpu(gpu, build, candidate.fields);
  return place ? { ...run, gpu: place } : run;
}

/** The device that each arch's host code is shown: the GPU that is here for its own arch. */
function devicesOf(args: ValidateArguments, candidate: Candidate, gpu: GpuChoice): DeviceLimits[] {
  const here = gpu.limits;
  const shown = (arch: string) => (here?.arch === arch ? here : deviceForArch(arch));
  if (args.device === undefined) {
    const archs = args.archs ?? candidate.archs ?? (here ? [here.arch] : fileArchs);
    return [...new Set(archs)].map(shown);
  }
  const device = requireDevice(args.device);
  const other = args.archs?.find((arch) => arch !== device.arch);
  if (other === undefined) return [device];
  throw new ToolError(
    "invalid_argument",
    `The ${device.name} runs code for ${device.arch}, and archs has ${other}.`,
    `Leave out archs or device, or make one call with device: "${device.name}", archs: ["${device.arch}"].`,
  );
}
