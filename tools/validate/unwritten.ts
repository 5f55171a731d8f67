import type { KernelCase } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import { plural } from "../text.ts";
import type { Diagnosis, Measurement } from "./outcome.ts";
import type { SeenRow } from "./seen-row.ts";

/** Tells an output that was never written from one that lacks whole rows, or the end of each. */
export function describeNotWritten(
  one: KernelCase,
  rows: readonly SeenRow[],
  { elements, not_written_count }: Pick<Measurement, "elements" | "not_written_count">,
): Diagnosis {
  if (not_written_count === elements) {
    return { reason: "not_written", nature: "no element of the output is written" };
  }
  const unwritten = rows.filter((row) => row.not_written > 0);
  const whole = unwritten.every((row) => row.not_written === one.hidden_size);
  if (whole && not_written_count % one.hidden_size === 0) {
    const count = not_written_count / one.hidden_size;
    return {
      reason: "rows_not_written",
      nature: `${count} of ${plural(one.rows, "row")} are never written`,
    };
  }
  const tail = not_written_count / one.rows;
  if (rows.every((row) => unwrittenTail(one, row) === tail)) {
    return {
      reason: "tail_not_written",
      nature: `the last ${plural(tail, "column")} of each row are never written`,
    };
  }
  return {
    reason: "not_written",
    nature: `${not_written_count} of ${elements} elements are never written`,
  };
}

/** How many elements at the end of a row still hold the poison. */
function unwrittenTail(one: KernelCase, { got }: SeenRow): number {
  const { poison } = dtypeFacts[one.out_dtype];
  let tail = 0;
  while (tail < got.bits.length && got.bits[got.bits.length - 1 - tail] === poison) tail += 1;
  return tail;
}
