import { expect } from "vitest";
import { caseName, type KernelCase } from "../../tools/kernel/cases.ts";
import { dtypeFacts } from "../../tools/kernel/dtypes.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import type { Deviation, RowInputs } from "../../tools/kernel/reference.ts";
import type { PtxModule } from "../../tools/ptx/index.ts";
import { measure } from "../../tools/validate/measure.ts";
import type { Measurement } from "../../tools/validate/outcome.ts";
import {
  type DeviceMeasurement,
  decodeMeasure,
  drawLaunches,
  measureLaunches,
  measureResultBytes,
} from "../../tools/worker/judge-launches.ts";
import { JudgeDevice } from "./judge-device.ts";
import { inputsOf, outputOf, writeOutput } from "./judge-output.ts";

/** A device with the output of a kernel that computes the reference, or one that deviates. */
export interface Prepared {
  one: KernelCase;
  device: JudgeDevice;
  inputs: (row: number) => RowInputs;
}

export function prepared(
  module: PtxModule | undefined,
  one: KernelCase,
  deviation?: Deviation,
): Prepared {
  if (!module) throw new Error("runIf skips without a compiler");
  const device = new JudgeDevice(module, one);
  device.run(drawLaunches(one, device.places));
  const inputs = inputsOf(one);
  writeOutput(device, one, inputs, deviation);
  return { one, device, inputs };
}

export function measured({ one, device }: Prepared): DeviceMeasurement {
  device.run(measureLaunches(one, device.places));
  return decodeMeasure(device.read(device.places.result, measureResultBytes));
}

/**
 * Counts must be equal. Distances may differ by what the order of a float64 sum of n squares makes:
 * n half-ulps of a double in rstd, at most n * 2^-53 of the value, that is n * 2^-29 ulp of float32.
 */
export function expectAgreement(item: Prepared, found: DeviceMeasurement): Measurement {
  const { one, device, inputs } = item;
  const wanted = measure(one, inputs, outputOf(device, one));
  const indexOf = (element: Measurement["worst"]) =>
    element && element.row * one.hidden_size + element.column;
  const counts = {
    elements: wanted.elements,
    beyond: wanted.beyond,
    bad_count: wanted.bad_count,
    not_written_count: wanted.not_written_count,
    exact_count: wanted.exact_count,
    first_bad_index: indexOf(wanted.first_bad),
    worst_index: indexOf(wanted.worst),
    residual_bad: wanted.residual_bad,
    canaries_broken: wanted.canaries_broken,
  };
  expect(found, caseName(one)).toMatchObject(counts);
  for (const name of ["max_ulp", "rstd_max_ulp", "mean_max_ulp"] as const) {
    const [got, expected] = [found[name], wanted[name]];
    const close = got === expected || Math.abs(got - expected) <= one.hidden_size * 2 ** -29;
    expect(close, `${name} ${got} for ${expected}: ${caseName(one)}`).toBe(true);
  }
  return wanted;
}

/** Writes the bits of one element of the output. */
export function corrupt(
  { one, device }: Pick<Prepared, "one" | "device">,
  index: number,
  change: (bits: number) => number,
): void {
  const { bytes } = dtypeFacts[one.out_dtype];
  const row = Math.floor(index / one.hidden_size);
  const element = rowStart(layoutOfCase(one).out, row) + (index % one.hidden_size);
  spoil(device, device.places.out.address + BigInt(element * bytes), bytes, change);
}

/** Changes the bits of 2 or 4 bytes. */
export function spoil(
  device: JudgeDevice,
  address: bigint,
  bytes: number,
  change: (bits: number) => number,
): void {
  const view = new DataView(device.read(address, bytes).slice().buffer);
  if (bytes === 2) view.setUint16(0, change(view.getUint16(0, true)), true);
  else view.setUint32(0, change(view.getUint32(0, true)), true);
  device.machine.write(address, new Uint8Array(view.buffer));
}
