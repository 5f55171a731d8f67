import type { KernelCase } from "../../tools/kernel/cases.ts";
import { bitsOf, bitsView, dtypeFacts, roundTo } from "../../tools/kernel/dtypes.ts";
import { drawRow, drawWeight } from "../../tools/kernel/inputs.ts";
import { layoutOfCase, type MatrixLayout, rowStart } from "../../tools/kernel/layout.ts";
import { type Deviation, type RowInputs, referenceRow } from "../../tools/kernel/reference.ts";
import { measure } from "../../tools/validate/measure.ts";
import type { Measurement } from "../../tools/validate/outcome.ts";

/** What a pretended kernel does otherwise than the definition says. */
export interface Pretence {
  deviation?: Deviation;
  /** Changes the values of a row before they are rounded and stored. */
  spoil?: (values: Float64Array, row: number) => void;
  /** Elements that are set to zero bits behind the judge's back. */
  stray?: number;
  /** What the kernel takes the case and its inputs for. */
  taken?: Partial<KernelCase>;
  inputs?: (row: number, right: (row: number) => RowInputs) => RowInputs;
  /** Where it writes a row, in elements of its own output dtype. */
  start?: (row: number, layout: MatrixLayout) => number;
}

/** A value that no kernel gives: the element is left as it is. */
export const notWritten = 123456.789;

/** The inputs of a case, as the judge draws them. */
export function inputsOf(one: KernelCase): (row: number) => RowInputs {
  const { seed, hidden_size, dtype, weight_offset, weight_values } = one;
  const weightDtype = one.weight === "float32" ? "float32" : dtype;
  const weight =
    one.weight === "none"
      ? undefined
      : drawWeight(seed, hidden_size, weightDtype, weight_offset, weight_values);
  return (row) => ({
    x: drawRow(one.inputs, seed, row, hidden_size, dtype),
    weight,
    residual: undefined,
    bias: undefined,
  });
}

/** Measures the output of a pretended kernel. */
export function measured(one: KernelCase, pretence: Pretence = {}): Measurement {
  const inputs = inputsOf(one);
  const taken = { ...one, ...pretence.taken };
  const layout = layoutOfCase(one).out;
  const { bytes: elementBytes, poison } = dtypeFacts[one.out_dtype];
  const buffer = new Uint8Array(layout.buffer_bytes);
  const declared = bitsView(buffer, one.out_dtype).fill(poison);
  const bits = bitsView(buffer, taken.out_dtype);
  for (let row = 0; row < one.rows; row += 1) {
    const seen = pretence.inputs?.(row, inputs) ?? inputs(row);
    const values = referenceRow(taken, seen, pretence.deviation).ordered;
    pretence.spoil?.(values, row);
    const start = pretence.start?.(row, layout) ?? rowStart(layout, row);
    values.forEach((value, column) => {
      if (value === notWritten) return;
      bits[start + column] = bitsOf(roundTo(value, taken.out_dtype), taken.out_dtype);
    });
  }
  if (pretence.stray !== undefined) declared[pretence.stray] = 0;
  const read = (first: number, count: number) =>
    buffer.slice(first * elementBytes, (first + count) * elementBytes);
  return measure(one, inputs, { layout, read, rstd: undefined });
}
