import { realpathSync } from "node:fs";
import path from "node:path";
import { findProgram, pathFolders } from "./programs.ts";
import { proveNvcc } from "./proof.ts";
import { toolchainRoot } from "./wheels.ts";

/** A CUDA compiler that ran on this machine, with the tools that read what it makes. */
export interface CudaCompiler {
  root: string;
  nvcc: string;
  ptxas: string;
  cuobjdump: string;
  nvdisasm: string;
  /** "13.0.88" */
  version: string;
  found_by: FoundBy;
  /** What it compiles for, ascending: "sm_75", ... "sm_121". */
  archs: readonly string[];
}

export type FoundBy =
  | "argument"
  | "config"
  | "CUDA_HOME"
  | "PATH"
  | "/usr/local/cuda"
  | "user_cache";

/** The oldest CUDA whose compiler is used: the first that knows sm_89 and sm_90. */
const oldestMajor = 12;

/** The compiler in a folder, or the reason why it cannot be used. */
export async function examine(
  root: string,
  found_by: FoundBy,
  signal?: AbortSignal,
): Promise<CudaCompiler | string> {
  const bin = path.join(root, "bin");
  const nvcc = findProgram("nvcc", [bin]);
  if (!nvcc) return `it has no executable ${path.join(bin, "nvcc")}`;
  const proof = await proveNvcc(nvcc, signal);
  if (typeof proof === "string") return proof;
  if (majorOf(proof.version) < oldestMajor) {
    return `it is CUDA ${proof.version}, and ${oldestMajor}.0 or newer is needed`;
  }
  const own = [bin, path.dirname(realpathSync(nvcc))];
  // ptxas belongs to its nvcc. The SASS tools may lie elsewhere: ours read what 12 and 13 make.
  const tools = [
    findProgram("ptxas", [...own, ...pathFolders()]),
    ...["cuobjdump", "nvdisasm"].map((name) =>
      findProgram(name, [...own, path.join(toolchainRoot(), "bin"), ...pathFolders()]),
    ),
  ];
  const [ptxas, cuobjdump, nvdisasm] = tools;
  if (!ptxas || !cuobjdump || !nvdisasm) return missingTools(tools, proof.version);
  return { root, nvcc, ptxas, cuobjdump, nvdisasm, ...proof, found_by };
}

export function majorOf(version: string): number {
  return Number.parseInt(version, 10);
}

function missingTools(tools: readonly (string | undefined)[], version: string): string {
  const names = ["ptxas", "cuobjdump", "nvdisasm"].filter((_, index) => !tools[index]);
  const [major, minor] = version.split(".");
  const packages = names.map(
    (name) => `cuda-${name === "ptxas" ? "nvcc" : name}-${major}-${minor}`,
  );
  return `it lacks ${names.join(" and ")} (NVIDIA's packages ${packages.join(" ")}; kernelwright setup brings them too)`;
}
