import { accuracyLimits } from "../kernel/accuracy.ts";
import type { KernelCase, Rounding } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import {
  type Deviation,
  type ReferenceRow,
  type RowInputs,
  referenceRow,
} from "../kernel/reference.ts";
import { plural } from "../text.ts";
import type { Diagnosis } from "./outcome.ts";
import { distanceOf, type Output, readRow } from "./output.ts";
import type { ReasonCode } from "./reasons.ts";

/**
 * Names what a wrong output was computed by: tries the reference with one known fault after the
 * other, and takes the first that explains the rows looked at; then the shape of the error.
 */
export function diagnose(
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  output: Output,
  notWritten: number,
): Diagnosis {
  if (notWritten > 0) return describeNotWritten(one, output, notWritten);
  const rows = rowsToLookAt(one).map((row) => ({
    inputs: inputs(row),
    got: readRow(one, output, row).values,
    reference: referenceRow(one, inputs(row)),
  }));
  for (const { reason, nature, deviation } of knownFaults(one)) {
    if (explains(one, rows, deviation)) return { reason, nature };
  }
  return describeSpecial(one, rows) ?? describeScale(one, rows) ?? unknown;
}

interface SeenRow {
  inputs: RowInputs;
  got: Float64Array;
  reference: ReferenceRow;
}

interface KnownFault {
  reason: ReasonCode;
  nature: string;
  deviation: Deviation;
}

const unknown: Diagnosis = {
  reason: "wrong_values",
  nature: "no known fault explains the values",
};

/** Every row of a case with few rows, else a sample: a systematic fault shows in any of them. */
function rowsToLookAt(one: KernelCase): number[] {
  const count = Math.min(one.rows, 6);
  return Array.from({ length: count }, (_, index) => Math.floor((index * one.rows) / count));
}

function knownFaults(one: KernelCase): KnownFault[] {
  const faults: KnownFault[] = [];
  const add = (reason: ReasonCode, nature: string, deviation: Deviation) =>
    faults.push({ reason, nature, deviation });
  if (one.weight !== "none") {
    add("weight_ignored", "the weight is ignored", { ignore_weight: true });
    const other = one.weight_offset === 0 ? 1 : 0;
    add(
      "weight_offset_wrong",
      `weight_offset ${other} is used where the arguments say ${one.weight_offset}`,
      { weight_offset: other },
    );
  }
  add("eps_ignored", `eps ${one.eps} is ignored`, { ignore_eps: true });
  for (const offset of [-1, 1]) {
    add(
      "wrong_divisor",
      `the mean square is divided by hidden_size ${offset < 0 ? "- 1" : "+ 1"}`,
      { divisor_offset: offset },
    );
  }
  const nature = `the values are those of rounding "${otherRounding(one)}"`;
  add("rounding_order", nature, { swap_rounding: true });
  const vector = 16 / dtypeFacts[one.dtype].bytes;
  for (const count of new Set([1, vector, 2 * vector, one.hidden_size % vector])) {
    if (count === 0 || count >= one.hidden_size) continue;
    add("incomplete_sum", `the squares of the last ${count} columns are not in the sum`, {
      sum_without_last: count,
    });
  }
  return faults;
}

function otherRounding({ rounding }: KernelCase): Rounding {
  return rounding === "llama" ? "single" : "llama";
}

/** Whether the deviating reference is within the limits everywhere, and differs from the true one. */
function explains(one: KernelCase, rows: readonly SeenRow[], deviation: Deviation): boolean {
  const rounding = deviation.swap_rounding ? otherRounding(one) : one.rounding;
  const limits = accuracyLimits({ ...one, rounding });
  let differs = false;
  let beyond = 0;
  let elements = 0;
  let worst = 0;
  let worstDeviating = 0;
  for (const { inputs, got, reference } of rows) {
    const deviating = referenceRow(one, inputs, deviation);
    for (let column = 0; column < one.hidden_size; column += 1) {
      const value = got[column] as number;
      const distance = distanceOf(one, deviating, value, column);
      if (distance.plain > limits.max_ulp) return false;
      if (distance.ordered > limits.ordered_ulp) beyond += 1;
      const plain = distanceOf(one, reference, value, column);
      if (plain.ordered > limits.ordered_ulp) differs = true;
      worst = Math.max(worst, plain.plain);
      worstDeviating = Math.max(worstDeviating, distance.plain);
      elements += 1;
    }
  }
  // In float32 a few ulps of inaccuracy resemble many a fault: it must explain nearly all of them.
  if (one.out_dtype === "float32" && worstDeviating * 4 > worst) return false;
  return differs && beyond <= 0.01 * elements + 1;
}

function describeNotWritten(one: KernelCase, output: Output, count: number): Diagnosis {
  const perRow = count / one.rows;
  const tail =
    perRow < one.hidden_size &&
    Array.from({ length: one.rows }, (_, row) => row).every(
      (row) => unwrittenTail(one, output, row) === perRow,
    );
  return tail
    ? {
        reason: "tail_not_written",
        nature: `the last ${plural(perRow, "column")} of each row are never written`,
      }
    : {
        reason: "not_written",
        nature: `${count} of ${one.rows * one.hidden_size} elements are never written`,
      };
}

/** How many elements at the end of a row still hold the poison. */
function unwrittenTail(one: KernelCase, output: Output, row: number): number {
  const { poison } = dtypeFacts[one.out_dtype];
  const { bits } = readRow(one, output, row);
  let tail = 0;
  while (tail < bits.length && bits[bits.length - 1 - tail] === poison) tail += 1;
  return tail;
}

function describeSpecial(one: KernelCase, rows: readonly SeenRow[]): Diagnosis | undefined {
  const mismatch = rows.some(({ got, reference }) =>
    got.some(
      (value, column) => Number.isFinite(value) !== Number.isFinite(reference.exact[column]),
    ),
  );
  if (mismatch && one.inputs === "large") {
    return { reason: "overflow", nature: "large finite inputs do not give finite outputs" };
  }
  if (mismatch && (one.inputs === "nans" || one.inputs === "infinities")) {
    return { reason: "special_values", nature: "NaN or infinities stand in the wrong places" };
  }
  if (mismatch) {
    return { reason: "wrong_values", nature: "NaN or infinities come out of ordinary inputs" };
  }
  const zeros = rows.every(({ got, reference }) =>
    got.every((value, column) => value === 0 || reference.exact[column] === value),
  );
  if (zeros && one.inputs === "large") {
    return { reason: "overflow", nature: "large finite inputs give rows of zeros" };
  }
  if (zeros && one.inputs === "subnormal") {
    return { reason: "subnormals_flushed", nature: "subnormal inputs are flushed to zero" };
  }
  return undefined;
}

/** A factor common to a whole row points at its rstd. */
function describeScale(one: KernelCase, rows: readonly SeenRow[]): Diagnosis | undefined {
  const factors = rows.map((row) => commonFactor(one, row));
  if (factors.some((factor) => factor === undefined)) return undefined;
  const off = (factors as number[]).map((factor) => Math.abs(factor - 1));
  const worst = Math.max(...off);
  // Below an ulp's fraction it is the rounding of the values themselves.
  if (worst < 2 ** -(dtypeFacts[one.dtype].significand_bits + 3)) return undefined;
  const factor = (factors[off.indexOf(worst)] as number).toPrecision(5);
  const missing = (factors[off.indexOf(worst)] as number) > 1;
  // Half-precision sums are off by parts in a hundred; a lost warp or vector by more.
  return worst < 2 ** -4
    ? {
        reason: "low_precision_sum",
        nature: `whole rows are scaled by a slightly wrong rstd (by ${factor}), as ${one.dtype === "float32" ? "squares summed one after another give" : "a sum of squares in half precision gives"}`,
      }
    : {
        reason: "incomplete_sum",
        nature: `whole rows are scaled by a wrong rstd (by ${factor}): ${missing ? "part of the squares is missing from the sum" : "more than the row's squares is in the sum"}`,
      };
}

function commonFactor(one: KernelCase, { got, reference }: SeenRow): number | undefined {
  const ratios: number[] = [];
  reference.exact.forEach((expected, column) => {
    const value = got[column] as number;
    if (expected !== 0 && Number.isFinite(expected)) ratios.push(value / expected);
  });
  if (ratios.length < 2) return undefined;
  ratios.sort((a, b) => a - b);
  const median = ratios[ratios.length >> 1] as number;
  const low = ratios[Math.floor(ratios.length * 0.02)] as number;
  const high = ratios[Math.ceil(ratios.length * 0.98) - 1] as number;
  // Two roundings, each half an ulp, on both sides.
  const spread = 2 ** (3 - dtypeFacts[one.dtype].significand_bits) * Math.abs(median);
  return Number.isFinite(median) && median > 0 && high - low <= spread ? median : undefined;
}
