import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { runLocally } from "../../tools/executors/local.ts";
import type { KernelFacts } from "../../tools/record/recorder.ts";
import { type CudaCompiler, findCompiler } from "../../tools/toolchain/compiler.ts";

export interface TestLibrary {
  library: string;
  kernels: KernelFacts[];
}

export const sources = fileURLToPath(new URL("sources", import.meta.url));

/** The compiler, or the reason that these tests are skipped, said aloud. */
export async function compilerOrReason(): Promise<CudaCompiler | string> {
  const compiler = await findCompiler();
  if (compiler) return compiler;
  const reason = "no CUDA compiler was found: run `kernelwright setup` to run the recorder's tests";
  console.warn(`SKIPPED: ${reason}`);
  return reason;
}

/** A folder for one test file's libraries, removed by `remove`. */
export function buildFolder(): { folder: string; remove: () => Promise<void> } {
  const folder = mkdtempSync(path.join(tmpdir(), "kernelwright-test-record-"));
  return { folder, remove: () => rm(folder, { recursive: true, force: true }) };
}

/** Compiles one of test/record/sources as build_kernel does, and reads what the recorder is told. */
export async function compileLibrary(
  compiler: CudaCompiler,
  folder: string,
  source: string,
  options: { arch?: string; flags?: readonly string[]; cudart?: string; name?: string } = {},
): Promise<TestLibrary> {
  const arch = options.arch ?? "90";
  const library = path.join(folder, `${options.name ?? path.parse(source).name}-${arch}.so`);
  const stdout = await run([
    compiler.nvcc,
    ...["-shared", "-cudart", options.cudart ?? "none", "-O1", "-std=c++17", "-Xcompiler", "-fPIC"],
    ...["-gencode", `arch=compute_${arch},code=[sm_${arch},compute_${arch}]`, "-Xlinker"],
    ...["-z,lazy", ...(options.flags ?? []), "-o", library, path.join(sources, source)],
  ]);
  if (stdout.includes("error")) throw new Error(stdout);
  const resources = await run([compiler.cuobjdump, "-res-usage", library]);
  const ptx = await run([compiler.cuobjdump, "-ptx", library]);
  return { library, kernels: readFacts(ptx, resources, Number(arch) >= 90 ? 1024 : 0) };
}

async function run(argv: readonly string[]): Promise<string> {
  const result = await runLocally(argv, { timeoutMs: 120_000 });
  if (result.exit_code !== 0)
    throw new Error(`${argv.join(" ")}\n${result.stdout}${result.stderr}`);
  return result.stdout + result.stderr;
}

/**
 * Enough of PTX and of cuobjdump's text for kernels whose parameters are scalars and pointers.
 * From sm_90 on, cuobjdump's SHARED includes what the driver reserves per block, in modules that use
 * shared memory at all.
 */
function readFacts(ptx: string, resources: string, reservedBytes: number): KernelFacts[] {
  const bytesOf: Readonly<Record<string, number>> = { 8: 1, 16: 2, 32: 4, 64: 8 };
  const entries = ptx.matchAll(/\.entry (\w+)\(([^)]*)\)([^{]*)\{/gu);
  return [...entries].map(([, name = "", params = "", directives = ""]) => {
    const sizes = [...params.matchAll(/\.param [^,]*?\.[bfsu](\d+)[^,[]*(?:\[(\d+)\])?/gu)];
    const param_bytes = sizes.map(
      ([, bits = "", count]) => (bytesOf[bits] ?? 0) * Number(count ?? 1),
    );
    const usage = new RegExp(`Function ${name}:\\s+([^\\n]*)`, "u").exec(resources)?.[1] ?? "";
    const used = (what: string) => Number(new RegExp(`${what}:(\\d+)`, "u").exec(usage)?.[1] ?? 0);
    const cluster = /\.reqnctapercluster (\d+), (\d+), (\d+)/u.exec(directives);
    return {
      name,
      param_bytes,
      param_offsets: offsets(param_bytes),
      registers_per_thread: used("REG"),
      static_shared_bytes: Math.max(0, used("SHARED") - reservedBytes),
      local_bytes: used("STACK"),
      max_threads: Number(/\.maxntid (\d+)/u.exec(directives)?.[1] ?? 1024),
      ...(cluster
        ? {
            required_cluster: [Number(cluster[1]), Number(cluster[2]), Number(cluster[3])] as const,
          }
        : {}),
    };
  });
}

function offsets(sizes: readonly number[]): number[] {
  let next = 0;
  return sizes.map((bytes) => {
    const offset = Math.ceil(next / bytes) * bytes;
    next = offset + bytes;
    return offset;
  });
}
