import { ulpDistance } from "../kernel/accuracy.ts";
import type { KernelCase } from "../kernel/cases.ts";
import { bitsView, ulpAt, valueFromBits } from "../kernel/dtypes.ts";
import { type MatrixLayout, rowStart } from "../kernel/layout.ts";
import type { ReferenceRow } from "../kernel/reference.ts";

/** What a launch left behind: the whole output buffer, or row by row where it is sparse. */
export interface Output {
  layout: MatrixLayout;
  /** The bytes of the elements `first` to `first + count`. */
  read(first: number, count: number): Uint8Array;
  rstd: Float32Array | undefined;
  /** `layernorm` that is given a buffer for it. */
  mean?: Float32Array | undefined;
  /** `add_rmsnorm`: one row of residual as the launch left it. */
  residual?: ((row: number) => Uint8Array) | undefined;
}

export interface GotRow {
  values: Float64Array;
  bits: Uint16Array | Uint32Array;
}

export function readRow(one: KernelCase, output: Output, row: number): GotRow {
  const bytes = output.read(rowStart(output.layout, row), one.hidden_size);
  const bits = bitsView(bytes, one.out_dtype);
  const values = new Float64Array(bits.length);
  for (let column = 0; column < bits.length; column += 1) {
    values[column] = valueFromBits(bits[column] as number, one.out_dtype);
  }
  return { values, bits };
}

/** The bytes of all rows one after the other, without what lies between them: to be compared bit by bit. */
export function rowsOf(one: KernelCase, { read, layout }: Output): Buffer {
  const rows = Array.from({ length: one.rows }, (_, row) =>
    read(rowStart(layout, row), one.hidden_size),
  );
  return Buffer.concat(rows);
}

export interface Distance {
  plain: number;
  ordered: number;
}

/** A row whose float32 sum of squares overflows may be all zeros as well. */
export function distanceOf(
  one: KernelCase,
  reference: ReferenceRow,
  got: number,
  column: number,
): Distance {
  if (reference.overflows && got === 0) return { plain: 0, ordered: 0 };
  const scale = reference.scale?.[column];
  const exact = reference.exact[column] as number;
  const plain = ulpDistance(got, exact, one.out_dtype, scale);
  const ordered = Math.min(
    ulpDistance(got, reference.ordered[column] as number, one.out_dtype, scale),
    ulpDistance(got, reference.alternative[column] as number, one.out_dtype, scale),
  );
  const slack = reference.subnormal_slack?.[column] ?? 0;
  // accuracy.ts counts 1 ulp for the half-way rounding; of a subnormal it may be more.
  const more = slack === 0 ? 0 : Math.max(0, slack / ulpAt(exact, one.out_dtype) - 1);
  return { plain: Math.max(0, plain - more), ordered };
}
