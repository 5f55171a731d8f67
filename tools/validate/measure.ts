import { accuracyLimits, rstdMaxUlp, ulpDistance } from "../kernel/accuracy.ts";
import type { KernelCase } from "../kernel/cases.ts";
import { bitsView, dtypeFacts, roundTo, valueFromBits } from "../kernel/dtypes.ts";
import { type ReferenceRow, type RowInputs, referenceRow, summed } from "../kernel/reference.ts";
import { countBrokenCanaries } from "./canaries.ts";
import { diagnose, type Suspicion } from "./diagnose.ts";
import type { BadElement, Measurement } from "./outcome.ts";
import { type Distance, distanceOf, type GotRow, type Output, readRow } from "./output.ts";
import { describePattern } from "./pattern.ts";

/** Compares a case's output with the float64 reference, element by element. */
export function measure(
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  output: Output,
): Measurement {
  const limits = accuracyLimits(one);
  const tally = new Tally(one);
  for (let row = 0; row < one.rows; row += 1) {
    const drawn = inputs(row);
    const reference = referenceRow(one, drawn);
    const got = readRow(one, output, row);
    for (let column = 0; column < one.hidden_size; column += 1) {
      const distance = distanceOf(one, reference, got.values[column] as number, column);
      tally.add(row, column, distance, limits, got, reference);
    }
    tally.addRstd(reference, output.rstd?.[row]);
    tally.addMean(reference, output.mean?.[row]);
    tally.addResidual(drawn, output.residual?.(row));
  }
  return tally.finish(inputs, output);
}

class Tally {
  readonly #one: KernelCase;
  readonly #bad: Uint8Array;
  #maxUlp = 0;
  #beyond = 0;
  #badCount = 0;
  #notWritten = 0;
  #exact = 0;
  #first: BadElement | undefined;
  #worst: BadElement | undefined;
  #rstdMaxUlp = 0;
  #meanMaxUlp = 0;
  #residualBad = 0;

  constructor(one: KernelCase) {
    this.#one = one;
    this.#bad = new Uint8Array(one.rows * one.hidden_size);
  }

  add(
    row: number,
    column: number,
    { plain, ordered }: Distance,
    limits: { max_ulp: number; ordered_ulp: number },
    got: GotRow,
    reference: ReferenceRow,
  ): void {
    const notWritten = got.bits[column] === dtypeFacts[this.#one.out_dtype].poison;
    if (plain > this.#maxUlp) this.#maxUlp = plain;
    if (ordered > limits.ordered_ulp) this.#beyond += 1;
    const nearest = roundTo(reference.ordered[column] as number, this.#one.out_dtype);
    const value = got.values[column] as number;
    if (value === nearest || (Number.isNaN(value) && Number.isNaN(nearest) && !notWritten)) {
      this.#exact += 1;
    }
    if (plain <= limits.max_ulp && !notWritten) return;
    this.#badCount += 1;
    if (notWritten) this.#notWritten += 1;
    this.#bad[row * this.#one.hidden_size + column] = 1;
    const element: BadElement = {
      row,
      column,
      expected: reference.ordered[column] as number,
      got: got.values[column] as number,
      ulp: plain,
      not_written: notWritten,
    };
    this.#first ??= element;
    if (!this.#worst || plain > this.#worst.ulp) this.#worst = element;
  }

  addRstd(reference: ReferenceRow, got: number | undefined): void {
    if (got === undefined || (reference.overflows && got === 0)) return;
    const distance = ulpDistance(got, reference.rstd, "float32");
    this.#rstdMaxUlp = Math.max(this.#rstdMaxUlp, distance);
  }

  addMean({ mean, mean_magnitude }: ReferenceRow, got: number | undefined): void {
    if (got === undefined) return;
    const distance = ulpDistance(got, mean, "float32", mean_magnitude);
    this.#meanMaxUlp = Math.max(this.#meanMaxUlp, distance);
  }

  addResidual(inputs: RowInputs, bytes: Uint8Array | undefined): void {
    if (!bytes) return;
    const { dtype } = this.#one;
    const expected = summed({ ...this.#one, rounded_sum: true }, inputs);
    bitsView(bytes, dtype).forEach((bits, column) => {
      const wanted = expected[column] as number;
      const got = valueFromBits(bits, dtype);
      if (got !== wanted && !(Number.isNaN(got) && Number.isNaN(wanted))) this.#residualBad += 1;
    });
  }

  #suspicion(): Suspicion {
    const { rows, hidden_size } = this.#one;
    const bad = (row: number) =>
      this.#bad.subarray(row * hidden_size, (row + 1) * hidden_size).includes(1);
    const bad_rows = this.#badCount === 0 ? [] : Array.from({ length: rows }, (_, row) => row);
    return {
      elements: rows * hidden_size,
      bad_count: this.#badCount,
      not_written_count: this.#notWritten,
      max_ulp: this.#maxUlp,
      bad_rows: bad_rows.filter(bad),
    };
  }

  finish(inputs: (row: number) => RowInputs, output: Output): Measurement {
    const one = this.#one;
    const wrong = this.#badCount > 0;
    return {
      elements: one.rows * one.hidden_size,
      max_ulp: this.#maxUlp,
      beyond: this.#beyond,
      bad_count: this.#badCount,
      not_written_count: this.#notWritten,
      exact_count: this.#exact,
      first_bad: this.#first,
      worst: this.#worst,
      pattern: wrong ? describePattern(this.#bad, one.rows, one.hidden_size) : "",
      diagnosis:
        wrong || this.#beyond > 0 || this.#rstdMaxUlp > rstdMaxUlp(one)
          ? diagnose(one, inputs, output, this.#suspicion())
          : undefined,
      canaries_broken: countBrokenCanaries(one, output),
      rstd_max_ulp: this.#rstdMaxUlp,
      mean_max_ulp: this.#meanMaxUlp,
      residual_bad: this.#residualBad,
    };
  }
}
