import { writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { generateKernel, moduleHeader } from "./kernel-generator.ts";
import { digest, runSchedules } from "./run-kernel.ts";

/** What run_on_gpu.py reads: kernels with the hash of what the interpreter makes of them, under all schedules. */
export function writeKernels(file: string, seed: number, count: number): void {
  const lines = [JSON.stringify({ module_header: moduleHeader })];
  for (let i = 0; i < count; i++) {
    const kernel = generateKernel(seed + i);
    const result = runSchedules(kernel);
    if ("differs" in result) throw new Error(result.differs);
    lines.push(JSON.stringify({ ...kernel, sha256: digest(result.bytes) }));
  }
  writeFileSync(file, gzipSync(`${lines.join("\n")}\n`));
}
