import type { KernelCase } from "../kernel/cases.ts";
import type { RowInputs } from "../kernel/reference.ts";
import { describeShape } from "./error-shape.ts";
import { explains, type KnownFault, knownFaults } from "./known-faults.ts";
import { misreadings } from "./misreadings.ts";
import type { Diagnosis, Measurement } from "./outcome.ts";
import type { Output } from "./output.ts";
import { seeRow } from "./seen-row.ts";
import { describeNotWritten } from "./unwritten.ts";

/** What is known of a wrong output before it is looked at. */
export interface Suspicion
  extends Pick<Measurement, "elements" | "bad_count" | "not_written_count" | "max_ulp"> {
  /** Some of the rows that have bad elements, spread over all of them; empty where none has. */
  bad_rows: readonly number[];
}

/**
 * Names what a wrong output was computed by: what was never written, then data read or written as
 * something else, then the reference with one known fault after the other; the first that explains
 * the rows looked at is taken. Where none does, the shape of the error is named.
 * Called after a failure only: no kernel is rejected for what it resembles.
 */
export function diagnose(
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  output: Output,
  suspicion: Suspicion,
): Diagnosis {
  const rows = rowsToLookAt(one, suspicion.bad_rows).map((row) => seeRow(one, inputs, output, row));
  const misread = misreadings(one, inputs, output).find((fault) => explains(one, rows, fault));
  if (misread) return diagnosisOf(misread);
  if (suspicion.not_written_count > 0) return describeNotWritten(one, rows, suspicion);
  const known = knownFaults(one).find((fault) => explains(one, rows, fault));
  return known ? diagnosisOf(known) : (describeShape(one, rows, suspicion) ?? unknown);
}

function diagnosisOf({ reason, nature, resembles }: KnownFault): Diagnosis {
  return resembles === undefined ? { reason, nature } : { reason, nature, resembles };
}

const unknown: Diagnosis = {
  reason: "wrong_values",
  nature: "no known fault explains the values",
};

/** Elements of a row from which on few rows are looked at: each is compared dozens of times. */
const longRow = 16384;

/** Every row of a case with few rows, else a sample of all and of the bad: a fault shows in both. */
function rowsToLookAt(one: KernelCase, bad: readonly number[]): number[] {
  const most = one.hidden_size >= longRow ? 1 : 4;
  const all = spread(one.rows, most);
  const wrong = spread(bad.length, most).map((index) => bad[index] as number);
  return [...new Set([...all, ...wrong])].sort((a, b) => a - b);
}

/** At most `most` numbers below `count`, from the first on. */
function spread(count: number, most: number): number[] {
  const taken = Math.min(count, most);
  return Array.from({ length: taken }, (_, index) => Math.floor((index * count) / taken));
}
