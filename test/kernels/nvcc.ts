import { test } from "vitest";
import { runLocally } from "../../tools/executors/local.ts";
import type { KernelProject } from "../../tools/kernel/project.ts";
import { type CudaCompiler, findCompiler } from "../../tools/toolchain/compiler.ts";

/** The CUDA compiler of this machine, if it has one. */
export const compiler: CudaCompiler | undefined = await findCompiler();

/** A test that needs nvcc: skipped aloud where there is none. */
export const testWithNvcc = compiler
  ? test
  : (((name: string) =>
      test.skip(`${name} (no CUDA compiler: run "kernelwright setup")`)) as typeof test);

export function requireNvcc(): CudaCompiler {
  if (!compiler) throw new Error("testWithNvcc skips without a compiler");
  return compiler;
}

/** Compiles the project's device code and returns what nvcc and ptxas said. */
export async function compileDevice(
  project: KernelProject,
  arch: string,
  outFile: string,
  options: { ptx?: boolean; flags?: readonly string[] } = {},
): Promise<string> {
  const result = await runLocally(
    [
      requireNvcc().nvcc,
      ...(options.ptx
        ? ["-ptx", `-arch=${arch.replace("sm_", "compute_")}`]
        : ["-cubin", `-arch=${arch}`]),
      "-std=c++17",
      "-O3",
      "-Xptxas=-v",
      "--Werror=all-warnings",
      ...(options.flags ?? []),
      ...project.include_folders.map((folder) => `-I${folder}`),
      project.main,
      "-o",
      outFile,
    ],
    { timeoutMs: 120_000 },
  );
  if (result.exit_code !== 0) throw new Error(`nvcc: ${result.stderr}${result.stdout}`);
  return result.stderr;
}
