import { type DeviceLimits, deviceForArch } from "../gpu/devices.ts";
import { type Occupancy, occupancy } from "../gpu/occupancy.ts";
import type { MachineCode } from "./machine-code.ts";

/** What ptxas says of one kernel (-Xptxas -v). */
export interface AssemblerFacts {
  registers_per_thread: number;
  stack_frame_bytes: number;
  spill_store_bytes: number;
  spill_load_bytes: number;
  /** Without what the system reserves per block. */
  static_shared_bytes: number;
}

export interface KernelOccupancy {
  /** The threads of a block that the numbers hold for: the most that the kernel allows. */
  threads_per_block: number;
  blocks_per_sm: number;
  warps_per_sm: number;
  occupancy_pct: number;
  limited_by: Occupancy["limited_by"];
  /** Whose limits were taken: "H100". */
  device: string;
}

/** One kernel on one arch, without running it. */
export interface KernelResources extends AssemblerFacts, MachineCode {
  /** Mangled, as in the PTX. */
  name: string;
  demangled: string;
  /** Of a block: from __launch_bounds__, else as many as its registers allow. */
  max_threads: number;
  local_bytes: number;
  /** Widths that occur, ascending. */
  global_load_bits: number[];
  global_store_bits: number[];
  occupancy: KernelOccupancy;
}

/** Per kernel, by mangled name, from what ptxas -v printed. Functions that are called count with their caller. */
export function readAssemblerFacts(stderr: string): Map<string, AssemblerFacts> {
  const facts = new Map<string, AssemblerFacts>();
  let current: AssemblerFacts | undefined;
  let described = "";
  let kernel = "";
  for (const line of stderr.split("\n")) {
    const entry = /Compiling entry function '([^']+)'/u.exec(line)?.[1];
    if (entry !== undefined) {
      kernel = entry;
      current = {
        registers_per_thread: 0,
        stack_frame_bytes: 0,
        spill_store_bytes: 0,
        spill_load_bytes: 0,
        static_shared_bytes: 0,
      };
      facts.set(kernel, current);
      continue;
    }
    described = /Function properties for (\S+)/u.exec(line)?.[1] ?? described;
    if (current === undefined) continue;
    const frame =
      /(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads/u.exec(line);
    if (frame) {
      const [, stack, stores, loads] = frame.map(Number);
      // A called function's frame stacks on the kernel's own.
      current.stack_frame_bytes += stack ?? 0;
      current.spill_store_bytes += stores ?? 0;
      current.spill_load_bytes += loads ?? 0;
    }
    const used = /Used (\d+) registers/u.exec(line)?.[1];
    if (used !== undefined && described === kernel) current.registers_per_thread = Number(used);
    const shared = /(\d+) bytes smem/u.exec(line)?.[1];
    if (shared !== undefined) current.static_shared_bytes = Number(shared);
  }
  return facts;
}

/** Most threads of a block that __launch_bounds__ allows, by mangled name; undefined where it is not given. */
export function readLaunchBounds(ptx: string): Map<string, number | undefined> {
  const threads = new Map<string, number | undefined>();
  const entries = /\.entry\s+([\w$]+)\s*\([^)]*\)\s*((?:\.[a-z]\w*[^{;.]*)*)\{/gu;
  for (const [, name = "", directives = ""] of ptx.matchAll(entries)) {
    const bound = /\.(?:maxntid|reqntid)\s+([\d,\s]+)/u.exec(directives)?.[1];
    threads.set(
      name,
      bound?.split(",").reduce((all, one) => all * Number(one), 1),
    );
  }
  return threads;
}

export interface ResourceInputs {
  arch: string;
  /** What -Xptxas -v printed. */
  assembler_output: string;
  ptx: string;
  machine_code: ReadonlyMap<string, MachineCode>;
  /** Demangled by mangled. */
  names: ReadonlyMap<string, string>;
}

/** Every kernel of one library, in order of its readable name. */
export function kernelResources(inputs: ResourceInputs): KernelResources[] {
  const assembler = readAssemblerFacts(inputs.assembler_output);
  const bounds = readLaunchBounds(inputs.ptx);
  const device = deviceForArch(inputs.arch);
  const kernels: KernelResources[] = [];
  for (const [name, code] of inputs.machine_code) {
    const facts = assembler.get(name);
    if (!facts || !bounds.has(name)) continue; // A device function with a body of its own, no kernel.
    const { registers_per_thread, static_shared_bytes: shared_bytes } = facts;
    const threads_per_block =
      bounds.get(name) ?? mostThreads(device, { registers_per_thread, shared_bytes });
    const needs = { threads_per_block, registers_per_thread, shared_bytes };
    kernels.push({
      name,
      demangled: inputs.names.get(name) ?? name,
      ...facts,
      ...code,
      max_threads: threads_per_block,
      local_bytes: facts.stack_frame_bytes,
      global_load_bits: code.global_loads.map(({ bits }) => bits),
      global_store_bits: code.global_stores.map(({ bits }) => bits),
      occupancy: { threads_per_block, ...occupancy(device, needs), device: device.name },
    });
  }
  return kernels.sort((a, b) => (a.demangled < b.demangled ? -1 : 1));
}

/** As the driver says of a kernel without __launch_bounds__: the largest block that can be launched. */
function mostThreads(
  device: DeviceLimits,
  needs: { registers_per_thread: number; shared_bytes: number },
): number {
  for (let threads = device.max_threads_per_block; threads > 32; threads -= 32) {
    const fits = occupancy(device, { ...needs, threads_per_block: threads }).blocks_per_sm > 0;
    if (fits) return threads;
  }
  return 32;
}
