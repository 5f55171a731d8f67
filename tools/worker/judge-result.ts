/** What the device found about one case: validate/measure.ts's numbers, and what the device alone can see. */
export interface DeviceMeasurement {
  /** Counted by the device: all of the case's, or it did not do its work. */
  elements: number;
  max_ulp: number;
  /** Elements further than `ordered_ulp` from the reference of the declared rounding order. */
  beyond: number;
  bad_count: number;
  not_written_count: number;
  /** Elements with the very value of that reference rounded to the output's dtype. */
  exact_count: number;
  bad_rows: number;
  /** row * hidden_size + column; undefined where nothing is bad. */
  first_bad_index: number | undefined;
  /** The first of those that are furthest off. */
  worst_index: number | undefined;
  worst_ulp: number;
  rstd_max_ulp: number;
  mean_max_ulp: number;
  /** `add_rmsnorm`: elements of residual that are not the rounded sum. */
  residual_bad: number;
  /** Bytes between and around the output's rows that were overwritten. */
  canaries_broken: number;
  /** Bytes around any buffer, and between the rows of x, that were overwritten. */
  guards_broken: number;
  /** Elements of inputs that no longer hold what was drawn: x where it is no output, weight, bias. */
  inputs_changed: number;
  changed: { x: number; weight: number; bias: number; residual: number };
}

/** The fields of `judge_result` in judge/case.cuh, each 8 bytes. */
export const resultFields = [
  "elements",
  "bad_count",
  "beyond",
  "not_written_count",
  "exact_count",
  "bad_rows",
  "max_ulp_bits",
  "worst_ulp_bits",
  "rstd_max_ulp_bits",
  "mean_max_ulp_bits",
  "first_bad_complement",
  "worst_complement",
  "residual_bad",
  "canaries_broken",
  "guards_broken",
  "x_changed",
  "weight_changed",
  "bias_changed",
  "residual_changed",
] as const;

export const measureResultBytes = 8 * resultFields.length;

export function decodeMeasure(bytes: Uint8Array): DeviceMeasurement {
  const word = wordsOf(bytes, resultFields);
  const count = (name: (typeof resultFields)[number]) => Number(word(name));
  const changed = {
    x: count("x_changed"),
    weight: count("weight_changed"),
    bias: count("bias_changed"),
    residual: count("residual_changed"),
  };
  return {
    elements: count("elements"),
    max_ulp: asDouble(word("max_ulp_bits")),
    beyond: count("beyond"),
    bad_count: count("bad_count"),
    not_written_count: count("not_written_count"),
    exact_count: count("exact_count"),
    bad_rows: count("bad_rows"),
    first_bad_index: fromComplement(word("first_bad_complement")),
    worst_index: fromComplement(word("worst_complement")),
    worst_ulp: asDouble(word("worst_ulp_bits")),
    rstd_max_ulp: asDouble(word("rstd_max_ulp_bits")),
    mean_max_ulp: asDouble(word("mean_max_ulp_bits")),
    residual_bad: count("residual_bad"),
    canaries_broken: count("canaries_broken"),
    guards_broken: count("guards_broken"),
    inputs_changed: changed.x + changed.weight + changed.bias + changed.residual,
    changed,
  };
}

function wordsOf<Name extends string>(
  bytes: Uint8Array,
  names: readonly Name[],
): (name: Name) => bigint {
  if (bytes.length !== 8 * names.length) throw new Error(`a result of ${bytes.length} bytes`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return (name) => view.getBigUint64(8 * names.indexOf(name), true);
}

function asDouble(bits: bigint): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

/** Zero stands for none. */
function fromComplement(complement: bigint): number | undefined {
  return complement === 0n ? undefined : Number(BigInt.asUintN(64, ~complement));
}
