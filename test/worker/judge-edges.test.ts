import { expect, test } from "vitest";
import { ulpDistance } from "../../tools/kernel/accuracy.ts";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { bitsOf, roundTo } from "../../tools/kernel/dtypes.ts";
import { referenceRow } from "../../tools/kernel/reference.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { kernelCase } from "../validate/cases.ts";
import { corrupt, expectAgreement, measured, prepared, spoil } from "./judge-agreement.ts";
import { judgeModule } from "./judge-device.ts";
import { inputsOf } from "./judge-output.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

const half = { dtype: "float16", out_dtype: "float16" } as const;
const full = { dtype: "float32", out_dtype: "float32", rounding: "single" } as const;

test.runIf(module)("the half-way rounding of a subnormal may cost more than one ulp", () => {
  // A root that is no integer: multiples of the smallest number must not stay multiples of it.
  const shape = { rows: 8, hidden_size: 512 };
  const one = kernelCase({ ...half, ...shape, inputs: "subnormal", eps: Math.fround(0.012) });
  const item = prepared(module, one);
  const found = measured(item);
  expectAgreement(item, found);
  expect(found.bad_count).toBe(0);
  // Without that allowance it would not be right.
  const { rows } = one;
  const costs = Array.from({ length: rows }, (_, row) => referenceRow(one, item.inputs(row))).map(
    ({ exact, ordered }) =>
      exact.map((value, column) => ulpDistance(ordered[column] ?? 0, value, one.out_dtype)),
  );
  expect(Math.max(...costs.flatMap((row) => [...row]))).toBeGreaterThan(3);
});

test.runIf(module)("sums of the largest numbers are infinite in float32", () => {
  for (const rounded_sum of [true, false]) {
    const inputs = "max_finite";
    const one = kernelCase({ ...full, operator: "add_rmsnorm", inputs, rounded_sum });
    const item = prepared(module, one);
    const found = measured(item);
    expectAgreement(item, found);
    expect(found.bad_count).toBe(0);
  }
});

test.runIf(module)(
  "rstd past the largest float32 is infinite, and zero where squares overflow",
  () => {
    const tiny = prepared(
      module,
      kernelCase({ ...full, inputs: "subnormal", eps: 0, with_rstd: true }),
    );
    const rstd = tiny.device.places.rstd?.address ?? 0n;
    expect(measured(tiny).rstd_max_ulp).toBe(0);
    spoil(tiny.device, rstd, 4, () => 0x3f800000);
    expectAgreement(tiny, measured(tiny));
    expect(measured(tiny).rstd_max_ulp).toBeGreaterThan(1e6);

    const zeros = prepared(module, kernelCase({ inputs: "zeros", eps: 0, with_rstd: true }));
    const infinite = zeros.device.places.rstd?.address ?? 0n;
    expect(measured(zeros).rstd_max_ulp).toBeLessThan(1);
    spoil(zeros.device, infinite, 4, () => 0x7f7fffff);
    expectAgreement(zeros, measured(zeros));
    expect(measured(zeros).rstd_max_ulp).toBe(Infinity);

    const large = prepared(module, kernelCase({ inputs: "large", with_rstd: true }));
    const overflowing = (large.device.places.rstd?.address ?? 0n) + 12n;
    spoil(large.device, overflowing, 4, () => 0);
    expectAgreement(large, measured(large));
    expect(measured(large).rstd_max_ulp).toBeLessThan(1);
    spoil(large.device, overflowing - 4n, 4, () => 0);
    expectAgreement(large, measured(large));
    expect(measured(large).rstd_max_ulp).toBeGreaterThan(1e6);
  },
);

/** Elements whose normalised value is next to a midpoint, with the bits of the other side. */
function doubtfulElements(one: KernelCase) {
  const inputs = inputsOf(one);
  const bitsOfValue = (value: number) => bitsOf(roundTo(value, one.out_dtype), one.out_dtype);
  const found: { index: number; bits: number; outwards: boolean }[] = [];
  for (let row = 0; row < one.rows; row += 1) {
    const { ordered, alternative } = referenceRow(one, inputs(row));
    alternative.forEach((other, column) => {
      const bits = bitsOfValue(other);
      const value = ordered[column] ?? 0;
      if (bits === bitsOfValue(value)) return;
      const index = row * one.hidden_size + column;
      found.push({ index, bits, outwards: Math.abs(other) > Math.abs(value) });
    });
  }
  return found;
}

test.runIf(module)("either side of a midpoint that float32 cannot tell is right", () => {
  // In float16 a thousandth of all values is that near to a midpoint.
  const one = kernelCase({ ...half, inputs: "std_1", rows: 8, hidden_size: 512 });
  const all = doubtfulElements(one);
  for (const outwards of [true, false]) {
    const doubtful = all.filter((element) => element.outwards === outwards);
    expect(doubtful.length).toBeGreaterThan(0);
    const item = prepared(module, one);
    for (const { index, bits } of doubtful) corrupt(item, index, () => bits);
    const found = measured(item);
    expectAgreement(item, found);
    const exact_count = found.elements - doubtful.length;
    expect(found).toMatchObject({ beyond: 0, bad_count: 0, exact_count });
  }
});

test.runIf(module)("where terms cancel, errors are counted in ulps of the terms", () => {
  const one = kernelCase({ ...full, operator: "layernorm", with_bias: true });
  const item = prepared(module, one);
  const elements = one.rows * one.hidden_size;
  for (let index = 0; index < elements; index += 1) corrupt(item, index, (bits) => bits ^ 0x7f);
  const found = measured(item);
  expectAgreement(item, found);
  expect(found.beyond).toBeGreaterThan(0);
  expect(found.beyond).toBeLessThan(elements);
});
