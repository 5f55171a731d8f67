import { type Dtype, dtypeFacts, roundTo } from "./dtypes.ts";

/**
 * Inputs are drawn from a counter-based integer hash and mapped to exact dyadic values, so that
 * TypeScript, Python and a device make the same bits from (seed, row, column) alone. Before the one
 * rounding to the dtype every value is exact in float32 too.
 */

/** What one row of `x` is like. The order is that of the codes which the device reads. */
export const rowKinds = [
  "ordinary",
  "small",
  "tiny",
  "subnormal",
  "large",
  "overflowing",
  "large_mean",
  "one_outlier",
  "zero",
  "negative_zero",
  "one_nonzero",
  "one_nan",
  "one_infinity",
  "one_negative_infinity",
  "both_infinities",
  "max_finite",
  "max_finite_signs",
  "one_max_finite",
] as const;
export type RowKind = (typeof rowKinds)[number];

/**
 * The kinds that the rows of a recipe take in turn: row r is of kind r % length. Ordinary rows
 * between the others must stay untouched by them.
 */
export const recipeRows = {
  std_1: ["ordinary"],
  "std_1e-2": ["small"],
  "std_1e-4": ["tiny"],
  large_mean: ["large_mean"],
  one_outlier: ["one_outlier"],
  zeros: ["zero", "ordinary", "negative_zero", "one_nonzero"],
  subnormal: ["subnormal"],
  large: ["large", "large", "large", "overflowing"],
  max_finite: ["max_finite", "ordinary", "max_finite_signs", "one_max_finite"],
  infinities: ["one_infinity", "ordinary", "one_negative_infinity", "ordinary", "both_infinities"],
  nans: ["one_nan", "ordinary"],
  mixed: [
    "one_nan",
    "ordinary",
    "one_infinity",
    "small",
    "zero",
    "large",
    "tiny",
    "overflowing",
    "max_finite",
    "subnormal",
    "both_infinities",
    "one_outlier",
  ],
} as const satisfies Record<string, readonly RowKind[]>;
export type InputRecipe = keyof typeof recipeRows;
export const inputRecipes = Object.keys(recipeRows) as readonly InputRecipe[];

/** Finite values of ordinary size: a kernel that is wrong there is wrong in a model. */
export const ordinaryRecipes = [
  "std_1",
  "std_1e-2",
  "std_1e-4",
  "large_mean",
  "one_outlier",
] as const satisfies readonly InputRecipe[];

export function isOrdinary(recipe: InputRecipe): boolean {
  return (ordinaryRecipes as readonly InputRecipe[]).includes(recipe);
}

/** How the weight is drawn; see drawWeight. */
export const weightValues = ["spread", "near_zero"] as const;
export type WeightValues = (typeof weightValues)[number];

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
  return bellOf(streamOf(seed, row), column);
}

export function kindOfRow(recipe: InputRecipe, row: number): RowKind {
  const kinds: readonly RowKind[] = recipeRows[recipe];
  return kinds[row % kinds.length] as RowKind;
}

/** One row of `x` as the exact values of `dtype`. */
export function drawRow(
  recipe: InputRecipe,
  seed: number,
  row: number,
  hiddenSize: number,
  dtype: Dtype,
): Float64Array {
  const kind = kindOfRow(recipe, row);
  const values = new Float64Array(hiddenSize);
  const constant = constantOf(kind, dtype);
  const stream = streamOf(seed, row);
  const { max_finite } = dtypeFacts[dtype];
  if (constant !== undefined) {
    values.fill(constant);
  } else if (kind === "max_finite_signs") {
    for (let column = 0; column < hiddenSize; column += 1) {
      values[column] = bellOf(stream, column) < 0 ? -max_finite : max_finite;
    }
  } else {
    const scale = 2 ** exponentOf(kind, dtype);
    const shift = kind === "large_mean" ? 10 : 0;
    for (let column = 0; column < hiddenSize; column += 1) {
      values[column] = roundTo(bellOf(stream, column) * scale + shift, dtype);
    }
  }
  const special = mix32(seed + row) % hiddenSize;
  const at = specialOf(kind, max_finite);
  if (at !== undefined) values[special] = at;
  // With one column the second infinity takes the place of the first.
  if (kind === "both_infinities") values[(special + (hiddenSize >> 1)) % hiddenSize] = -Infinity;
  return values;
}

/**
 * `spread`: the weight minus `weightOffset`, around 1 with a spread of 0.3, every 17th value eight
 * times as large and negative, so that a weight that is ignored, shifted or misread shows.
 * `near_zero`: the weight itself, within ±1/16 and in every 17th column 0, whatever the offset is:
 * w and 1 + w are far apart there, and 1 + w loses most bits of w where it is rounded to the dtype.
 */
export function drawWeight(
  seed: number,
  hiddenSize: number,
  dtype: Dtype,
  weightOffset: number,
  kind: WeightValues = "spread",
): Float64Array {
  const values = new Float64Array(hiddenSize);
  const stream = streamOf(seed ^ 0x5bd1e995, -1);
  for (let column = 0; column < hiddenSize; column += 1) {
    const drawn = bellOf(stream, column);
    const seventeenth = column % 17 === 3;
    if (kind === "near_zero") {
      values[column] = seventeenth ? 0 : roundTo(drawn * 2 ** -6, dtype);
      continue;
    }
    const spread = 1 + drawn * 0.25;
    values[column] = roundTo((seventeenth ? -8 * spread : spread) - weightOffset, dtype);
  }
  return values;
}

function streamOf(seed: number, row: number): number {
  return mix32(seed ^ mix32(row + 0x9e3779b9));
}

function bellOf(stream: number, column: number): number {
  const first = mix32(stream ^ column);
  const second = mix32(first + 0x6a09e667);
  const sum = (first & 0xffff) + (first >>> 16) + (second & 0xffff) + (second >>> 16);
  return (sum - 131070) * 2 ** -15;
}

/** The value of every element of a row of that kind; undefined where they differ. */
function constantOf(kind: RowKind, dtype: Dtype): number | undefined {
  switch (kind) {
    case "zero":
    case "one_nonzero":
      return 0;
    case "negative_zero":
      return -0;
    case "max_finite":
      return dtypeFacts[dtype].max_finite;
    default:
      return undefined;
  }
}

/** The power of two that the bell-shaped values are scaled by. */
function exponentOf(kind: RowKind, dtype: Dtype): number {
  const half = dtype === "float16";
  switch (kind) {
    case "small":
      return -7;
    case "tiny":
      return -14;
    case "large_mean":
      return -2;
    case "subnormal":
      return half ? -17 : -129;
    case "large":
      // float16: up to 32752, whose square passes 65504.
      return half ? 13 : 50;
    case "overflowing":
      // The float32 sum of squares overflows.
      return half ? 13 : 64;
    default:
      return 0;
  }
}

/** The value of the row's one drawn column that is unlike the others. */
function specialOf(kind: RowKind, max_finite: number): number | undefined {
  switch (kind) {
    case "one_outlier":
      return 1024;
    case "one_nonzero":
      return 3;
    case "one_nan":
      return Number.NaN;
    case "one_infinity":
    case "both_infinities":
      return Infinity;
    case "one_negative_infinity":
      return -Infinity;
    case "one_max_finite":
      return max_finite;
    default:
      return undefined;
  }
}
