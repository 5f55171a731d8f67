import type { ArchBuild } from "../build/compile.ts";
import type { DeviceLimits } from "../gpu/devices.ts";
import type { Arena } from "../record/recorder.ts";
import type { Executor } from "./work.ts";

/** One arch of the candidate: its build, the device that its host code is shown, and its PTX. */
export interface ArchInput {
  build: ArchBuild;
  device: DeviceLimits;
  ptx: string;
  /** Left out: everything is executed in the interpreter. */
  gpu?: GpuPlace | undefined;
}

/** The GPU that values and calls of an arch are executed on. */
export interface GpuPlace {
  /** Of GPU and driver: outcomes are kept by it. */
  identity: string;
  /** Machine code of the build, or the driver's translation of its PTX. */
  code: "cubin" | "ptx_jit";
  /** GPUs that are used: more than one, where repeated calls are made on a second as well. */
  count: number;
  /** Where the host code's own allocations lie. */
  arena: Arena;
  /** The same on the second GPU. */
  second_arena?: Arena;
  execute: Executor;
}
