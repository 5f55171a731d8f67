import { expect, test } from "vitest";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { bitsOf, bitsView, dtypeFacts, roundTo } from "../../tools/kernel/dtypes.ts";
import { drawRow, drawWeight } from "../../tools/kernel/inputs.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { type Deviation, type RowInputs, referenceRow } from "../../tools/kernel/reference.ts";
import { measure } from "../../tools/validate/measure.ts";
import { describePattern } from "../../tools/validate/pattern.ts";
import { kernelCase } from "./cases.ts";

const base = kernelCase();

/** Measures the output of a pretended kernel, which may spoil the values before they are stored. */
function measured(
  one: KernelCase,
  deviation: Deviation,
  spoil: (values: Float64Array, row: number) => void = () => {},
  stray?: number,
) {
  const weight = drawWeight(one.seed, one.hidden_size, one.dtype, one.weight_offset);
  const inputs = (row: number): RowInputs => ({
    x: drawRow(one.inputs, one.seed, row, one.hidden_size, one.dtype),
    weight,
    residual: undefined,
    bias: undefined,
  });
  const layout = layoutOfCase(one).out;
  const { bytes: elementBytes, poison } = dtypeFacts[one.out_dtype];
  const buffer = new Uint8Array(layout.buffer_bytes);
  const bits = bitsView(buffer, one.out_dtype).fill(poison);
  for (let row = 0; row < one.rows; row += 1) {
    const values = referenceRow(one, inputs(row), deviation).ordered;
    spoil(values, row);
    values.forEach((value, column) => {
      if (value === notWritten) return;
      bits[rowStart(layout, row) + column] = bitsOf(roundTo(value, one.out_dtype), one.out_dtype);
    });
  }
  if (stray !== undefined) bits[stray] = 0;
  const read = (first: number, count: number) =>
    buffer.slice(first * elementBytes, (first + count) * elementBytes);
  return measure(one, inputs, { layout, read, rstd: undefined });
}

/** A value that no kernel gives: the element is left as it is. */
const notWritten = 123456.789;

test("the reference itself measures within its limits and is not diagnosed", () => {
  const result = measured(base, {});
  expect(result.bad_count).toBe(0);
  expect(result.beyond).toBe(0);
  expect(result.max_ulp).toBeLessThan(1.51);
  expect(result.canaries_broken).toBe(0);
  expect(result.diagnosis).toBeUndefined();
});

test.each([
  [{ ignore_weight: true }, "weight_ignored"],
  [{ ignore_eps: true }, "eps_ignored"],
  [{ divisor_offset: -1 }, "wrong_divisor"],
  [{ weight_offset: 1 }, "weight_offset_wrong"],
  [{ sum_without_last: 8 }, "incomplete_sum"],
  [{ swap_rounding: true }, "rounding_order"],
] as const)("a kernel that deviates by %j is diagnosed as %s", (deviation, reason) => {
  expect(measured(base, deviation).diagnosis?.reason).toBe(reason);
});

test("rows scaled by a slightly wrong rstd point at a half-precision sum", () => {
  const result = measured(base, {}, (values, row) => {
    values.forEach((value, column) => {
      values[column] = value * (1 + 0.01 * (row + 1));
    });
  });
  expect(result.diagnosis?.reason).toBe("low_precision_sum");
});

test("a tail that is never written is told from rows that are not", () => {
  const tail = measured(base, {}, (values) => values.fill(notWritten, 120));
  expect(tail.diagnosis).toEqual({
    reason: "tail_not_written",
    nature: "the last 8 columns of each row are never written",
  });
  expect(tail.pattern).toBe("every row, columns 120 to 127 (the tail)");
  expect(tail.first_bad).toMatchObject({ row: 0, column: 120, not_written: true });
  const rows = measured(base, {}, (values, row) => {
    if (row === 4) values.fill(notWritten);
  });
  expect(rows.diagnosis?.reason).toBe("not_written");
  expect(rows.pattern).toBe("row 4, whole");
});

test("a NaN that is clamped away is a fault in the special values", () => {
  const one = { ...base, inputs: "nans" as const };
  const result = measured(one, {}, (values) => {
    values.forEach((value, column) => {
      if (Number.isNaN(value)) values[column] = 0;
    });
  });
  expect(result.diagnosis?.reason).toBe("special_values");
});

test("an element written between two rows breaks a canary, one in a row does not", () => {
  const gap = rowStart(layoutOfCase(base).out, 1) - 1;
  expect(measured(base, {}, undefined, gap).canaries_broken).toBe(2);
  expect(measured(base, {}, undefined, gap + 1).canaries_broken).toBe(0);
});

test.each([
  ["every element", () => true],
  ["rows 2 to 3 of 6, whole", (row: number) => row === 2 || row === 3],
  ["every row, every 4th column from 1", (_: number, column: number) => column % 4 === 1],
  ["row 5, column 7", (row: number, column: number) => row === 5 && column === 7],
  ["every 2nd row from 0, whole", (row: number) => row % 2 === 0],
])("the pattern reads: %s", (words, isBad) => {
  const marked = new Uint8Array(6 * 16);
  for (let row = 0; row < 6; row += 1) {
    for (let column = 0; column < 16; column += 1) {
      marked[row * 16 + column] = isBad(row, column) ? 1 : 0;
    }
  }
  expect(describePattern(marked, 6, 16)).toBe(words);
});
