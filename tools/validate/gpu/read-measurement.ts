import { ToolError } from "../../errors.ts";
import type { KernelCase } from "../../kernel/cases.ts";
import { dtypeFacts } from "../../kernel/dtypes.ts";
import type { Step, StepResult } from "../../worker/client.ts";
import type { JudgePlaces } from "../../worker/judge-case.ts";
import {
  type DeviceMeasurement,
  decodeMeasure,
  measureResultBytes,
} from "../../worker/judge-launches.ts";
import { measure } from "../measure.ts";
import type { Measurement } from "../outcome.ts";
import type { Output } from "../output.ts";
import type { PreparedCase } from "../prepare-case.ts";
import type { GpuRun } from "./gpu-case.ts";

/** The last step of a measured run: the device's result struct. */
export function readStep(places: JudgePlaces): Step {
  return { do: "read", address: places.result, bytes: measureResultBytes };
}

/**
 * What the device measured, or why that cannot be told. Where something is wrong and the output is small enough to be read
 * back, it is measured here as well: that names the fault and the place.
 */
export async function readMeasurement(
  run: GpuRun,
  prepared: PreparedCase,
  places: JudgePlaces,
  result: StepResult | undefined,
): Promise<Measurement | string> {
  const found = decodeMeasure(bytesOf(result));
  if (found.elements !== run.one.rows * run.one.hidden_size)
    return "the judge's kernels did not run to their end";
  const wrong = found.bad_count > 0 || found.beyond > 0 || found.rstd_max_ulp > 8;
  const elements = run.one.rows * run.one.hidden_size;
  if (wrong && elements <= mostReadBack && prepared.layout.buffer_bytes <= mostBytesReadBack) {
    const output = await readOutput(run, prepared, places);
    const measured = measure(run.one, prepared.inputs, output);
    return { ...measured, ...guardsOf(found) };
  }
  return asMeasurement(run.one, found);
}

/** Elements: a second of measuring here. The runner reads at most 64 MiB at once. */
const mostReadBack = 1 << 22;
const mostBytesReadBack = 48 << 20;

/** The output rows, as they lie on the device. */
export async function readOutput(
  { one, worker }: GpuRun,
  prepared: PreparedCase,
  places: JudgePlaces,
): Promise<Output> {
  const bytes = prepared.layout.buffer_bytes;
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;
  const steps: Step[] = [{ do: "read", address: places.out.address, bytes }];
  const perRow = (address: bigint | undefined, size: number) => {
    if (address === undefined || one.rows === 0) return -1;
    return steps.push({ do: "read", address, bytes: one.rows * size }) - 1;
  };
  const rstd = perRow(prepared.rstd, 4);
  const mean = perRow(prepared.mean, 4);
  const residual = perRow(prepared.residual, rowBytes);
  const reply = await worker.run(steps, { time_limit_ms: 30_000 });
  if (!reply.ok) {
    throw new ToolError(
      "gpu_unhealthy",
      `An output cannot be read back from the GPU: ${reply.fault.message}.`,
      "Make the same call again: finished cases are kept.",
    );
  }
  const out = bytesOf(reply.results[0]);
  const floats = (index: number) =>
    index < 0 ? undefined : new Float32Array(bytesOf(reply.results[index]).slice().buffer);
  const sums = residual < 0 ? undefined : bytesOf(reply.results[residual]);
  const elementBytes = dtypeFacts[one.out_dtype].bytes;
  return {
    layout: prepared.layout,
    // A copy: views of other element types need its begin to be aligned.
    read: (first, count) => out.slice(first * elementBytes, (first + count) * elementBytes),
    rstd: floats(rstd),
    mean: floats(mean),
    residual: sums && ((row) => sums.slice(row * rowBytes, (row + 1) * rowBytes)),
  };
}

/** Without the output itself: numbers and places, no diagnosis. */
function asMeasurement(one: KernelCase, found: DeviceMeasurement): Measurement {
  const { bad_count, first_bad_index, bad_rows } = found;
  const at = (index: number) =>
    `row ${Math.floor(index / one.hidden_size)}, column ${index % one.hidden_size}`;
  return {
    elements: one.rows * one.hidden_size,
    max_ulp: found.max_ulp,
    beyond: found.beyond,
    exact_count: found.exact_count,
    bad_count,
    not_written_count: found.not_written_count,
    first_bad: undefined,
    worst: undefined,
    pattern:
      bad_count > 0 && first_bad_index !== undefined
        ? `${bad_rows} of ${one.rows} rows, from ${at(first_bad_index)} on`
        : "",
    diagnosis:
      bad_count > 0 && found.not_written_count === bad_count
        ? { reason: "not_written", nature: `${bad_count} elements are never written` }
        : undefined,
    ...guardsOf(found),
    rstd_max_ulp: found.rstd_max_ulp,
    mean_max_ulp: found.mean_max_ulp,
    residual_bad: found.residual_bad,
  };
}

/** What lies around the buffers is looked at on the device alone. */
function guardsOf(found: DeviceMeasurement) {
  return {
    canaries_broken: found.canaries_broken + found.guards_broken,
    inputs_changed: found.inputs_changed,
  };
}

function bytesOf(result: StepResult | undefined): Uint8Array {
  if (!result) throw new Error("the runner returned nothing for a read");
  return result.data;
}
