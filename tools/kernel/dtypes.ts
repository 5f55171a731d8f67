/** Element types that kernels take. `significand_bits` counts the hidden bit. */
export const dtypeNames = ["bfloat16", "float16", "float32"] as const;
export type Dtype = (typeof dtypeNames)[number];

interface DtypeFacts {
  short: string;
  bytes: 2 | 4;
  significand_bits: number;
  /** Exponent of the smallest normal number: below it the ulp stops shrinking. */
  min_exponent: number;
  max_finite: number;
  /** A NaN that no arithmetic produces: what it still shows after a launch was never written. */
  poison: number;
}

/** IEEE 754 binary16 and binary32; bfloat16 is binary32 cut to 16 bits. */
export const dtypeFacts: Record<Dtype, DtypeFacts> = {
  bfloat16: {
    short: "bf16",
    bytes: 2,
    significand_bits: 8,
    min_exponent: -126,
    max_finite: (2 - 2 ** -7) * 2 ** 127,
    poison: 0xffa5,
  },
  float16: {
    short: "fp16",
    bytes: 2,
    significand_bits: 11,
    min_exponent: -14,
    max_finite: 65504,
    poison: 0xfea5,
  },
  float32: {
    short: "fp32",
    bytes: 4,
    significand_bits: 24,
    min_exponent: -126,
    max_finite: (2 - 2 ** -23) * 2 ** 127,
    poison: 0xffa5a5a5,
  },
};

const double = new Float64Array(1);
const doubleWords = new Uint32Array(double.buffer);
const single = new Float32Array(1);
const singleWord = new Uint32Array(single.buffer);

/** Adding and taking away 1.5 * 2^52 rounds a double of magnitude below 2^51 to an integer, ties to even. */
const roundingMagic = 6755399441055744;

/**
 * The distance between neighbouring values of `dtype` at `value`.
 * A power of two has the ulp of the binade above it; below the smallest normal number the ulp is
 * the smallest subnormal; beyond the largest finite number it is that number's.
 */
export function ulpAt(value: number, dtype: Dtype): number {
  const { significand_bits, min_exponent, max_finite } = dtypeFacts[dtype];
  const exponent = exponentOf(Math.min(Math.abs(value), max_finite));
  return powerOfTwo(Math.max(exponent, min_exponent) - significand_bits + 1);
}

/** Rounds an exact double once to `dtype`, to nearest, ties to even, overflow to infinity. */
export function roundTo(value: number, dtype: Dtype): number {
  if (dtype === "float32") return Math.fround(value);
  if (!Number.isFinite(value) || value === 0) return value;
  const ulp = ulpAt(value, dtype);
  const rounded = (value / ulp + roundingMagic - roundingMagic) * ulp;
  if (Math.abs(rounded) > dtypeFacts[dtype].max_finite) return value > 0 ? Infinity : -Infinity;
  return rounded === 0 && value < 0 ? -0 : rounded;
}

/** The bits of a value that `dtype` holds exactly (what `roundTo` gave), infinities and NaN included. */
export function bitsOf(value: number, dtype: Dtype): number {
  single[0] = value;
  const bits = singleWord[0] as number;
  if (dtype === "float32") return bits;
  if (dtype === "bfloat16") return Number.isNaN(value) ? 0x7fc0 : bits >>> 16;
  return float16Bits(value, bits);
}

/** The value that `bits` stand for. */
export function valueFromBits(bits: number, dtype: Dtype): number {
  if (dtype === "float16") return float16Value(bits);
  singleWord[0] = dtype === "bfloat16" ? bits << 16 : bits;
  return single[0] as number;
}

/** A view of `bytes` as the elements' bits: Uint16Array or Uint32Array. Copies if unaligned. */
export function bitsView(bytes: Uint8Array, dtype: Dtype): Uint16Array | Uint32Array {
  const size = dtypeFacts[dtype].bytes;
  const aligned = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const length = Math.floor(aligned.byteLength / size);
  return size === 2
    ? new Uint16Array(aligned.buffer, aligned.byteOffset, length)
    : new Uint32Array(aligned.buffer, aligned.byteOffset, length);
}

function exponentOf(magnitude: number): number {
  double[0] = magnitude;
  const biased = ((doubleWords[1] as number) >>> 20) & 0x7ff;
  return biased - 1023;
}

/** 2 ** exponent for a normal double, by its bits: this is the innermost loop of every comparison. */
function powerOfTwo(exponent: number): number {
  doubleWords[0] = 0;
  doubleWords[1] = (exponent + 1023) << 20;
  return double[0] as number;
}

function float16Bits(value: number, singleBits: number): number {
  const sign = (singleBits >>> 16) & 0x8000;
  if (Number.isNaN(value)) return 0x7e00;
  const magnitude = Math.abs(value);
  if (magnitude === Infinity) return sign | 0x7c00;
  if (magnitude < 2 ** -14) return sign | (magnitude * 2 ** 24);
  const exponent = exponentOf(magnitude);
  // The significand's hidden bit (1024) carries into the exponent field: hence 14, not 15.
  return sign | (((exponent + 14) << 10) + magnitude * 2 ** (10 - exponent));
}

function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
