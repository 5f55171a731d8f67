import { type MachineOptions, parsePtx } from "../../tools/ptx/index.ts";
import { type FuzzKernel, generateKernel, moduleHeader } from "./kernel-generator.ts";
import { runKernel, schedules } from "./run-kernel.ts";

/**
 * A generated kernel: all schedules must give the same bits, and the checks for races, unwritten
 * memory and divergent barriers must find nothing. Throws where that is not so.
 */
export function runKernelCase(seed: number): "agrees" {
  const kernel = generateKernel(seed);
  const module = parsePtx(moduleHeader + kernel.ptx);
  const bytes = runKernel(kernel, {}, module);
  for (const options of [...schedules.slice(1), ...drawn(kernel)]) {
    const other = runKernel(kernel, options, module);
    const at = other.findIndex((byte, i) => byte !== bytes[i]);
    if (at >= 0) throw new Error(`byte ${at} differs with ${JSON.stringify(options)}`);
  }
  return "agrees";
}

/** Orders of warps and blocks that the seed draws, with all checks on. */
function drawn({ seed }: FuzzKernel): MachineOptions[] {
  return [{ checks: true, warp_order: seed, block_order: seed }];
}
