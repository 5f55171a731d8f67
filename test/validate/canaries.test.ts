import { expect, test } from "vitest";
import { dtypeFacts } from "../../tools/kernel/dtypes.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { rmsnormFields } from "../../tools/kernel/operators.ts";
import { Machine, parsePtx } from "../../tools/ptx/index.ts";
import { countBrokenCanaries } from "../../tools/validate/canaries.ts";
import { prepareCase } from "../../tools/validate/prepare-case.ts";
import { kernelCase } from "./cases.ts";

/** A prepared case in the interpreter's memory: nothing has run, so no canary is broken. */
function prepared(change: Parameters<typeof kernelCase>[0]) {
  const one = kernelCase(change);
  const machine = new Machine(parsePtx(".version 9.0\n.target sm_80\n.address_size 64\n"));
  const { out, layout } = prepareCase(one, rmsnormFields, machine);
  const bytes = dtypeFacts[one.out_dtype].bytes;
  const read = (first: number, count: number) =>
    machine.read(out + BigInt(first * bytes), count * bytes);
  return {
    broken: () => countBrokenCanaries(one, { layout, read, rstd: undefined }),
    write: (element: number) => machine.write(out + BigInt(element * bytes), new Uint8Array(bytes)),
    row: (row: number) => rowStart(layoutOfCase(one).out, row),
  };
}

test.each([
  {},
  { layout: "grouped" },
  { layout: "unaligned" },
  { layout: "far_strided", rows: 4 },
  { in_place: true },
  { rows: 0 },
] as const)("a case as it is prepared has whole canaries: %j", (change) => {
  expect(prepared(change).broken()).toBe(0);
});

test("one element before, between and after the rows is noticed, one in a row is not", () => {
  const unaligned = prepared({ layout: "unaligned" });
  unaligned.write(unaligned.row(0));
  expect(unaligned.broken()).toBe(0);
  unaligned.write(0);
  expect(unaligned.broken()).toBe(2);
  const strided = prepared({});
  strided.write(strided.row(1) - 1);
  expect(strided.broken()).toBe(2);
});

test("an empty input's output must not be written", () => {
  const empty = prepared({ rows: 0 });
  empty.write(0);
  expect(empty.broken()).toBe(2);
});

test("rows that lie gigabytes apart are guarded on both sides", () => {
  const far = prepared({ layout: "far_strided", rows: 4 });
  far.write(far.row(1) + 128);
  far.write(far.row(3) - 1);
  expect(far.broken()).toBe(4);
});

test("where the output is written over x, the gaps of x are guarded", () => {
  const inPlace = prepared({ in_place: true });
  inPlace.write(inPlace.row(1) - 1);
  expect(inPlace.broken()).toBe(2);
});
