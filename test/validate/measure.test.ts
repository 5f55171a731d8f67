import { expect, test } from "vitest";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { describePattern } from "../../tools/validate/pattern.ts";
import { kernelCase } from "./cases.ts";
import { measured } from "./pretend.ts";

const base = kernelCase();

test("the reference itself measures within its limits and is not diagnosed", () => {
  const result = measured(base);
  expect(result.bad_count).toBe(0);
  expect(result.beyond).toBe(0);
  expect(result.max_ulp).toBeLessThan(1.51);
  expect(result.canaries_broken).toBe(0);
  expect(result.diagnosis).toBeUndefined();
});

test("an element is exact where it is the nearest value to the ordered reference", () => {
  expect(measured(base).exact_count).toBe(base.rows * base.hidden_size);
  const off = measured(base, {
    spoil: (values, row) => {
      if (row === 1) values[7] = (values[7] as number) * 1.01;
    },
  });
  expect(off.exact_count).toBe(base.rows * base.hidden_size - 1);
  const nans = measured({ ...base, inputs: "nans" });
  expect(nans.exact_count).toBe(base.rows * base.hidden_size);
});

test("an element written between two rows breaks a canary, one in a row does not", () => {
  const gap = rowStart(layoutOfCase(base).out, 1) - 1;
  expect(measured(base, { stray: gap }).canaries_broken).toBe(2);
  expect(measured(base, { stray: gap + 1 }).canaries_broken).toBe(0);
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
