import type { KernelCase } from "../../kernel/cases.ts";
import type { ArgumentField } from "../../kernel/operators.ts";
import type { GpuWorker, Step, WorkerFault } from "../../worker/client.ts";
import { drawLaunches, measureLaunches } from "../../worker/judge-launches.ts";
import { acceptedLaunches, hostFault } from "../host-fault.ts";
import type { CaseOutcome, Executed } from "../outcome.ts";
import { placeCase } from "../prepare-case.ts";
import type { Recording } from "../recording.ts";
import { readMeasurement, readStep } from "./read-measurement.ts";
import { granuleBytes, SlotMemory } from "./slots.ts";
import { candidateSteps, freeSteps, judgeSteps, mapSteps } from "./steps.ts";
import { strayOperation } from "./stray.ts";

/** A case, the GPU that it is run on, and how the entry point's struct is laid out. */
export interface GpuRun {
  one: KernelCase;
  worker: GpuWorker;
  fields: readonly ArgumentField[];
  /** Sees that the candidate's code is loaded: a fault costs it. Returns why it is not, if it is not. */
  load(): Promise<string | undefined>;
}

/**
 * One case on the GPU: the recorded launches on buffers that the judge's device code draws, poisons
 * and measures there. A wrong output is read back and measured once more here, for its diagnosis.
 */
export async function executeOnGpu(
  run: GpuRun,
  record: (args: Uint8Array) => Promise<Recording>,
): Promise<CaseOutcome> {
  const { one, worker, fields } = run;
  const began = performance.now();
  const memory = new SlotMemory(worker, 0);
  const placed = placeCase(one, fields, memory);
  const recording = await record(placed.arguments);
  if (recording.state === "not_recorded") return recording;
  if (recording.state === "known") return recording.outcome;
  const { result, result_name, operations } = recording;
  const executed = (): Executed => ({
    launches: acceptedLaunches(operations),
    thread_instructions: 0,
    milliseconds: performance.now() - began,
    launch_digest: "",
  });
  if (result !== 0) return { state: "refused", result_name, ...executed() };
  const refused = hostFault(recording) ?? strayOperation(recording, memory.buffers);
  if (refused) return { state: "faulted", fault: refused, ...executed() };
  const unfit = doesNotFit(memory, worker) ?? (await run.load());
  if (unfit) return { state: "not_executed", message: unfit };

  const places = memory.places();
  const reply = await worker.run(
    [
      ...mapRanges(memory),
      ...judgeSteps(drawLaunches(one, places)),
      ...mapSteps(recording),
      ...candidateSteps(recording),
      { do: "synchronize" },
      ...judgeSteps(measureLaunches(one, places)),
      readStep(places),
      ...freeSteps(recording),
    ],
    { time_limit_ms: timeLimitMs(one) },
  );
  if (!reply.ok) return gpuFault(reply.fault, executed());
  const measurement = await readMeasurement(
    run,
    placed,
    places,
    reply.results.findLast((result) => result !== null),
  );
  if (typeof measurement === "string") return { state: "not_executed", message: measurement };
  const { gpu_ms } = reply;
  return { state: "measured", measurement, reused: false, ...executed(), gpu_ms };
}

export function mapRanges(memory: SlotMemory): Step[] {
  return memory.ranges().map((range) => ({ do: "map", ...range }));
}

/** A hundred times what the slowest known honest kernel needs, and time to map and to measure. */
export function timeLimitMs({ rows, hidden_size }: KernelCase): number {
  return 5_000 + Math.ceil((rows * hidden_size) / 1e5);
}

/** The fault as an outcome: of the kernel, or of the machine, which says nothing of the kernel. */
export function gpuFault(fault: WorkerFault, executed: Executed): CaseOutcome {
  const { kind, message } = fault;
  if (kind === "out_of_memory" || kind === "not_run" || kind === "runner_failed") {
    return { state: "not_executed", message: `${kind}: ${message}` };
  }
  if (kind === "bad_request") throw new Error(`the GPU runner refused a request: ${message}`);
  return { state: "faulted", fault: { kind, message }, ...executed };
}

/** Why the case's buffers cannot be had on this GPU; undefined where they can. */
export function doesNotFit(
  memory: SlotMemory,
  { device, slot_bytes }: GpuWorker,
): string | undefined {
  const largest = Math.max(...memory.ranges().map(({ bytes }) => bytes));
  if (largest > Number(slot_bytes) - granuleBytes) return `needs a buffer of ${gib(largest)}`;
  const needed = memory.ranges().reduce((sum, { bytes }) => sum + bytes, 0);
  const available = device.memory_free_bytes * 0.9;
  if (needed <= available) return undefined;
  return `needs ${gib(needed)} of device memory, and ${gib(available)} are free`;
}

function gib(bytes: number): string {
  return `${(bytes / 2 ** 30).toFixed(1)} GiB`;
}
