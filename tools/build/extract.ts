import { mkdir, readdir, rename, rm } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import type { CudaCompiler } from "../toolchain/compiler.ts";

/**
 * Takes machine code and PTX out of the library that was linked, as `kernel.cubin` and `kernel.ptx`
 * into `folder`: names in anonymous namespaces differ between two compilations, so nothing else is
 * known to be what the library launches.
 */
export async function extractFromLibrary(
  library: string,
  folder: string,
  compiler: CudaCompiler,
  signal: AbortSignal,
): Promise<void> {
  const own = path.join(folder, "extract");
  await mkdir(own);
  const command = [compiler.cuobjdump, "-xelf", "all", "-xptx", "all", library];
  const result = await runLocally(command, { cwd: own, timeoutMs: 60_000, signal });
  const names = await readdir(own);
  for (const kind of ["cubin", "ptx"]) {
    const found = names.filter((name) => name.endsWith(`.${kind}`));
    if (found.length !== 1) throw notOne(kind, found, result.stderr);
    await rename(path.join(own, found[0] ?? ""), path.join(folder, `kernel.${kind}`));
  }
  await rm(own, { recursive: true });
}

function notOne(kind: string, found: readonly string[], said: string): ToolError {
  return new ToolError(
    "compiler_unusable",
    `cuobjdump found ${found.length} files of kind ${kind} in the library: ${said.trim()}`,
    "Run: kernelwright setup. It installs tools that fit each other.",
  );
}
