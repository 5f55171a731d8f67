import type { KernelCase } from "../kernel/cases.ts";
import { bitsOf, bitsView, type Dtype, dtypeFacts } from "../kernel/dtypes.ts";
import { drawRow, drawWeight, mix32 } from "../kernel/inputs.ts";
import { layoutOfCase, type MatrixLayout, rowStart } from "../kernel/layout.ts";
import {
  type ArgumentField,
  dtypeCodes,
  encodeArguments,
  roundingCodes,
} from "../kernel/operators.ts";
import type { RowInputs } from "../kernel/reference.ts";
import { canaryRanges, type ElementRange } from "./canaries.ts";

/** Device memory as a case needs it, of the interpreter or of a GPU. */
export interface DeviceMemory {
  alloc(bytes: number, options: { label: string; read_only?: boolean }): bigint;
  write(address: bigint, bytes: Uint8Array): void;
  read(address: bigint, bytes: number): Uint8Array;
  /** The bytes stay and count as never written: who reads them makes a mistake that can be told. */
  forget?(address: bigint, bytes: number): void;
}

/** A case with its buffers in place: what the entry point is called with, and where results lie. */
export interface PreparedCase {
  arguments: Uint8Array;
  inputs(row: number): RowInputs;
  layout: MatrixLayout;
  out: bigint;
  rstd: bigint | undefined;
  mean: bigint | undefined;
  residual: bigint | undefined;
}

/** A case whose buffers are allocated only: enough to record its launches. */
export interface PlacedCase extends PreparedCase {
  fill(): void;
  /** Other inputs from here on, for `fill` and for `inputs`. */
  redraw(seed: number): void;
}

/** A case ready to be executed: buffers allocated and filled. */
export function prepareCase(
  one: KernelCase,
  fields: readonly ArgumentField[],
  memory: DeviceMemory,
): PreparedCase {
  const placed = placeCase(one, fields, memory);
  placed.fill();
  return placed;
}

/**
 * Allocates a case's buffers, always at the same addresses in a fresh memory, and encodes the
 * argument struct. `fill` writes the inputs, and poison to the outputs and to what lies before,
 * between and after the rows of x: who reads it gets NaN.
 */
export function placeCase(
  one: KernelCase,
  fields: readonly ArgumentField[],
  memory: DeviceMemory,
): PlacedCase {
  const layouts = layoutOfCase(one);
  let drawn = inputsOf(one);
  const inputs: CaseInputs = { row: (row) => drawn.row(row) };
  const fills: (() => void)[] = [];
  const rowCount = Math.max(one.rows, 1);
  const weightDtype = one.weight === "float32" ? "float32" : one.dtype;
  const place = (bytes: number, label: string, readOnly: boolean, fill: (at: bigint) => void) => {
    const address = memory.alloc(bytes, { label, read_only: readOnly });
    fills.push(() => fill(address));
    return address;
  };
  const vector = (label: string, values: () => Float64Array | undefined, dtype: Dtype) =>
    place(one.hidden_size * dtypeFacts[dtype].bytes, label, true, (at) =>
      memory.write(at, encode(values() as Float64Array, dtype)),
    );
  const perRow = (label: string) =>
    place(4 * rowCount, label, false, (at) => {
      poison(memory, at, [{ first: 0, count: rowCount }], "float32");
      memory.forget?.(at, 4 * rowCount);
    });
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;

  const x = place(layouts.x.buffer_bytes, "x", !one.in_place, (at) =>
    fillX(memory, at, one, layouts.x, inputs),
  );
  const out = one.in_place
    ? x
    : place(layouts.out.buffer_bytes, "out", false, (at) =>
        poisonOutput(memory, at, layouts.out, one),
      );
  const weight =
    one.weight === "none" ? undefined : vector("weight", () => inputs.row(0).weight, weightDtype);
  const bias = one.with_bias ? vector("bias", () => inputs.row(0).bias, one.dtype) : undefined;
  const residual =
    one.operator === "add_rmsnorm"
      ? place(rowCount * rowBytes, "residual", false, (at) => fillResidual(memory, at, one, inputs))
      : undefined;
  const rstd = one.with_rstd ? perRow("rstd") : undefined;
  const mean = one.with_mean ? perRow("mean") : undefined;
  const first = (layout: MatrixLayout, dtype: Dtype) =>
    BigInt(layout.first_element * dtypeFacts[dtype].bytes);
  return {
    arguments: encodeArguments(fields, {
      out: out + first(layouts.out, one.out_dtype),
      x: x + first(layouts.x, one.dtype),
      weight: weight ?? 0n,
      bias: bias ?? 0n,
      residual: residual ?? 0n,
      rstd: rstd ?? 0n,
      mean: mean ?? 0n,
      rows: one.rows,
      hidden_size: one.hidden_size,
      x_row_stride: layouts.x.row_stride,
      out_row_stride: layouts.out.row_stride,
      rows_per_group: layouts.x.rows_per_group,
      x_group_stride: layouts.x.group_stride,
      out_group_stride: layouts.out.group_stride,
      eps: one.eps,
      weight_offset: one.weight_offset,
      dtype: dtypeCodes[one.dtype],
      weight_dtype: dtypeCodes[weightDtype],
      out_dtype: dtypeCodes[one.out_dtype],
      rounding: roundingCodes[one.rounding],
    }),
    fill: () => {
      for (const fill of fills) fill();
    },
    redraw: (seed) => {
      drawn = inputsOf({ ...one, seed });
    },
    inputs: inputs.row,
    layout: layouts.out,
    out,
    rstd,
    mean,
    residual,
  };
}

interface CaseInputs {
  row(row: number): RowInputs;
}

/** Drawn when first asked for: a case whose outcome is known needs none. */
function inputsOf(one: KernelCase): CaseInputs {
  const { seed, hidden_size, dtype } = one;
  const weightDtype = one.weight === "float32" ? "float32" : dtype;
  const shared = once(() => ({
    weight:
      one.weight === "none"
        ? undefined
        : drawWeight(seed, hidden_size, weightDtype, one.weight_offset, one.weight_values),
    bias: one.with_bias ? drawWeight(mix32(seed), hidden_size, dtype, 1) : undefined,
  }));
  const hasResidual = one.operator === "add_rmsnorm";
  const draw = (row: number): RowInputs => ({
    ...shared(),
    x: drawRow(one.inputs, seed, row, hidden_size, dtype),
    residual: hasResidual
      ? drawRow(one.inputs, mix32(seed ^ 0x2545f491), row, hidden_size, dtype)
      : undefined,
  });
  return { row: one.rows * hidden_size <= mostKept ? keeping(draw) : draw };
}

function once<Value>(make: () => Value): () => Value {
  let made: { value: Value } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Elements of a case whose inputs are kept between filling the buffers and comparing: 32 MiB. */
const mostKept = 1 << 22;

function keeping(draw: (row: number) => RowInputs): (row: number) => RowInputs {
  const kept: RowInputs[] = [];
  return (row) => {
    kept[row] ??= draw(row);
    return kept[row] as RowInputs;
  };
}

function fillX(
  memory: DeviceMemory,
  x: bigint,
  one: KernelCase,
  layout: MatrixLayout,
  inputs: CaseInputs,
): void {
  const elementBytes = dtypeFacts[one.dtype].bytes;
  poison(memory, x, canaryRanges(one, layout, elementBytes), one.dtype);
  for (let row = 0; row < one.rows; row += 1) {
    const place = x + BigInt(rowStart(layout, row) * elementBytes);
    memory.write(place, encode(inputs.row(row).x, one.dtype));
  }
}

function fillResidual(
  memory: DeviceMemory,
  residual: bigint,
  one: KernelCase,
  inputs: CaseInputs,
): void {
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;
  for (let row = 0; row < one.rows; row += 1) {
    const values = inputs.row(row).residual as Float64Array;
    memory.write(residual + BigInt(row * rowBytes), encode(values, one.dtype));
  }
}

/** Values that the dtype holds exactly, as its bytes. */
function encode(values: Float64Array, dtype: Dtype): Uint8Array {
  if (dtype === "float32") return new Uint8Array(Float32Array.from(values).buffer);
  // A loop: `from` with a function takes several times as long.
  const bits = new Uint16Array(values.length);
  for (let index = 0; index < bits.length; index += 1) {
    bits[index] = bitsOf(values[index] as number, dtype);
  }
  return new Uint8Array(bits.buffer);
}

function poisonOutput(
  memory: DeviceMemory,
  out: bigint,
  layout: MatrixLayout,
  one: KernelCase,
): void {
  const rows = Array.from({ length: one.rows }, (_, row) => ({
    first: rowStart(layout, row),
    count: one.hidden_size,
  }));
  const { bytes } = dtypeFacts[one.out_dtype];
  poison(memory, out, [...rows, ...canaryRanges(one, layout, bytes)], one.out_dtype);
  for (const { first, count } of rows) memory.forget?.(out + BigInt(first * bytes), count * bytes);
}

function poison(
  memory: DeviceMemory,
  buffer: bigint,
  ranges: readonly ElementRange[],
  dtype: Dtype,
): void {
  const { bytes, poison: bits } = dtypeFacts[dtype];
  for (const { first, count } of ranges) {
    const filled = new Uint8Array(count * bytes);
    bitsView(filled, dtype).fill(bits);
    memory.write(buffer + BigInt(first * bytes), filled);
  }
}
