import { mkdir, readFile, rm } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { withoutNetwork } from "../executors/isolation.ts";
import { type RunResult, runLocally } from "../executors/local.ts";
import { renderDuration } from "../text.ts";
import type { ToolContext } from "../tool.ts";
import type { CudaCompiler } from "../toolchain/compiler.ts";
import type { HostCompiler } from "../toolchain/host-compiler.ts";
import { compileCommand } from "./command.ts";
import { unhashedDependencies } from "./dependencies.ts";
import { type Diagnostic, readDiagnostics } from "./diagnostics.ts";
import { disassembleEarly } from "./disassemble.ts";
import { extractFromLibrary } from "./extract.ts";
import { demangle } from "./names.ts";
import { type KernelResources, kernelResources } from "./resources.ts";
import { withCore } from "./slots.ts";
import type { BuildSource, SourceSet } from "./sources.ts";

/** Far above what 100 instantiations take; a template recursion without end stops by itself earlier. */
const compileTimeoutMs = 300_000;

export interface CompilerRun {
  source: BuildSource;
  sources: SourceSet;
  compiler: CudaCompiler;
  host: HostCompiler;
  context: ToolContext;
  arch: string;
  /** An own, empty folder; afterwards it holds the build's files and nothing else. */
  staging: string;
}

export type CompilerRunResult =
  | { passed: false; diagnostics: Diagnostic[] }
  | {
      passed: true;
      /** Warnings. */
      diagnostics: Diagnostic[];
      kernels: KernelResources[];
      build_ms: number;
      /** Files that were read and that the source set does not have: `#include MACRO`. */
      unhashed_dependencies: string[];
    };

/** One nvcc process for one arch, and everything that its output says without being executed. */
export async function runCompiler(run: CompilerRun): Promise<CompilerRunResult> {
  const { signal } = run.context;
  const keepFolder = path.join(run.staging, "keep");
  await mkdir(keepFolder);
  const library = path.join(run.staging, "library.so");
  const output = { library, keep_folder: keepFolder };
  const command = await withoutNetwork(
    compileCommand(run.compiler.nvcc, run.host.cxx, run.source, run.arch, output),
  );
  let startedMs = 0;
  const compiling = withCore(() => {
    startedMs = performance.now();
    return runLocally(command.argv, {
      cwd: run.source.root,
      // Messages are read by program: in English, whatever the user's language.
      env: { LC_ALL: "C" },
      timeoutMs: compileTimeoutMs,
      signal,
    });
  });
  const disassembling = disassembleEarly(keepFolder, compiling, run.compiler, signal);
  disassembling.catch(() => undefined);
  const compiled = await compiling;
  requireFinished(compiled, run.arch);
  const diagnostics = await readDiagnostics(compiled.stderr + compiled.stdout, {
    arch: run.arch,
    root: run.source.root,
    keep_folder: keepFolder,
    demangle: (names) => demangle(names, run.compiler.root, signal),
  });
  if (compiled.exit_code !== 0) {
    await disassembling.catch(() => undefined);
    return { passed: false, diagnostics: withOneError(diagnostics, compiled, run.arch) };
  }
  await extractFromLibrary(library, run.staging, run.compiler, signal);
  const unhashed = await unhashedDependencies(keepFolder, run.source, run.sources, run.compiler);
  const machineCode = await (await disassembling).of(path.join(run.staging, "kernel.cubin"));
  const kernels = kernelResources({
    arch: run.arch,
    assembler_output: compiled.stderr,
    ptx: await readFile(path.join(run.staging, "kernel.ptx"), "utf8"),
    machine_code: machineCode,
    names: await demangle([...machineCode.keys()], run.compiler.root, signal),
  });
  if (kernels.length === 0) return { passed: false, diagnostics: [noKernel(run)] };
  await rm(keepFolder, { recursive: true });
  const build_ms = Math.round(performance.now() - startedMs);
  return { passed: true, diagnostics, kernels, build_ms, unhashed_dependencies: unhashed };
}

function noKernel({ source, arch }: CompilerRun): Diagnostic {
  const file = path.relative(source.root, source.main);
  return {
    severity: "error",
    message: `${file} compiles, but there is no kernel in it`,
    file,
    hint: "Write a __global__ function and launch it: a template that nothing launches is not compiled.",
    archs: [arch],
  };
}

/** What ends a compiler without it having judged the sources is our inability, not a verdict on them. */
function requireFinished(compiled: RunResult, arch: string): void {
  if (compiled.timed_out) {
    throw new ToolError(
      "timed_out",
      `nvcc was ended after ${renderDuration(compileTimeoutMs)} without a result for ${arch}.`,
      "Instantiate fewer kernels (at most 16 an arch), or build for fewer archs in one call.",
    );
  }
  if (/No space left on device/u.test(compiled.stderr)) {
    throw new ToolError(
      "disk_full",
      `nvcc could not write its output for ${arch}: no space left on the device.`,
      "Free disk space, for example with: kernelwright clean. Then build again.",
    );
  }
  const died = /'(\S+)' died due to (signal \d+)/u.exec(compiled.stderr);
  if (compiled.ended_by !== undefined || died) {
    throw new ToolError(
      "build_failed",
      `${died?.[1] ?? "nvcc"} was ended by ${died?.[2] ?? compiled.ended_by} while it compiled for ${arch}; this machine may be out of memory.`,
      "Build for one arch at a time, with fewer kernel instantiations, or on a machine with more memory.",
    );
  }
}

/** A failure always has an error, even where nothing of the output was understood. */
function withOneError(diagnostics: Diagnostic[], compiled: RunResult, arch: string): Diagnostic[] {
  if (diagnostics.some((one) => one.severity === "error")) return diagnostics;
  const last = (compiled.stderr + compiled.stdout).trim().split("\n").slice(-5).join("\n");
  const message = `nvcc ended with exit code ${compiled.exit_code}: ${last || "it printed nothing"}`;
  return [...diagnostics, { severity: "error", message, archs: [arch] }];
}
