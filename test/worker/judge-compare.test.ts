import { expect, test } from "vitest";
import { accuracyLimits } from "../../tools/kernel/accuracy.ts";
import { dtypeFacts } from "../../tools/kernel/dtypes.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { referenceRow } from "../../tools/kernel/reference.ts";
import { distanceOf, readRow } from "../../tools/validate/output.ts";
import {
  compareBytesLaunches,
  compareLaunches,
  compareResultBytes,
  decodeCompare,
  decodePattern,
  patternBytes,
  patternLaunches,
} from "../../tools/worker/judge-launches.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { corrupt, prepared, spoil } from "./judge-agreement.ts";
import { baseCases } from "./judge-cases.ts";
import { type JudgeDevice, judgeModule } from "./judge-device.ts";
import { outputOf } from "./judge-output.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

function compared(device: JudgeDevice) {
  return decodeCompare(device.read(device.places.result, compareResultBytes));
}

test.runIf(module)("outputs differ where a bit of a row does, and gaps do not count", () => {
  for (const one of baseCases.filter(({ layout }) => layout !== "far_strided")) {
    const item = prepared(module, one);
    const { device } = item;
    const { out, result } = device.places;
    const bytes = layoutOfCase(one).out.buffer_bytes;
    const other = device.place("other", bytes).address;
    device.machine.write(other, device.read(out.address, bytes));
    const elements = one.rows * one.hidden_size;
    device.run(compareLaunches(one, out.address, other, result));
    const same = { compared: elements, differing: 0, first_differing: undefined };
    expect(compared(device)).toEqual(same);
    const gap = rowStart(layoutOfCase(one).out, 1) - 1;
    if (gap >= one.hidden_size + layoutOfCase(one).out.first_element) {
      const { bytes: width } = dtypeFacts[one.out_dtype];
      spoil(device, other + BigInt(gap * width), width, () => 0);
      device.run(compareLaunches(one, out.address, other, result));
      expect(compared(device)).toEqual(same);
    }
    for (const index of [one.hidden_size + 1, elements - 1])
      corrupt(item, index, (bits) => bits ^ 1);
    device.run(compareLaunches(one, out.address, other, result));
    const found = { compared: elements, differing: 2, first_differing: one.hidden_size + 1 };
    expect(compared(device)).toEqual(found);
  }
});

test.runIf(module)("bytes are compared to the last one", () => {
  const one = baseCases[0] ?? expect.fail("a case");
  const { device } = prepared(module, one);
  const { result } = device.places;
  const bytes = 2 * 5001;
  const [a, b] = [device.place("a", bytes).address, device.place("b", bytes).address];
  const data = Uint8Array.from({ length: bytes }, (_, index) => index % 251);
  for (const place of [a, b]) device.machine.write(place, data);
  device.run(compareBytesLaunches(a, b, bytes, result));
  expect(compared(device)).toMatchObject({ compared: 5001, differing: 0 });
  spoil(device, b + BigInt(bytes - 2), 2, (bits) => bits ^ 0x8000);
  // What lies behind the end does not count.
  spoil(device, b + BigInt(bytes), 2, (bits) => bits ^ 1);
  device.run(compareBytesLaunches(a, b, bytes, result));
  expect(compared(device)).toEqual({ compared: 5001, differing: 1, first_differing: 5000 });
});

test.runIf(module)("bad elements are counted by row and by column", () => {
  for (const one of baseCases) {
    const item = prepared(module, one);
    const { device, inputs } = item;
    const touched = [0, 1, one.hidden_size + 1, one.rows * one.hidden_size - 1];
    for (const index of touched) corrupt(item, index, () => dtypeFacts[one.out_dtype].poison);
    const scratch = device.place("scratch", patternBytes(one)).address;
    device.run(patternLaunches(one, device.places, scratch));
    const found = decodePattern(one, device.read(scratch, patternBytes(one)));
    const rows = new Uint32Array(one.rows);
    const columns = new Uint32Array(one.hidden_size);
    for (let row = 0; row < one.rows; row += 1) {
      const { values, bits } = readRow(one, outputOf(device, one), row);
      const reference = referenceRow(one, inputs(row));
      values.forEach((value, column) => {
        const { plain } = distanceOf(one, reference, value, column);
        const unwritten = bits[column] === dtypeFacts[one.out_dtype].poison;
        if (plain <= accuracyLimits(one).max_ulp && !unwritten) return;
        rows[row] = (rows[row] ?? 0) + 1;
        columns[column] = (columns[column] ?? 0) + 1;
      });
    }
    expect(found).toEqual({ row_counts: rows, column_counts: columns });
    expect(rows.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(4);
  }
});
