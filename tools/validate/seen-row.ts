import { accuracyLimits } from "../kernel/accuracy.ts";
import type { KernelCase } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import { kindOfRow, type RowKind } from "../kernel/inputs.ts";
import { type ReferenceRow, type RowInputs, referenceRow } from "../kernel/reference.ts";
import { distanceOf, type GotRow, type Output, readRow } from "./output.ts";

/** One row of a wrong output, beside what it should be. */
export interface SeenRow {
  row: number;
  kind: RowKind;
  inputs: RowInputs;
  got: GotRow;
  reference: ReferenceRow;
  /** Elements beyond the limits, and of these the ones that still hold the poison. */
  bad: number;
  not_written: number;
}

export function seeRow(
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  output: Output,
  row: number,
): SeenRow {
  const drawn = inputs(row);
  const reference = referenceRow(one, drawn);
  const got = readRow(one, output, row);
  const { max_ulp } = accuracyLimits(one);
  const { poison } = dtypeFacts[one.out_dtype];
  let bad = 0;
  let not_written = 0;
  got.values.forEach((value, column) => {
    const missing = got.bits[column] === poison;
    if (missing) not_written += 1;
    if (missing || distanceOf(one, reference, value, column).plain > max_ulp) bad += 1;
  });
  const kind = kindOfRow(one.inputs, row);
  return { row, kind, inputs: drawn, got, reference, bad, not_written };
}
