import { createHash, randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { renderDuration } from "../text.ts";
import type { ToolContext } from "../tool.ts";
import type { CudaCompiler } from "../toolchain/compiler.ts";
import { type HostCompiler, requireHostCompiler } from "../toolchain/host-compiler.ts";
import { requireKnownArchs } from "./archs.ts";
import {
  buildFolder,
  cleanBuilds,
  defaultLimitBytes,
  findBuild,
  makeStagingFolder,
  storeBuild,
} from "./cache.ts";
import { compileFlags, sourceFlags } from "./command.ts";
import { type Diagnostic, mergeDiagnostics } from "./diagnostics.ts";
import type { KernelResources } from "./resources.ts";
import { runCompiler } from "./run-compiler.ts";
import { type BuildSource, readSources, type SourceSet } from "./sources.ts";

export type { BuildSource } from "./sources.ts";

/** What was compiled for one arch. The files stay as they are: they belong to the cache. */
export interface ArchBuild {
  arch: string;
  /** Names the content: the same id is the same compiler, flags and sources. */
  build_id: string;
  folder: string;
  /** Shared library with host code and this arch's machine code and PTX, linked -cudart none. */
  library: string;
  /** The machine code and the PTX out of that library. */
  cubin: string;
  ptx: string;
  /** True where nothing was compiled. */
  cached: boolean;
  /** What compiling took, when it was done. */
  build_ms: number;
  kernels: KernelResources[];
  /** The compiler's warnings. */
  diagnostics: Diagnostic[];
}

export interface CompileResult {
  /** Whether every arch compiled. */
  passed: boolean;
  /** Those that did, in the order asked. */
  builds: ArchBuild[];
  /** Errors first, each once with the archs that it was said for. */
  diagnostics: Diagnostic[];
  /** What this call took. */
  compile_ms: number;
}

/** Raised with every change of what is stored, or of how it is derived from the compiler's output. */
const schema = 1;

/** What a build's build.json describes. */
type Described = Pick<ArchBuild, "arch" | "build_ms" | "kernels" | "diagnostics">;

/**
 * Compiles for every arch asked, each from the cache where nothing that it depends on has changed,
 * in parallel within the cores. Sources that do not compile are a result with `passed: false`.
 * Throws ToolError where the compiler cannot do its work: an arch that it does not know
 * (`invalid_argument`), no C++ compiler (`prerequisite_missing`), a full disk (`disk_full`), a time
 * limit (`timed_out`), sources that keep changing (`busy`), or `cancelled`.
 */
export async function compile(
  source: BuildSource,
  archs: readonly string[],
  compiler: CudaCompiler,
  context: ToolContext,
): Promise<CompileResult> {
  const started = performance.now();
  const wanted = requireKnownArchs(archs, compiler);
  const host = await requireHostCompiler(compiler.version);
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const sources = await readSources(source);
    const results = await compileAll({ source, sources, compiler, host, context }, wanted);
    const unchanged = async () => (await readSources(source)).sha256 === sources.sha256;
    if (results.every((one) => one.build?.cached) || (await unchanged())) {
      const builds = results.flatMap((one) => one.build ?? []);
      return {
        passed: builds.length === wanted.length,
        builds,
        diagnostics: mergeDiagnostics(results.flatMap((one) => one.diagnostics)),
        compile_ms: Math.round(performance.now() - started),
      };
    }
  }
  throw new ToolError(
    "busy",
    `The sources of ${source.main} were changed twice while they were compiled.`,
    "Wait until nothing writes to them, then build again.",
  );
}

interface Job {
  source: BuildSource;
  sources: SourceSet;
  compiler: CudaCompiler;
  host: HostCompiler;
  context: ToolContext;
}

interface ArchResult {
  build?: ArchBuild;
  diagnostics: Diagnostic[];
}

async function compileAll(job: Job, archs: readonly string[]): Promise<ArchResult[]> {
  let done = 0;
  const stop = new AbortController();
  const signal = AbortSignal.any([job.context.signal, stop.signal]);
  const work = archs.map(async (arch) => {
    const result = await findOrCompile({ ...job, context: { ...job.context, signal } }, arch);
    done += 1;
    job.context.progress({ message: progressMessage(arch, result), done, total: archs.length });
    return result;
  });
  try {
    const results = await Promise.all(work);
    // A cache that is over its limit for once is no reason to fail a build.
    if (results.some((one) => one.build?.cached === false)) {
      await cleanBuilds(defaultLimitBytes).catch(() => undefined);
    }
    return results;
  } catch (error) {
    stop.abort();
    await Promise.allSettled(work);
    if (job.context.signal.aborted) throw cancelled(done, archs.length);
    throw error;
  }
}

function cancelled(done: number, archs: number): ToolError {
  return new ToolError(
    "cancelled",
    `Cancelled after ${done} of ${archs} archs; the compilers were ended.`,
    "Make the same call again: finished archs come from the cache.",
  );
}

function progressMessage(arch: string, { build }: ArchResult): string {
  if (build === undefined) return `${arch}: does not compile`;
  return build.cached ? `${arch}: nothing changed` : `${arch}: ${renderDuration(build.build_ms)}`;
}

async function findOrCompile(job: Job, arch: string): Promise<ArchResult> {
  const key = keyOf(job, arch);
  const buildId = `${arch}-${key.slice(0, 16)}`;
  const found = await findBuild(buildId, key);
  if (found) return handedOut(buildId, found as Described, true);
  const staging = await makeStagingFolder();
  try {
    const run = await runCompiler({ ...job, arch, staging });
    if (!run.passed) return { diagnostics: run.diagnostics };
    const described: Described = {
      arch,
      build_ms: run.build_ms,
      kernels: run.kernels,
      diagnostics: run.diagnostics,
    };
    // Where the key does not cover all that was read, or not as it was read, nobody may find it again.
    const covered =
      run.unhashed_dependencies.length === 0 &&
      (await readSources(job.source)).sha256 === job.sources.sha256;
    const storedId = covered ? buildId : `${arch}-once-${randomUUID().slice(0, 13)}`;
    const stored = await storeBuild(staging, storedId, covered ? key : storedId, described);
    return handedOut(storedId, stored as Described, false);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function handedOut(buildId: string, described: Described, cached: boolean): ArchResult {
  const folder = buildFolder(buildId);
  const build = {
    ...described,
    build_id: buildId,
    folder,
    library: path.join(folder, "library.so"),
    cubin: path.join(folder, "kernel.cubin"),
    ptx: path.join(folder, "kernel.ptx"),
    cached,
  };
  return { build, diagnostics: described.diagnostics };
}

/** Absolute paths are part of it: the compiler writes them into the line table. */
function keyOf({ source, sources, compiler, host }: Job, arch: string): string {
  const parts = [
    schema,
    [compiler.root, compiler.version],
    [host.cxx, host.version, process.arch],
    [arch, ...compileFlags, ...sourceFlags(source)],
    [source.root, source.main],
    sources.sha256,
  ];
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
