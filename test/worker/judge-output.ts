import type { KernelCase } from "../../tools/kernel/cases.ts";
import { bitsOf, bitsView, type Dtype, dtypeFacts, roundTo } from "../../tools/kernel/dtypes.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { rmsnormFields } from "../../tools/kernel/operators.ts";
import {
  type Deviation,
  type RowInputs,
  referenceRow,
  summed,
} from "../../tools/kernel/reference.ts";
import type { Output } from "../../tools/validate/output.ts";
import { placeCase } from "../../tools/validate/prepare-case.ts";
import type { JudgeDevice } from "./judge-device.ts";

/** The inputs of a case as TypeScript draws them. */
export function inputsOf(one: KernelCase): (row: number) => RowInputs {
  const nowhere = { alloc: () => 0n, write: () => {}, read: () => new Uint8Array() };
  return placeCase(one, rmsnormFields, nowhere).inputs;
}

/** Writes what a kernel that computes the (deviating) reference would leave behind. */
export function writeOutput(
  device: JudgeDevice,
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  deviation: Deviation = {},
): void {
  const { out, rstd, mean, residual } = device.places;
  const layout = layoutOfCase(one).out;
  const put = (address: bigint, index: number, values: Float64Array, dtype: Dtype) =>
    device.machine.write(address + BigInt(index * dtypeFacts[dtype].bytes), encode(values, dtype));
  for (let row = 0; row < one.rows; row += 1) {
    const drawn = inputs(row);
    const reference = referenceRow(one, drawn, deviation);
    put(out.address, rowStart(layout, row), reference.ordered, one.out_dtype);
    if (rstd) put(rstd.address, row, Float64Array.of(reference.rstd), "float32");
    if (mean) put(mean.address, row, Float64Array.of(reference.mean), "float32");
    if (residual) {
      const sum = summed({ ...one, rounded_sum: true }, drawn);
      put(residual.address, row * one.hidden_size, sum, one.dtype);
    }
  }
}

function encode(values: Float64Array, dtype: Dtype): Uint8Array {
  const bytes = new Uint8Array(values.length * dtypeFacts[dtype].bytes);
  const bits = bitsView(bytes, dtype);
  values.forEach((value, index) => {
    bits[index] = bitsOf(roundTo(value, dtype), dtype);
  });
  return bytes;
}

/** The same memory, as tools/validate/measure.ts reads it. */
export function outputOf(device: JudgeDevice, one: KernelCase): Output {
  const { out, rstd, mean, residual } = device.places;
  const elementBytes = dtypeFacts[one.out_dtype].bytes;
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;
  const floats = (buffer: typeof rstd) =>
    buffer && new Float32Array(device.read(buffer.address, 4 * one.rows).slice().buffer);
  return {
    layout: layoutOfCase(one).out,
    read: (first, count) =>
      device.read(out.address + BigInt(first * elementBytes), count * elementBytes),
    rstd: floats(rstd),
    mean: floats(mean),
    residual:
      residual && ((row) => device.read(residual.address + BigInt(row * rowBytes), rowBytes)),
  };
}
