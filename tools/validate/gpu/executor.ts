import type { ArchBuild } from "../../build/compile.ts";
import { ToolError } from "../../errors.ts";
import type { ArgumentField } from "../../kernel/operators.ts";
import type { GpuWorker } from "../../worker/client.ts";
import type { CaseOutcome } from "../outcome.ts";
import { judgeCalls } from "../repeated-calls.ts";
import type { Executor, Work, WorkItem } from "../work.ts";
import { gpuStage } from "./call-stage.ts";
import { executeOnGpu } from "./gpu-case.ts";

export interface GpuCode {
  worker: GpuWorker;
  second?: GpuWorker | undefined;
  build: ArchBuild;
  code: "cubin" | "ptx_jit";
  fields: readonly ArgumentField[];
}

/**
 * Executes on the GPU, one item after the other. Repeated calls come first, on a module that was
 * just loaded: what counts its calls on the device has counted none yet.
 */
export function onGpu(gpu: GpuCode): Executor {
  return async (work) => {
    const order = work.items.map((_, index) => index);
    order.sort((a, b) => rank(work, a) - rank(work, b));
    const loaded = new Map<GpuWorker, number>();
    for (const index of order) {
      requireNotCancelled(work.signal);
      const item = work.items[index] as WorkItem;
      const worker = workerFor(gpu, item);
      // After a fault the runner is a new one, with a healthy context and no module.
      if (loaded.get(worker) !== worker.restarts) {
        await worker.load("candidate", { path: imageOf(gpu) });
        loaded.set(worker, worker.restarts);
      }
      work.onOutcome(index, await execute({ ...gpu, worker }, item, work, index));
    }
  };
}

function rank({ items }: Work, index: number): number {
  return items[index]?.check === "values" ? 1 : 0;
}

function workerFor({ worker, second }: GpuCode, { check }: WorkItem): GpuWorker {
  return check === "second_gpu" && second ? second : worker;
}

function imageOf({ build, code }: GpuCode): string {
  return code === "cubin" ? build.cubin : build.ptx;
}

function execute(
  { worker, fields }: GpuCode,
  { one, check }: WorkItem,
  work: Work,
  index: number,
): Promise<CaseOutcome> {
  const run = { one, worker, fields };
  const record = (args: Uint8Array) => work.record(index, args);
  return check === "values" ? executeOnGpu(run, record) : judgeCalls(one, gpuStage(run), record);
}

function requireNotCancelled(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new ToolError(
    "cancelled",
    "Cancelled while cases were being executed on the GPU.",
    "Make the same call again: builds and finished cases are kept.",
  );
}
