import { expect, test } from "vitest";
import {
  bitsOf,
  bitsView,
  type Dtype,
  dtypeFacts,
  dtypeNames,
  roundTo,
  ulpAt,
  valueFromBits,
} from "../../tools/kernel/dtypes.ts";

/** Every value of a 16-bit dtype, by the definition of its format (IEEE 754 section 3.4). */
function valueByDefinition(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >> (exponentBits + fractionBits) ? -1 : 1;
  const exponent = (bits >> fractionBits) & ((1 << exponentBits) - 1);
  const fraction = bits & ((1 << fractionBits) - 1);
  const bias = 2 ** (exponentBits - 1) - 1;
  if (exponent === (1 << exponentBits) - 1) return fraction ? Number.NaN : sign * Infinity;
  const significand = exponent === 0 ? fraction : fraction + 2 ** fractionBits;
  return sign * significand * 2 ** (Math.max(exponent, 1) - bias - fractionBits);
}

test.each([
  ["float16", 5, 10],
  ["bfloat16", 8, 7],
] as const)(
  "all 65536 bit patterns of %s mean what the format says, and go back",
  (dtype, e, f) => {
    const wrong: number[] = [];
    for (let bits = 0; bits < 65536; bits += 1) {
      const value = valueFromBits(bits, dtype);
      const same = Object.is(value, valueByDefinition(bits, e, f));
      if (!same || (!Number.isNaN(value) && bitsOf(value, dtype) !== bits)) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  },
);

test.each(["float16", "bfloat16"] as const)(
  "%s rounds midpoints to even and the rest to nearest",
  (dtype) => {
    const wrong: number[] = [];
    // Neighbouring positive values: the midpoint goes to the one with even bits, just off it to the near one.
    for (let bits = 0; bits < 0x7bff; bits += 1) {
      const low = valueFromBits(bits, dtype);
      const high = valueFromBits(bits + 1, dtype);
      if (!Number.isFinite(high)) continue;
      const midpoint = (low + high) / 2;
      const even = bits % 2 === 0 ? low : high;
      const right =
        roundTo(midpoint, dtype) === even &&
        roundTo(midpoint * (1 + 2 ** -40), dtype) === high &&
        roundTo(midpoint * (1 - 2 ** -40), dtype) === low;
      if (!right) wrong.push(bits);
    }
    expect(wrong).toEqual([]);
  },
);

test("what lies beyond the largest finite number by half an ulp or more rounds to infinity", () => {
  for (const dtype of dtypeNames) {
    const { max_finite } = dtypeFacts[dtype];
    const half = ulpAt(max_finite, dtype) / 2;
    expect(roundTo(max_finite + half, dtype)).toBe(Infinity);
    expect(roundTo(-(max_finite + half), dtype)).toBe(-Infinity);
    expect(roundTo(max_finite + half * 0.999, dtype)).toBe(max_finite);
  }
});

test("the ulp doubles at a power of two and stops shrinking at the smallest normal number", () => {
  const cases: [Dtype, number, number][] = [
    ["bfloat16", 1, 2 ** -7],
    ["bfloat16", 1 - 2 ** -8, 2 ** -8],
    ["bfloat16", 2 ** -126, 2 ** -133],
    ["bfloat16", 2 ** -130, 2 ** -133],
    ["bfloat16", 0, 2 ** -133],
    ["float16", 2 ** -14, 2 ** -24],
    ["float16", 2 ** -20, 2 ** -24],
    ["float16", 1e9, 32],
    ["float32", 3, 2 ** -22],
    ["float32", 0, 2 ** -149],
  ];
  for (const [dtype, value, ulp] of cases) expect(ulpAt(value, dtype)).toBe(ulp);
});

test("the poison is a NaN that no arithmetic produces", () => {
  for (const dtype of dtypeNames) {
    const { poison } = dtypeFacts[dtype];
    expect(valueFromBits(poison, dtype)).toBeNaN();
    expect(bitsOf(Number.NaN, dtype)).not.toBe(poison);
  }
});

test("a view of bits reads an unaligned part of a buffer", () => {
  const bytes = new Uint8Array([9, 0x80, 0x3f, 0x00, 0x40]).subarray(1);
  expect([...bitsView(bytes, "bfloat16")]).toEqual([0x3f80, 0x4000]);
});
