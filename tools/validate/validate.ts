import { readFileSync } from "node:fs";
import { compile } from "../build/compile.ts";
import { ToolError } from "../errors.ts";
import { type DeviceLimits, deviceForArch, requireDevice } from "../gpu/devices.ts";
import { caseName, type Effort, type KernelCase, listCases } from "../kernel/cases.ts";
import type { ToolContext } from "../tool.ts";
import { requireCompiler } from "../toolchain/compiler.ts";
import { type ArchInput, runArch } from "./arch-run.ts";
import { buildFailure } from "./build-failure.ts";
import { type Candidate, requireCandidate } from "./candidate.ts";
import { report } from "./report.ts";
import type { ValidateResult } from "./result.ts";
import { probeSemantics } from "./semantics.ts";
import { type ExecutedCase, type Failure, judge } from "./verdict.ts";

export interface ValidateArguments {
  kernel: string;
  signature?: string | undefined;
  dtypes?: readonly KernelCase["dtype"][] | undefined;
  eps?: number | undefined;
  include_folders?: readonly string[] | undefined;
  archs?: readonly string[] | undefined;
  device?: string | undefined;
  shapes?: readonly { rows: number; hidden_size: number }[] | undefined;
  effort: Effort;
  install_compiler: boolean;
  cuda_home?: string | undefined;
}

/** The arch that a single file is compiled for where none is asked: its code runs on most GPUs. */
const fileArchs = ["sm_80"];

/** Builds what is stale, runs the case list against each arch's code, and judges. */
export async function validate(
  args: ValidateArguments,
  context: ToolContext,
): Promise<ValidateResult> {
  const began = performance.now();
  const candidate = requireCandidate(args, context.workspace);
  const devices = devicesOf(args, candidate);
  const compiler = await requireCompiler(context, args);
  const archs = devices.map(({ arch }) => arch);
  const compiled = await compile(buildSource(candidate), archs, compiler, context);
  if (!compiled.passed) return buildFailure(candidate, compiled.diagnostics);

  const runs: ArchInput[] = compiled.builds.map((build, index) => ({
    build,
    device: devices[index] as DeviceLimits,
    ptx: readFileSync(build.ptx, "utf8"),
  }));
  const judged = candidate.declared ? candidate : await probeSemantics(candidate, runs, context);
  const cases = listCases({
    operator: judged.operator,
    supports: judged.supports,
    form: judged.form,
    effort: args.effort,
    promotes: judged.promotes,
    ...(judged.eps === undefined ? {} : { eps: judged.eps }),
    ...(args.shapes ? { shapes: args.shapes } : fileShapes(judged)),
  });
  const { executed, failures } = await runAll(judged, runs, cases, context);
  return report({
    candidate: judged,
    runs,
    executed,
    judgement: mergeFailures(judge(executed), failures),
    effort: args.effort,
    duration_ms: performance.now() - began,
    workspace: context.workspace,
  });
}

async function runAll(
  candidate: Candidate,
  runs: readonly ArchInput[],
  cases: readonly KernelCase[],
  context: ToolContext,
): Promise<{ executed: ExecutedCase[]; failures: Failure[] }> {
  const executed: ExecutedCase[] = [];
  const failures: Failure[] = [];
  const total = runs.length * cases.length;
  let done = 0;
  for (const run of runs) {
    const finished = await runArch(candidate, run, cases, executed, context.signal, (index) => {
      done += 1;
      context.progress({
        message: `${run.build.arch} as ${run.device.name}: ${caseName(cases[index] as KernelCase)}`,
        done,
        total,
      });
    });
    executed.push(...finished.executed);
    failures.push(...finished.failures);
  }
  return { executed, failures };
}

function devicesOf(args: ValidateArguments, candidate: Candidate): DeviceLimits[] {
  if (args.device === undefined) {
    return [...new Set(args.archs ?? candidate.archs ?? fileArchs)].map(deviceForArch);
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

function buildSource(candidate: Candidate) {
  const { main, include_folders, root } = candidate;
  return { main, include_folders, defines: {}, root };
}

/** A foreign kernel says nothing of its limits: sizes that nearly every kernel takes. */
function fileShapes(candidate: Candidate) {
  if (candidate.kind === "project") return {};
  const shapes = [128, 1024, 4096].flatMap((hidden_size) =>
    [1, 31].map((rows) => ({ rows, hidden_size })),
  );
  return { shapes };
}

function mergeFailures(judgement: ReturnType<typeof judge>, failures: readonly Failure[]) {
  return { ...judgement, failures: [...judgement.failures, ...failures] };
}
