import { accuracyLimits } from "../kernel/accuracy.ts";
import type { KernelCase } from "../kernel/cases.ts";
import { dtypeFacts } from "../kernel/dtypes.ts";
import { type RowKind, recipeRows } from "../kernel/inputs.ts";
import { plural } from "../text.ts";
import type { Suspicion } from "./diagnose.ts";
import type { Diagnosis } from "./outcome.ts";
import type { SeenRow } from "./seen-row.ts";

/** Names what an error looks like that no known fault explains; undefined where it looks like nothing. */
export function describeShape(
  one: KernelCase,
  rows: readonly SeenRow[],
  suspicion: Suspicion,
): Diagnosis | undefined {
  return (
    describeConstant(rows) ??
    describeSpecial(one, rows) ??
    describeOutliers(one, rows, suspicion) ??
    describeScale(one, rows)
  );
}

/** Elements that chance could make equal are no constant. */
const fewestConstant = 8;

function describeConstant(rows: readonly SeenRow[]): Diagnosis | undefined {
  const [first] = rows;
  const constant = first?.got.values[0];
  if (constant === undefined || Number.isNaN(constant)) return undefined;
  const elements = rows.reduce((sum, { got }) => sum + got.values.length, 0);
  const varies = rows.some(({ reference }) =>
    reference.exact.some((value) => value !== reference.exact[0]),
  );
  const same = rows.every(({ got }) => got.values.every((value) => value === constant));
  // Of extreme inputs zeros may be what a wrong sum of squares leaves: that says more.
  const extreme = rows.every(({ kind }) => isHuge(kind) || kind === "subnormal");
  if (!same || !varies || extreme || elements < fewestConstant) return undefined;
  return {
    reason: "constant_output",
    nature: `every element is ${Number(constant.toPrecision(5))}, whatever the inputs are`,
  };
}

function isHuge(kind: RowKind): boolean {
  return kind === "large" || kind === "overflowing" || kind.includes("max_finite");
}

function holdsSpecial(kind: RowKind): boolean {
  return kind === "one_nan" || kind.includes("infinit");
}

/** NaN, infinities and zeros where others belong, by the kind of row that they stand in. */
function describeSpecial(one: KernelCase, rows: readonly SeenRow[]): Diagnosis | undefined {
  const bad = rows.filter((row) => row.bad > 0);
  const misplaced = bad.filter(({ got, reference }) =>
    got.values.some(
      (value, column) => Number.isFinite(value) !== Number.isFinite(reference.exact[column]),
    ),
  );
  if (misplaced.some(({ kind }) => holdsSpecial(kind))) {
    return { reason: "special_values", nature: "NaN or infinities stand in the wrong places" };
  }
  if (misplaced.some(({ kind }) => isHuge(kind))) {
    return { reason: "overflow", nature: "large finite inputs do not give finite outputs" };
  }
  if (misplaced.length > 0) {
    const others: readonly RowKind[] = recipeRows[one.inputs];
    return others.some(holdsSpecial)
      ? { reason: "special_values", nature: "a row with NaN or infinities spoils another row" }
      : { reason: "wrong_values", nature: "NaN or infinities come out of ordinary inputs" };
  }
  const zeros = bad.filter(({ got, reference }) =>
    got.values.every((value, column) => value === 0 || reference.exact[column] === value),
  );
  if (zeros.length === 0 || zeros.length < bad.length) return undefined;
  if (zeros.every(({ kind }) => isHuge(kind))) {
    return { reason: "overflow", nature: "large finite inputs give rows of zeros" };
  }
  return zeros.every(({ kind }) => kind === "subnormal")
    ? { reason: "subnormals_flushed", nature: "subnormal inputs are flushed to zero" }
    : undefined;
}

/** Most elements that may be off for an average to hide them. */
const outlierShare = 0.01;
/** How far off they must be, in limits: rounding and sums are never as far. */
const outlierLimits = 16;

function describeOutliers(
  one: KernelCase,
  rows: readonly SeenRow[],
  { elements, bad_count, max_ulp }: Suspicion,
): Diagnosis | undefined {
  const isolated = rows.every(({ bad }) => bad <= one.hidden_size / 2);
  const far = max_ulp > outlierLimits * accuracyLimits(one).max_ulp;
  if (bad_count === 0 || bad_count > outlierShare * elements || !isolated || !far) return undefined;
  return {
    reason: "outliers",
    nature: `${plural(bad_count, "element")} of ${elements} are far off and all others are right`,
  };
}

/** A factor common to a whole row points at its rstd. */
function describeScale(one: KernelCase, rows: readonly SeenRow[]): Diagnosis | undefined {
  const factors = rows.filter(hasScale).map((row) => commonFactor(one, row));
  if (factors.length === 0 || factors.some((factor) => factor === undefined)) return undefined;
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

/** Zeros, NaN and what may overflow have no rstd that would show. */
function hasScale({ reference }: SeenRow): boolean {
  const telling = (value: number) => value !== 0 && Number.isFinite(value);
  return !reference.overflows && reference.exact.filter(telling).length > 1;
}

function commonFactor(one: KernelCase, { got, reference }: SeenRow): number | undefined {
  const ratios: number[] = [];
  reference.exact.forEach((expected, column) => {
    const value = got.values[column] as number;
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
