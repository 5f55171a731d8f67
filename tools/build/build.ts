import { rm, stat } from "node:fs/promises";
import path from "node:path";
import { archOf } from "../gpu/devices.ts";
import { queryGpus } from "../gpu/query.ts";
import { type KernelProject, readProject } from "../kernel/project.ts";
import { requireInside, shownPath, userCache } from "../paths.ts";
import { type Artifact, nextStep, type ToolContext } from "../tool.ts";
import { requireCompiler } from "../toolchain/compiler.ts";
import { defaultArchs } from "./archs.ts";
import { type BuildSource, type CompileResult, compile } from "./compile.ts";
import { type Change, changesSinceLastBuild, writeWhole } from "./history.ts";
import type { BuildResult } from "./result.ts";
import { archRow, fitInAnswer, kernelRows } from "./rows.ts";
import { summaryOf } from "./summary.ts";
import type { BuildArguments } from "./tool.ts";
import { buildWarnings, kernelDoubts } from "./warnings.ts";

/**
 * Compiles the project for the archs asked and says what came out. Sources that do not compile are
 * a result with the verdict `failed`; ToolErrors are those of readProject, requireCompiler and compile.
 */
export async function build(args: BuildArguments, context: ToolContext): Promise<BuildResult> {
  const project = readProject(requireInside(context.workspace, args.kernel));
  const compiler = await requireCompiler(context, args);
  const archs = await chooseArchs(args.archs, project.archs, compiler);
  const compiled = await compile(sourceOf(project), archs, compiler, context);
  const changes = compiled.passed
    ? await changesSinceLastBuild(project.folder, compiled.builds)
    : [];
  return {
    ...(await describe(args, project, compiled, changes, context)),
    compiler: `CUDA ${compiler.version} in ${compiler.root}`,
  };
}

/** What a project's .cu is compiled with. */
export function sourceOf(project: KernelProject): BuildSource {
  const { main, include_folders, folder } = project;
  return { main, include_folders, defines: {}, root: folder };
}

/** As asked; else the project's; else those of the GPUs here that the compiler knows; else the usual ones. */
export async function chooseArchs(
  asked: readonly string[] | undefined,
  ofProject: readonly string[],
  compiler: { archs: readonly string[] },
  presentArchs = archsOfGpus,
): Promise<readonly string[]> {
  if (asked) return asked;
  if (ofProject.length > 0) return ofProject;
  const present = (await presentArchs()).filter((arch) => compiler.archs.includes(arch));
  if (present.length > 0) return present;
  return defaultArchs.filter((arch) => compiler.archs.includes(arch));
}

async function archsOfGpus(): Promise<string[]> {
  const { gpus } = await queryGpus();
  return [...new Set(gpus.flatMap(({ compute_capability: one }) => (one ? archOf(one) : [])))];
}

async function describe(
  args: BuildArguments,
  project: KernelProject,
  compiled: CompileResult,
  changes: readonly Change[],
  context: ToolContext,
): Promise<Omit<BuildResult, "compiler">> {
  const { builds, diagnostics } = compiled;
  const doubts = builds.flatMap(kernelDoubts);
  const result: Omit<BuildResult, "compiler"> = {
    summary: summaryOf(project.name, compiled, changes),
    status: "done",
    verdict: compiled.passed ? "passed" : "failed",
    kernel: args.kernel,
    compile_ms: compiled.compile_ms,
    cached: builds.length > 0 && builds.every((one) => one.cached) && compiled.passed,
    builds_folder: userCache("builds"),
    build_ids: builds.map((one) => one.build_id),
    archs: builds.map(archRow),
    kernels: kernelRows(builds, doubts, changes, args.detail === "full" ? 24 : 6),
    kernel_count: builds.reduce((sum, one) => sum + one.kernels.length, 0),
    changes: [...changes],
    change_count: changes.length,
    diagnostics: [...diagnostics],
    diagnostic_count: diagnostics.length,
    warnings: buildWarnings(doubts),
    artifacts: await writeArtifacts(project.folder, compiled, context.workspace),
    next: [compiled.passed ? validateNext(args) : repairNext(args, compiled)],
  };
  return fitInAnswer(result);
}

async function writeArtifacts(
  folder: string,
  compiled: CompileResult,
  workspace: string,
): Promise<Artifact[]> {
  const own = path.join(folder, ".kernelwright");
  const table = path.join(own, "build.json");
  const messages = path.join(own, "diagnostics.json");
  const written: string[] = [];
  if (compiled.passed) {
    await writeWhole(table, compiled.builds);
    written.push(table);
  }
  if (compiled.diagnostics.length > 0) {
    await writeWhole(messages, compiled.diagnostics);
    written.push(messages);
  } else await rm(messages, { force: true });
  return Promise.all(
    written.map(async (file) => ({
      path: shownPath(workspace, file),
      bytes: (await stat(file)).size,
    })),
  );
}

function validateNext(args: BuildArguments) {
  return nextStep(
    "validate_kernel",
    sameArguments(args),
    "It compiles; whether its values are right is not known yet",
  );
}

function repairNext(args: BuildArguments, { diagnostics }: CompileResult) {
  const first = diagnostics[0];
  const place = first?.file ? ` at ${first.file}:${first.line ?? 1}` : "";
  return nextStep("build_kernel", sameArguments(args), `After repairing the first error${place}`);
}

function sameArguments(args: BuildArguments): Record<string, unknown> {
  const { kernel, archs, cuda_home } = args;
  return { kernel, ...(archs && { archs }), ...(cuda_home && { cuda_home }) };
}
