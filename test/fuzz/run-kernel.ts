import { createHash } from "node:crypto";
import { Machine, type MachineOptions, type PtxModule, parsePtx } from "../../tools/ptx/index.ts";
import { type FuzzKernel, inputBytes, moduleHeader } from "./kernel-generator.ts";

/** Schedules that must all give the same bits, since generated kernels have no races. */
export const schedules: readonly MachineOptions[] = [
  {},
  { all_vector: true },
  { warp_order: "reverse" },
  { all_vector: true, warp_order: "reverse" },
];

/** What the interpreter makes of a kernel under one schedule. Throws PtxFault and PtxError. */
export function runKernel(
  kernel: FuzzKernel,
  options: MachineOptions = {},
  module: PtxModule = parsePtx(moduleHeader + kernel.ptx),
): Uint8Array {
  const machine = new Machine(module, { instruction_budget: 2e8, ...options });
  const out = machine.alloc(kernel.out_bytes, { label: "out" });
  machine.write(out, new Uint8Array(kernel.out_bytes));
  const input = inputBytes(kernel);
  const source = machine.alloc(input.length, { label: "in", read_only: true });
  machine.write(source, input);
  machine.launch({
    kernel: kernel.name,
    grid: [kernel.grid, 1, 1],
    block: [kernel.block[0], kernel.block[1], 1],
    dynamic_shared_bytes: 0,
    params: [pointer(out), pointer(source)],
  });
  return machine.read(out, kernel.out_bytes);
}

/** The bits under all schedules, or a sentence that says where two of them part. */
export function runSchedules(kernel: FuzzKernel): { bytes: Uint8Array } | { differs: string } {
  const module = parsePtx(moduleHeader + kernel.ptx);
  const bytes = runKernel(kernel, schedules[0], module);
  for (const options of schedules.slice(1)) {
    const other = runKernel(kernel, options, module);
    const at = other.findIndex((byte, i) => byte !== bytes[i]);
    if (at >= 0) {
      return { differs: `seed ${kernel.seed}: byte ${at} with ${JSON.stringify(options)}` };
    }
  }
  return { bytes };
}

export function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function pointer(address: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(address).buffer);
}
