import type { Step, WorkerFault } from "../../worker/client.ts";
import { drawLaunches, measureLaunches } from "../../worker/judge-launches.ts";
import { type FaultReport, type Measurement, nothingExecuted } from "../outcome.ts";
import { rowsOf } from "../output.ts";
import { type PlacedCase, placeCase } from "../prepare-case.ts";
import type { CallStage } from "../repeated-calls.ts";
import { doesNotFit, type GpuRun, gpuFault, mapRanges, timeLimitMs } from "./gpu-case.ts";
import { readMeasurement, readOutput, readStep } from "./read-measurement.ts";
import { SlotMemory } from "./slots.ts";
import { candidateSteps, judgeSteps, mapSteps } from "./steps.ts";
import { strayOperation } from "./stray.ts";

/** Long enough for a launch on an unordered stream to overtake the inputs' being written. */
const producerDelayUs = 2_000;

/**
 * Calls on the GPU. The inputs are written late, by kernels behind a delay on the call's stream:
 * work that does not wait for that stream reads what was there before. A replay is that of a graph.
 */
export function gpuStage(run: GpuRun): CallStage {
  const { one, worker, fields } = run;
  const places = [0, 1].map((place) => {
    const memory = new SlotMemory(worker, place as 0 | 1);
    return { memory, placed: placeCase(one, fields, memory) };
  });
  let last: { memory: SlotMemory; placed: PlacedCase; seed: number } | undefined;
  let measurement: Measurement | undefined;
  const drawn = () => {
    if (!last) throw new Error("nothing was drawn");
    return last;
  };
  return {
    async draw(place, seed) {
      last = { ...(places[place] as (typeof places)[number]), seed };
      last.placed.redraw(seed);
      return last.placed.arguments;
    },
    async perform(recorded, replayed) {
      const { memory, placed, seed } = drawn();
      const stray = strayOperation(recorded, memory.buffers);
      if (stray) return stray;
      const unfit = doesNotFit(memory, worker) ?? (await run.load());
      if (unfit) return { kind: "unsupported", message: unfit };
      const steps = candidateSteps(recorded);
      const judged = memory.places();
      const reply = await worker.run(
        [
          ...mapRanges(memory),
          ...mapSteps(recorded),
          ...(replayed ? [{ do: "capture", name: "call", steps } as Step] : []),
          { do: "delay", microseconds: producerDelayUs, stream: "call" },
          ...judgeSteps(drawLaunches(one, judged, { seed })),
          ...(replayed ? [{ do: "replay", name: "call" } as Step] : steps),
          { do: "synchronize" },
          ...judgeSteps(measureLaunches(one, judged, { seed })),
          readStep(judged),
        ],
        { time_limit_ms: timeLimitMs(one) },
      );
      if (!reply.ok) return kernelFault(reply.fault);
      const measured = await readMeasurement(run, placed, judged, reply.results.at(-1));
      if (typeof measured === "string") return { kind: "unsupported", message: measured };
      measurement = measured;
      return undefined;
    },
    async measure() {
      return measurement as Measurement;
    },
    async output() {
      const { memory, placed } = drawn();
      return rowsOf(one, await readOutput(run, placed, memory.places()));
    },
  };
}

/** A fault of the machine is none of the kernel's: no verdict on these calls. */
function kernelFault(fault: WorkerFault): FaultReport {
  const outcome = gpuFault(fault, nothingExecuted);
  if (outcome.state === "faulted") return outcome.fault;
  return { kind: "unsupported", message: "message" in outcome ? outcome.message : fault.message };
}
