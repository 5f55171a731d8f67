import { expect, test } from "vitest";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { itemsOf } from "../../tools/validate/items.ts";
import { kernelCase } from "./cases.ts";

const wide = kernelCase({ rows: 1, hidden_size: 16392 });
const large = kernelCase({ rows: 4096, hidden_size: 4096 });
const small = kernelCase({ rows: 5, hidden_size: 128 });

const checked = (items: ReturnType<typeof itemsOf>, check: string): KernelCase[] =>
  items.filter((item) => item.check === check).map(({ one }) => one);

test("without a GPU what is not searched with its values is searched with fewer rows", () => {
  const items = itemsOf([wide, large, small], 0);
  // One wide row and small cases are searched as their values are judged.
  expect(checked(items, "memory")).toMatchObject([{ rows: 2, hidden_size: 4096 }]);
  expect(checked(items, "values").length).toBe(3);
});

test("with a GPU every width is searched in the interpreter, wide rows too", () => {
  const widths = checked(itemsOf([wide, large, small], 1), "memory");
  expect(widths.map(({ hidden_size }) => hidden_size)).toEqual([16392, 4096, 128]);
});

test("shapes that are all large are called repeatedly all the same, with fewer rows", () => {
  const [called] = checked(itemsOf([large], 1), "calls");
  expect(called).toMatchObject({
    rows: 8,
    hidden_size: 4096,
    layout: "contiguous",
    inputs: "std_1",
  });
  const [widest] = checked(itemsOf([kernelCase({ rows: 1, hidden_size: 262144 })], 1), "calls");
  expect(widest).toMatchObject({ rows: 1, hidden_size: 262144 });
});

test("calls are repeated on a second GPU where there is one", () => {
  expect(checked(itemsOf([small], 1), "second_gpu")).toEqual([]);
  expect(checked(itemsOf([small], 2), "second_gpu").length).toBe(1);
});
