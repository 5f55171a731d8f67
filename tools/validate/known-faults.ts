import { accuracyLimits } from "../kernel/accuracy.ts";
import type { KernelCase, Rounding } from "../kernel/cases.ts";
import { dtypeFacts, roundTo } from "../kernel/dtypes.ts";
import { type Deviation, type RowInputs, referenceRow } from "../kernel/reference.ts";
import { distanceOf } from "./output.ts";
import type { ReasonCode } from "./reasons.ts";
import type { SeenRow } from "./seen-row.ts";

/** A row of output with what it is compared with: what a fault takes for the inputs. */
export interface Reading {
  one: KernelCase;
  inputs: RowInputs;
  got: Float64Array;
}

/** A mistake whose result can be computed. */
export interface Fault {
  deviation?: Deviation;
  /** Left out: the case's own inputs and the output as it is declared. Undefined: not to be told in that row. */
  read?: (seen: SeenRow) => Reading | undefined;
}

export interface KnownFault extends Fault {
  reason: ReasonCode;
  nature: string;
  /** Other semantics, right by themselves: "weight_offset 1". */
  resembles?: string;
}

/** Deviations from the definition, the most specific first. */
export function knownFaults(one: KernelCase): KnownFault[] {
  return [
    ...weightFaults(one),
    ...epsFaults(one),
    ...divisorFaults(one),
    {
      reason: "rounding_order",
      nature: `the values are those of rounding "${otherRounding(one)}"`,
      resembles: `rounding ${otherRounding(one)}`,
      deviation: { swap_rounding: true },
    },
    ...sumFaults(one),
  ];
}

/**
 * Whether the faulty reference is within the limits in all rows, and differs from the true one
 * in at least one.
 */
export function explains(one: KernelCase, rows: readonly SeenRow[], fault: Fault): boolean {
  const deviation = fault.deviation ?? {};
  const rounding = deviation.swap_rounding ? otherRounding(one) : one.rounding;
  const limits = accuracyLimits({ ...one, rounding });
  let differs = false;
  let beyond = 0;
  let elements = 0;
  let evidence = 0;
  let worst = 0;
  let worstFaulty = 0;
  for (const seen of rows) {
    const reading = fault.read
      ? fault.read(seen)
      : { one, inputs: seen.inputs, got: seen.got.values };
    if (!reading) continue;
    const faulty = referenceRow(reading.one, reading.inputs, deviation);
    for (let column = 0; column < one.hidden_size; column += 1) {
      const value = reading.got[column] as number;
      const distance = distanceOf(reading.one, faulty, value, column);
      if (distance.plain > limits.max_ulp) return false;
      if (distance.ordered > limits.ordered_ulp) beyond += 1;
      const declared = distanceOf(one, seen.reference, seen.got.values[column] as number, column);
      if (declared.ordered > limits.ordered_ulp) differs = true;
      worst = Math.max(worst, declared.plain);
      worstFaulty = Math.max(worstFaulty, distance.plain);
      elements += 1;
      // Where the sum overflows zeros are right whatever a kernel does.
      if (value !== 0 || !faulty.overflows) evidence += 1;
    }
  }
  if (evidence === 0) return false;
  // In float32 a few ulps of inaccuracy resemble many a fault: it must explain nearly all of them.
  if (one.out_dtype === "float32" && worstFaulty * 4 > worst) return false;
  return differs && beyond <= 0.01 * elements + 1;
}

function weightFaults(one: KernelCase): KnownFault[] {
  const copied: KnownFault = {
    reason: "input_returned",
    nature: "the output is x itself",
    deviation: { ignore_rstd: true, ignore_weight: true },
  };
  if (one.weight === "none") return [copied];
  const other = one.weight_offset === 0 ? 1 : 0;
  return [
    copied,
    {
      reason: "input_returned",
      nature: "the output is x * weight, without rstd",
      deviation: { ignore_rstd: true },
    },
    {
      reason: "weight_ignored",
      nature: "the weight is ignored",
      resembles: "no weight",
      deviation: { ignore_weight: true },
    },
    {
      reason: "weight_offset_wrong",
      nature: `weight_offset ${other} is used where the arguments say ${one.weight_offset}`,
      resembles: `weight_offset ${other}`,
      deviation: { weight_offset: other },
    },
    {
      reason: "weight_offset_wrong",
      nature: `weight + ${one.weight_offset} is rounded to ${one.dtype} before the product`,
      deviation: { round_weight_sum: true },
    },
  ];
}

/** Values of eps that kernels have built in. */
const usualEps = [1e-5, 1e-6, 1e-8, 1e-12];

function epsFaults(one: KernelCase): KnownFault[] {
  const fault = (nature: string, deviation: Deviation): KnownFault => ({
    reason: "eps_ignored",
    nature,
    deviation,
  });
  const said = Number(one.eps.toPrecision(6));
  const others = usualEps.map((eps) => Math.fround(eps)).filter((eps) => eps !== one.eps);
  const half = (["float16", "bfloat16"] as const).map((dtype) => ({
    dtype,
    eps: roundTo(one.eps, dtype),
  }));
  return [
    fault(`eps ${said} is ignored`, { ignore_eps: true }),
    fault(`eps ${said} is added outside of the square root`, { eps_place: "outside" }),
    fault(`eps ${said} is a lower bound of the mean square, where it must be added`, {
      eps_place: "floor",
    }),
    ...others.map((eps) =>
      fault(`eps ${Number(eps.toPrecision(6))} is used where the arguments say ${said}`, { eps }),
    ),
    ...half
      .filter(({ eps }) => eps !== one.eps)
      .map(({ dtype, eps }) =>
        fault(`eps ${said} is carried in ${dtype} (${eps.toPrecision(4)})`, { eps }),
      ),
  ];
}

/** What hidden sizes are padded to. */
const padding = [8, 32, 128, 256, 1024];

function divisorFaults({ hidden_size }: KernelCase): KnownFault[] {
  const power = 2 ** Math.ceil(Math.log2(hidden_size));
  const padded = padding.map((step) => Math.ceil(hidden_size / step) * step);
  const cut = padding.map((step) => Math.floor(hidden_size / step) * step);
  const named: [count: number, words: string][] = [
    [hidden_size - 1, "hidden_size - 1"],
    [hidden_size + 1, "hidden_size + 1"],
    [power, `${power}, the next power of two`],
    ...padded.map((count): [number, string] => [count, `${count}, hidden_size padded`]),
    ...cut.map((count): [number, string] => [count, `${count}, hidden_size cut to whole vectors`]),
  ];
  const isFirst = (count: number, index: number) =>
    named.findIndex(([other]) => other === count) === index;
  return named
    .filter(([count], index) => count > 0 && count !== hidden_size && isFirst(count, index))
    .map(([count, words]) => ({
      reason: "wrong_divisor",
      nature: `the mean square is divided by ${words}`,
      deviation: { divisor_offset: count - hidden_size },
    }));
}

function sumFaults({ hidden_size, dtype }: KernelCase): KnownFault[] {
  const vector = 16 / dtypeFacts[dtype].bytes;
  // What one warp, one block, or half of the row leaves out.
  const summed = [32, 256, 512, 1024].map((count) => hidden_size - count);
  const few = [1, 2, vector, 2 * vector, hidden_size % vector, hidden_size % 32];
  const counts = [...few, Math.floor(hidden_size / 2), ...summed];
  return [...new Set(counts)]
    .filter((count) => count > 0 && count < hidden_size)
    .map((count) => ({
      reason: "incomplete_sum",
      nature: `the squares of the last ${count} columns are not in the sum`,
      deviation: { sum_without_last: count },
    }));
}

function otherRounding({ rounding }: KernelCase): Rounding {
  return rounding === "llama" ? "single" : "llama";
}
