import { expect, test } from "vitest";
import { caseName, type KernelCase } from "../../tools/kernel/cases.ts";
import { dtypeFacts } from "../../tools/kernel/dtypes.ts";
import { mix32 } from "../../tools/kernel/inputs.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { corrupt, expectAgreement, measured, prepared, spoil } from "./judge-agreement.ts";
import { baseCases, judgeCases } from "./judge-cases.ts";
import { judgeModule } from "./judge-device.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

const quarters = [0, 1, 2, 3] as const;

test.runIf(module).each(quarters)("right outputs measure as in TypeScript, part %i", (part) => {
  for (const one of judgeCases().filter((_, index) => index % quarters.length === part)) {
    const item = prepared(module, one);
    const found = measured(item);
    const wanted = expectAgreement(item, found);
    expect(wanted.bad_count, caseName(one)).toBe(0);
    expect([found.guards_broken, found.inputs_changed], caseName(one)).toEqual([0, 0]);
  }
});

const corruptions: [string, (one: KernelCase, bits: number) => number][] = [
  ["the last bit", (_, bits) => bits ^ 1],
  ["the sign", (one, bits) => bits ^ (dtypeFacts[one.out_dtype].bytes === 2 ? 0x8000 : 0x80000000)],
  ["poison", (one) => dtypeFacts[one.out_dtype].poison],
  ["zero", () => 0],
  ["all ones", (one) => (dtypeFacts[one.out_dtype].bytes === 2 ? 0xffff : 0xffffffff)],
  [
    "infinity",
    (one) => ({ bfloat16: 0x7f80, float16: 0x7c00, float32: 0x7f800000 })[one.out_dtype],
  ],
  ["some other number", (_, bits) => mix32(bits)],
];

test.runIf(module).each(corruptions)("elements with %s measure as in TypeScript", (_, change) => {
  for (const one of baseCases) {
    const item = prepared(module, one);
    const elements = one.rows * one.hidden_size;
    const touched = [0, elements - 1, ...Array.from({ length: 9 }, (_, i) => mix32(i) % elements)];
    for (const index of touched) corrupt(item, index, (bits) => change(one, bits));
    expectAgreement(item, measured(item));
  }
});

test.runIf(module)("rows and tails that are never written are counted", () => {
  for (const one of baseCases.filter(({ in_place }) => !in_place)) {
    const item = prepared(module, one);
    const { poison } = dtypeFacts[one.out_dtype];
    for (let index = 1; index <= one.hidden_size; index += 1) corrupt(item, index, () => poison);
    const found = measured(item);
    expectAgreement(item, found);
    expect(found).toMatchObject({
      not_written_count: one.hidden_size,
      bad_rows: 2,
      first_bad_index: 1,
    });
  }
});

test.runIf(module)("a byte between rows breaks a canary, and around a buffer a guard", () => {
  for (const one of baseCases) {
    const item = prepared(module, one);
    const { x, out } = item.device.places;
    const layout = layoutOfCase(one);
    const gap = (bytes: number, of: typeof layout.x) => BigInt(bytes * (rowStart(of, 1) - 1));
    const gaps = rowStart(layout.out, 1) > one.hidden_size;
    const outBytes = dtypeFacts[one.out_dtype].bytes;
    if (gaps) spoil(item.device, out.address + gap(outBytes, layout.out), outBytes, () => 0);
    const found = measured(item);
    expectAgreement(item, found);
    expect([found.canaries_broken, found.guards_broken]).toEqual([gaps ? outBytes : 0, 0]);
    for (const buffer of new Set([x, out])) {
      spoil(item.device, buffer.address - 2n, 2, (bits) => bits ^ 0x100);
      spoil(item.device, buffer.address - 64n, 2, (bits) => bits ^ 1);
    }
    const end = out.address + BigInt(layout.out.buffer_bytes + out.after_bytes);
    if (out.after_bytes > 0) spoil(item.device, end - 2n, 2, () => 0);
    expect(measured(item).guards_broken, caseName(one)).toBe(
      (one.in_place ? 4 : 8) + (out.after_bytes > 0 ? 2 : 0),
    );
  }
});
