import { accuracyLimits } from "../kernel/accuracy.ts";
import type { KernelCase } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import {
  type Deviation,
  type ReferenceRow,
  type RowInputs,
  referenceRow,
} from "../kernel/reference.ts";
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
  const rows = rowsToLookAt(one).map((row) => ({
    inputs: inputs(row),
    got: readRow(one, output, row).values,
    reference: referenceRow(one, inputs(row)),
  }));
  if (notWritten > 0) return describeNotWritten(one, notWritten);
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
  const other = one.rounding === "llama" ? "single" : "llama";
  add("rounding_order", `the values are those of rounding "${other}"`, { swap_rounding: true });
  const vector = 16 / dtypeFacts[one.dtype].bytes;
  for (const count of new Set([1, vector, 2 * vector, one.hidden_size % vector])) {
    if (count === 0 || count >= one.hidden_size) continue;
    add("incomplete_sum", `the squares of the last ${count} columns are not in the sum`, {
      sum_without_last: count,
    });
  }
  return faults;
}

/** Whether the deviating reference is within the limits everywhere, and differs from the true one. */
function explains(one: KernelCase, rows: readonly SeenRow[], deviation: Deviation): boolean {
  const limits = accuracyLimits(one);
  let differs = false;
  let beyond = 0;
  let elements = 0;
  for (const { inputs, got, reference } of rows) {
    const deviating = referenceRow(one, inputs, deviation);
    for (let column = 0; column < one.hidden_size; column += 1) {
      const value = got[column] as number;
      const distance = distanceOf(one, deviating, value, column);
      if (distance.plain > limits.max_ulp) return false;
      if (distance.ordered > limits.ordered_ulp) beyond += 1;
      if (distanceOf(one, reference, value, column).ordered > limits.ordered_ulp) differs = true;
      elements += 1;
    }
  }
  return differs && beyond <= 0.01 * elements + 1;
}

function describeNotWritten(one: KernelCase, count: number): Diagnosis {
  const all = count === one.rows * one.hidden_size;
  // Fewer than one in two elements of a row: the end of rows, not whole rows.
  const tail =
    !all && count < one.rows * Math.max(1, one.hidden_size / 2) && count % one.rows === 0;
  return tail
    ? {
        reason: "tail_not_written",
        nature: `${count / one.rows} columns of each row are never written`,
      }
    : {
        reason: "not_written",
        nature: `${count} of ${one.rows * one.hidden_size} elements are never written`,
      };
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
  if (mismatch) {
    return { reason: "special_values", nature: "NaN or infinities stand in the wrong places" };
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
  const factor = (factors[off.indexOf(worst)] as number).toPrecision(5);
  // Half-precision sums are off by parts in a hundred; a lost warp or vector by more.
  return worst < 2 ** -4
    ? {
        reason: "low_precision_sum",
        nature: `whole rows are scaled by a slightly wrong rstd (by ${factor}), as a sum of squares in half precision gives`,
      }
    : {
        reason: "incomplete_sum",
        nature: `whole rows are scaled by a wrong rstd (by ${factor}): part of the squares is missing from the sum`,
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
