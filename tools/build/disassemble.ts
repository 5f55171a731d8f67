import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import type { CudaCompiler } from "../toolchain/compiler.ts";
import { toolchainFolder } from "../toolchain/wheels.ts";
import { type MachineCode, readMachineCode } from "./machine-code.ts";
import { withCore } from "./slots.ts";

const pollMs = 10;
const disassemblerTimeoutMs = 120_000;

export interface EarlyDisassembly {
  /** The machine code of that file: already there where it is, byte for byte, what was read early. */
  of(cubin: string): Promise<Map<string, MachineCode>>;
}

/**
 * Reads machine code while nvcc still compiles the host code: the disassembler needs 0.4 s to
 * start, which the edit loop would feel. The machine code is whole once nvcc has packed it.
 */
export async function disassembleEarly(
  keepFolder: string,
  compiling: Promise<unknown>,
  compiler: CudaCompiler,
  signal: AbortSignal,
): Promise<EarlyDisassembly> {
  let ended = false;
  compiling.then(
    () => (ended = true),
    () => (ended = true),
  );
  let cubin: string | undefined;
  while (cubin === undefined && !ended) {
    await new Promise((resolve) => setTimeout(resolve, pollMs));
    cubin = await packedCubin(keepFolder);
  }
  const early = cubin ? await readEarly(cubin, compiler, signal) : undefined;
  return {
    async of(file) {
      if (early?.bytes.equals(await readFile(file))) return early.machineCode;
      return withCore(() => disassemble(file, compiler, signal));
    },
  };
}

async function readEarly(cubin: string, compiler: CudaCompiler, signal: AbortSignal) {
  const machineCode = await withCore(() => disassemble(cubin, compiler, signal));
  return { machineCode, bytes: await readFile(cubin) };
}

/** nvcc writes <stem>.fatbin.c from <stem>.sm_90.cubin: the first exists only when the second is whole. */
async function packedCubin(keepFolder: string): Promise<string | undefined> {
  const names = await readdir(keepFolder).catch(() => []);
  const cubin = names.find((name) => name.endsWith(".cubin"));
  const stem = cubin?.replace(/\.[^.]+\.cubin$/u, "");
  if (!cubin || !existsSync(path.join(keepFolder, `${stem}.fatbin.c`))) return undefined;
  return path.join(keepFolder, cubin);
}

async function disassemble(
  cubin: string,
  compiler: CudaCompiler,
  signal: AbortSignal,
): Promise<Map<string, MachineCode>> {
  // An older toolkit's own disassembler may not know -json; the one of `kernelwright setup` does.
  const installed = path.join(toolchainFolder(), "nvidia", "cu13", "bin", "nvdisasm");
  const programs = [compiler.nvdisasm, installed].filter((program) => existsSync(program));
  let said = "it is not there";
  for (const program of new Set(programs)) {
    const timeoutMs = disassemblerTimeoutMs;
    const result = await runLocally([program, "-json", cubin], { timeoutMs, signal });
    if (result.exit_code === 0) return readMachineCode(result.stdout);
    said = result.stderr.trim() || `exit code ${result.exit_code}`;
  }
  throw new ToolError(
    "compiler_unusable",
    `${compiler.nvdisasm} could not read the machine code: ${said}`,
    "Run: kernelwright setup. It installs a disassembler that can (nvdisasm 13.2), beside the compiler that is in use.",
  );
}
