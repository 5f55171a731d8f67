import type { KernelCase } from "./cases.ts";
import { type Dtype, dtypeFacts, roundTo, ulpAt } from "./dtypes.ts";

/** What the reference says about one row. */
export interface ReferenceRow {
  /** The plain float64 value: no rounding anywhere. */
  exact: Float64Array;
  /** The float64 value with the rounding that the declared order makes half-way, if any. */
  ordered: Float64Array;
  /**
   * `ordered` where the half-way rounding goes the other way: differs only where the normalised
   * value is so near a midpoint that float32 cannot tell. Either is right.
   */
  alternative: Float64Array;
  /** How far a half-way rounding to a subnormal moves the result; undefined without any. */
  subnormal_slack: Float64Array | undefined;
  /** Magnitude of the terms that a sum may cancel: errors are counted in ulps there. */
  scale: Float64Array | undefined;
  rstd: number;
  /** `layernorm`: the row's mean, and of its magnitudes: errors are counted in ulps there. */
  mean: number;
  mean_magnitude: number;
  /** The float32 sum of squares overflows: a row of zeros is as right as the float64 values. */
  overflows: boolean;
}

export interface RowInputs {
  x: Float64Array;
  weight: Float64Array | undefined;
  residual: Float64Array | undefined;
  bias: Float64Array | undefined;
}

/** A deliberate deviation from the definition, to recognise what a wrong kernel computes. */
export interface Deviation {
  ignore_weight?: boolean;
  /** Nothing is normalised: x * weight. */
  ignore_rstd?: boolean;
  ignore_eps?: boolean;
  /** Another eps than the case's. */
  eps?: number;
  /** `outside`: 1 / (sqrt(mean square) + eps); `floor`: 1 / sqrt(max(mean square, eps)). */
  eps_place?: "outside" | "floor";
  /** Added to the divisor of the mean: -1 divides by hidden_size - 1. */
  divisor_offset?: number;
  weight_offset?: number;
  /** weight + weight_offset is rounded to x's dtype. */
  round_weight_sum?: boolean;
  swap_rounding?: boolean;
  /** Squares of the last n elements left out of the sum. */
  sum_without_last?: number;
}

/** What float32 arithmetic may add to a normalised value: a sum, two divisions and a root, doubled. */
const float32Doubt = 2 ** -21;

const float32Max = (2 - 2 ** -23) * 2 ** 127;

/**
 * y = x * rstd * (weight + weight_offset), rstd = 1 / sqrt(mean(x^2) + eps), in float64
 * (`layernorm`: x - mean in place of x, and + bias).
 * rounding "llama": x * rstd is rounded to the input's dtype before the product (transformers'
 * LlamaRMSNorm); "single": one rounding at the end (torch.nn.RMSNorm).
 */
export function referenceRow(
  one: KernelCase,
  inputs: RowInputs,
  deviation: Deviation = {},
): ReferenceRow {
  const n = one.hidden_size;
  const x = summed(one, inputs);
  const centred = one.operator === "layernorm";
  const mean = centred ? total(x, Number) / n : 0;
  const mean_magnitude = centred ? total(x, Math.abs) / n : 0;
  const { sumOfSquares, overflows } = squares(x, mean, n - (deviation.sum_without_last ?? 0));
  const meanSquare = sumOfSquares / (n + (deviation.divisor_offset ?? 0));
  const rstd = deviation.ignore_rstd ? 1 : rstdOf(meanSquare, one.eps, deviation);
  const llama = (one.rounding === "llama") !== (deviation.swap_rounding ?? false);
  const weightOffset = deviation.weight_offset ?? one.weight_offset;
  const weight = deviation.ignore_weight ? undefined : inputs.weight;
  const roundSum = weight !== undefined && deviation.round_weight_sum;
  const exact = new Float64Array(n);
  const ordered = new Float64Array(n);
  const alternative = new Float64Array(n);
  let slack: Float64Array | undefined;
  const smallestNormal = 2 ** dtypeFacts[one.dtype].min_exponent;
  const scale = centred ? new Float64Array(n) : undefined;
  for (let column = 0; column < n; column += 1) {
    const normalised = ((x[column] as number) - mean) * rstd;
    const sum = weight ? (weight[column] as number) + weightOffset : 1;
    const factor = roundSum ? roundTo(sum, one.dtype) : sum;
    // Adding -0 changes nothing, not even the sign of a zero.
    const bias = inputs.bias?.[column] ?? -0;
    exact[column] = normalised * factor + bias;
    const [near, other] = llama ? roundBothWays(normalised, one.dtype) : [normalised, normalised];
    ordered[column] = near * factor + bias;
    alternative[column] = other * factor + bias;
    if (llama && Math.abs(normalised) < smallestNormal) {
      slack ??= new Float64Array(n);
      slack[column] = 0.5 * ulpAt(0, one.dtype) * Math.abs(factor);
    }
    if (scale) {
      scale[column] =
        (Math.abs(x[column] as number) + Math.abs(mean)) * rstd * Math.abs(factor) + Math.abs(bias);
    }
  }
  return {
    exact,
    ordered,
    alternative,
    subnormal_slack: slack,
    scale,
    rstd,
    mean,
    mean_magnitude,
    overflows,
  };
}

function rstdOf(meanSquare: number, eps: number, deviation: Deviation): number {
  const added = deviation.ignore_eps ? 0 : (deviation.eps ?? eps);
  if (deviation.eps_place === "outside") return 1 / (Math.sqrt(meanSquare) + added);
  if (deviation.eps_place === "floor") return 1 / Math.sqrt(Math.max(meanSquare, added));
  return 1 / Math.sqrt(meanSquare + added);
}

function roundBothWays(value: number, dtype: Dtype): [near: number, other: number] {
  const near = roundTo(value, dtype);
  const below = roundTo(value * (1 - float32Doubt), dtype);
  return [near, below === near ? roundTo(value * (1 + float32Doubt), dtype) : below];
}

/**
 * What is normalised: x, or for `add_rmsnorm` x + residual, rounded to the dtype where declared.
 * Unrounded means float32, which has no larger number than its largest.
 */
export function summed(one: KernelCase, inputs: RowInputs): Float64Array {
  const { residual } = inputs;
  if (!residual) return inputs.x;
  return inputs.x.map((value, column) => {
    const sum = value + (residual[column] as number);
    if (one.rounded_sum) return roundTo(sum, one.dtype);
    return Math.abs(sum) > float32Max ? sum * Infinity : sum;
  });
}

function total(x: Float64Array, term: (value: number) => number): number {
  return x.reduce((sum, value) => sum + term(value), 0);
}

function squares(x: Float64Array, mean: number, count: number) {
  let sumOfSquares = 0;
  let finite = true;
  for (let column = 0; column < count; column += 1) {
    const centred = (x[column] as number) - mean;
    sumOfSquares += centred * centred;
    finite &&= Number.isFinite(centred);
  }
  // A last-place margin: near the edge the order of a float32 sum decides.
  return { sumOfSquares, overflows: finite && sumOfSquares > float32Max * (1 - 2 ** -10) };
}
