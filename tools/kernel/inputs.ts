import { type Dtype, roundTo } from "./dtypes.ts";

/**
 * Inputs are drawn from a counter-based integer hash and mapped to exact dyadic values, so that
 * TypeScript, Python and a device make the same bits from (seed, row, column) alone.
 */
export const inputRecipes = [
  "std_1",
  "std_1e-2",
  "large",
  "subnormal",
  "infinities",
  "nans",
] as const;
export type InputRecipe = (typeof inputRecipes)[number];

/** Murmur3's 32-bit finaliser (Appleby, public domain): every input bit reaches every output bit. */
export function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * A bell-shaped value of standard deviation 1.155 within ±4: the sum of four uniform 16-bit
 * numbers, centred, times 2^-15. At most 18 significant bits, hence exact in float32.
 */
export function bell(seed: number, row: number, column: number): number {
  const stream = mix32(seed ^ mix32(row + 0x9e3779b9));
  const first = mix32(stream ^ column);
  const second = mix32(first + 0x6a09e667);
  const sum = (first & 0xffff) + (first >>> 16) + (second & 0xffff) + (second >>> 16);
  return (sum - 131070) * 2 ** -15;
}

/** One row of `x` as the exact values of `dtype`. */
export function drawRow(
  recipe: InputRecipe,
  seed: number,
  row: number,
  hiddenSize: number,
  dtype: Dtype,
): Float64Array {
  const values = new Float64Array(hiddenSize);
  const scale = scaleOf(recipe, row, dtype);
  for (let column = 0; column < hiddenSize; column += 1) {
    values[column] = roundTo(bell(seed, row, column) * scale, dtype);
  }
  const special = mix32(seed + row) % hiddenSize;
  if (recipe === "infinities" && hasSpecial(row))
    values[special] = row % 4 === 2 ? -Infinity : Infinity;
  if (recipe === "nans" && hasSpecial(row)) values[special] = Number.NaN;
  return values;
}

/**
 * The weight minus `weightOffset`: around 1 with a spread of 0.3, every 17th value eight times
 * as large and negative, so that a weight that is ignored, shifted or misread shows.
 */
export function drawWeight(
  seed: number,
  hiddenSize: number,
  dtype: Dtype,
  weightOffset: number,
): Float64Array {
  const values = new Float64Array(hiddenSize);
  for (let column = 0; column < hiddenSize; column += 1) {
    const spread = 1 + bell(seed ^ 0x5bd1e995, -1, column) * 0.25;
    const value = column % 17 === 3 ? -8 * spread : spread;
    values[column] = roundTo(value - weightOffset, dtype);
  }
  return values;
}

/** Rows 0, 2, 4, … hold a special value; the others must stay untouched by it. */
function hasSpecial(row: number): boolean {
  return row % 2 === 0;
}

function scaleOf(recipe: InputRecipe, row: number, dtype: Dtype): number {
  switch (recipe) {
    case "std_1e-2":
      return 2 ** -7;
    case "large":
      // float16: up to 32752, whose square passes 65504. Otherwise 2^50, and in every fourth row
      // 2^64, where the float32 sum of squares overflows.
      if (dtype === "float16") return 2 ** 13;
      return row % 4 === 3 ? 2 ** 64 : 2 ** 50;
    case "subnormal":
      return dtype === "float16" ? 2 ** -17 : 2 ** -129;
    default:
      return 1;
  }
}
