import { expect, test } from "vitest";
import { caseName } from "../../tools/kernel/cases.ts";
import { dtypeFacts } from "../../tools/kernel/dtypes.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import { bufferBytes } from "../../tools/worker/judge-case.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { expectAgreement, measured, prepared, spoil } from "./judge-agreement.ts";
import { baseCases } from "./judge-cases.ts";
import { judgeModule } from "./judge-device.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

test.runIf(module)("an input that no longer holds what was drawn is counted by its name", () => {
  for (const one of baseCases) {
    const item = prepared(module, one);
    const { x, weight, bias } = item.device.places;
    const { bytes } = dtypeFacts[one.dtype];
    const last = rowStart(layoutOfCase(one).x, one.rows - 1) + one.hidden_size - 1;
    // The sign of a zero is a change as well.
    const top = (bits: number) => bits ^ (bytes === 2 ? 0x8000 : 0x80000000);
    if (!one.in_place) spoil(item.device, x.address + BigInt(last * bytes), bytes, top);
    if (weight) spoil(item.device, weight.address, 2, (bits) => bits ^ 1);
    const biasEnd = BigInt(bufferBytes(one).bias - 2);
    if (bias) spoil(item.device, bias.address + biasEnd, 2, (bits) => bits ^ 1);
    const found = measured(item);
    expectAgreement(item, found);
    expect(found.changed, caseName(one)).toEqual({
      x: one.in_place ? 0 : 1,
      weight: weight ? 1 : 0,
      bias: bias ? 1 : 0,
      residual: 0,
    });
    expect(found.guards_broken).toBe(0);
  }
});

test.runIf(module)("rstd, mean and residual that are off measure as in TypeScript", () => {
  for (const one of baseCases) {
    const item = prepared(module, one);
    const { rstd, mean, residual } = item.device.places;
    const { bytes } = dtypeFacts[one.dtype];
    for (const [place, by] of [
      [rstd, 33],
      [mean, 1000],
    ] as const) {
      if (place) spoil(item.device, place.address + 4n, 4, (bits) => bits + by);
    }
    if (residual) spoil(item.device, residual.address + 6n, bytes, (bits) => bits ^ 1);
    if (residual) spoil(item.device, residual.address, bytes, () => dtypeFacts[one.dtype].poison);
    const found = measured(item);
    const wanted = expectAgreement(item, found);
    expect(wanted.residual_bad).toBe(residual ? 2 : 0);
    if (rstd) expect(found.rstd_max_ulp).toBeGreaterThan(32);
    if (mean) expect(found.mean_max_ulp).toBeGreaterThan(1);
  }
});

test.runIf(module)("an rstd that was never written is infinitely far off", () => {
  const one = baseCases[0] ?? expect.fail("a case with rstd");
  const item = prepared(module, one);
  const { rstd } = item.device.places;
  spoil(item.device, rstd?.address ?? 0n, 4, () => dtypeFacts.float32.poison);
  const found = measured(item);
  expectAgreement(item, found);
  expect(found.rstd_max_ulp).toBe(Infinity);
});
