import type { ArchBuild } from "../../build/compile.ts";
import { ToolError } from "../../errors.ts";
import type { ArgumentField } from "../../kernel/operators.ts";
import { type GpuWorker, WorkerFaultError } from "../../worker/client.ts";
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
    const patience = new Patience();
    const load = loader(imageOf(gpu));
    for (const index of order) {
      requireNotCancelled(work.signal);
      const item = work.items[index] as WorkItem;
      const { spent } = patience;
      if (spent) {
        work.onOutcome(index, { state: "not_executed", message: spent });
        continue;
      }
      const worker = workerFor(gpu, item);
      const { restarts } = worker;
      const run = { one: item.one, worker, fields: gpu.fields, load: () => load(worker) };
      const record = (args: Uint8Array) => work.record(index, args);
      const outcome = await (item.check === "values"
        ? executeOnGpu(run, record)
        : judgeCalls(item.one, gpuStage(run), record));
      patience.note(outcome, worker.restarts > restarts);
      work.onOutcome(index, outcome);
    }
  };
}

/** Each costs the whole time limit. */
const mostHangs = 2;
/** Each costs half a second: a fresh process, context and probe. */
const mostLostContexts = 8;

/** A kernel that has hung, or lost the GPU's context, often enough is not launched again. */
class Patience {
  #hangs = 0;
  #lost = 0;

  note(outcome: CaseOutcome, lostContext: boolean): void {
    if (lostContext) this.#lost += 1;
    if (outcome.state === "faulted" && outcome.fault.kind === "timed_out") this.#hangs += 1;
  }

  /** Why no more is executed; undefined where it is. */
  get spent(): string | undefined {
    if (this.#hangs >= mostHangs) return `not launched: the kernel has hung ${mostHangs} times`;
    if (this.#lost < mostLostContexts) return undefined;
    return `not launched: the kernel has cost the GPU's context ${mostLostContexts} times`;
  }
}

/**
 * Loads the candidate where the runner does not have it: after a fault it is a new one, with a
 * healthy context and no module. Returns why the driver does not load it; undefined where it does.
 */
function loader(path: string): (worker: GpuWorker) => Promise<string | undefined> {
  const loaded = new Map<GpuWorker, number>();
  return async (worker) => {
    if (loaded.get(worker) === worker.restarts) return undefined;
    try {
      await worker.load("candidate", { path });
      loaded.set(worker, worker.restarts);
      return undefined;
    } catch (error) {
      if (error instanceof WorkerFaultError) return `the driver does not load it: ${error.message}`;
      throw error;
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

function requireNotCancelled(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new ToolError(
    "cancelled",
    "Cancelled while cases were being executed on the GPU.",
    "Make the same call again: builds and finished cases are kept.",
  );
}
