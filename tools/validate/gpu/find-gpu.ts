import type { ArchBuild } from "../../build/compile.ts";
import { ToolError } from "../../errors.ts";
import { archOf, type DeviceLimits } from "../../gpu/devices.ts";
import { limitsOf } from "../../gpu/limits.ts";
import { type Gpu, queryGpus } from "../../gpu/query.ts";
import type { ArgumentField } from "../../kernel/operators.ts";
import type { CudaCompiler } from "../../toolchain/compiler.ts";
import { findPython } from "../../toolchain/python.ts";
import { type GpuWorker, sharedWorker, WorkerFaultError } from "../../worker/client.ts";
import { judgePtx } from "../../worker/judge-code.ts";
import type { GpuPlace } from "../arch-input.ts";
import { onGpu } from "./executor.ts";
import { workspaceArena } from "./slots.ts";

/** The GPU that is used, or why none is: one sentence for the verdict. */
export interface GpuChoice {
  worker: GpuWorker | undefined;
  /** On another GPU of the same compute capability, where there is one. */
  second?: GpuWorker | undefined;
  limits: DeviceLimits | undefined;
  why: string;
}

/** The first GPU that the driver shows, with the judge's own code loaded. No GPU is an answer. */
export async function findGpu(
  args: { device?: string | undefined },
  compiler: CudaCompiler,
  signal: AbortSignal,
): Promise<GpuChoice> {
  const none = (why: string): GpuChoice => ({ worker: undefined, limits: undefined, why });
  if (args.device !== undefined) return none(`executed as the ${args.device}, which was asked for`);
  const python = await findPython();
  if (!python) return none("no GPU was looked for: there is no Python to reach the driver with");
  let worker: GpuWorker | undefined;
  try {
    worker = await sharedWorker({ python: python.python, device_index: 0, signal });
    await loadJudge(worker, compiler, signal);
    const gpus = await gpusHere();
    const second = await secondWorker(gpus, python.python, compiler, signal);
    const gpu = gpus[worker.device.index];
    const limits = gpu && limitsOf(gpu);
    return { worker, second, limits, why: `on the ${worker.device.name}` };
  } catch (error) {
    // Who holds a shared runner keeps every later call waiting.
    await worker?.close();
    if (error instanceof ToolError && error.code === "gpu_unavailable") return none(error.message);
    if (error instanceof WorkerFaultError) {
      return none(`the driver does not load the judge's code: ${error.message}`);
    }
    throw error;
  }
}

/** Where a build's code runs on that GPU; undefined where the GPU is older than the arch. */
export function onThisGpu(
  { worker, second }: GpuChoice,
  build: ArchBuild,
  fields: readonly ArgumentField[],
): GpuPlace | undefined {
  if (!worker) return undefined;
  const code = codeFor(build.arch, worker.device.compute_capability);
  if (!code) return undefined;
  const { uuid, driver_version } = worker.device;
  return {
    identity: `${uuid} ${driver_version}`,
    code,
    count: second ? 2 : 1,
    arena: workspaceArena(worker),
    ...(second && { second_arena: workspaceArena(second) }),
    execute: onGpu({ worker, second, build, code, fields }),
  };
}

/** Hands warm runners on to the next caller. */
export async function releaseGpu({ worker, second }: GpuChoice): Promise<void> {
  await Promise.all([worker?.close(), second?.close()]);
}

/** A warm runner has it already, and after a fault the client loads it again by itself. */
async function loadJudge(worker: GpuWorker, compiler: CudaCompiler, signal: AbortSignal) {
  await worker.load("judge", { path: await judgePtx(compiler, signal) });
}

let gpusAsked: Promise<readonly Gpu[]> | undefined;

/** What the driver says of all GPUs: asked once, since it takes a process; it has a time limit of its own. */
function gpusHere(): Promise<readonly Gpu[]> {
  gpusAsked ??= queryGpus().then(({ gpus }) => gpus);
  gpusAsked.catch(() => {
    gpusAsked = undefined;
  });
  return gpusAsked;
}

/** On a GPU of the same kind: the same code must run there. Without one nothing is missing. */
async function secondWorker(
  gpus: readonly Gpu[],
  python: string,
  compiler: CudaCompiler,
  signal: AbortSignal,
): Promise<GpuWorker | undefined> {
  const [first, other] = gpus;
  if (!other || other.compute_capability !== first?.compute_capability) return undefined;
  let worker: GpuWorker | undefined;
  try {
    worker = await sharedWorker({ python, device_index: 1, signal });
    await loadJudge(worker, compiler, signal);
    return worker;
  } catch (error) {
    await worker?.close();
    if (signal.aborted) throw error;
    return undefined;
  }
}

/**
 * Machine code runs on the arch that it is for, that of a chip's own features too; PTX of an older
 * GPU is translated by the driver (CUDA C++ programming guide, 3.1.3 and 3.1.4).
 */
function codeFor(arch: string, capability: string): "cubin" | "ptx_jit" | undefined {
  const wanted = /^sm_(\d+)(\d)([af]?)$/u.exec(arch);
  if (!wanted) return undefined;
  if (`sm_${wanted[1]}${wanted[2]}` === archOf(capability)) return "cubin";
  const [major = 0, minor = 0] = capability.split(".").map(Number);
  const older = Number(wanted[1]) * 10 + Number(wanted[2]) < major * 10 + minor;
  return older && !wanted[3] ? "ptx_jit" : undefined;
}
