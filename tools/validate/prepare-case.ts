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

/**
 * Allocates and fills a case's buffers and encodes the argument struct. Poisoned are the outputs,
 * and what lies before, between and after the rows of x: who reads it gets NaN.
 */
export function prepareCase(
  one: KernelCase,
  fields: readonly ArgumentField[],
  memory: DeviceMemory,
): PreparedCase {
  const layouts = layoutOfCase(one);
  const inputs = inputsOf(one);
  const elementBytes = dtypeFacts[one.dtype].bytes;
  const x = memory.alloc(layouts.x.buffer_bytes, { label: "x", read_only: !one.in_place });
  poison(memory, x, canaryRanges(one, layouts.x, elementBytes), one.dtype);
  for (let row = 0; row < one.rows; row += 1) {
    const place = x + BigInt(rowStart(layouts.x, row) * elementBytes);
    memory.write(place, encode(inputs.row(row).x, one.dtype));
  }
  const out = one.in_place ? x : memory.alloc(layouts.out.buffer_bytes, { label: "out" });
  if (!one.in_place) poisonOutput(memory, out, layouts.out, one);
  const vector = (label: string, values: Float64Array | undefined, dtype: Dtype) => {
    if (!values) return undefined;
    const bytes = encode(values, dtype);
    const address = memory.alloc(bytes.byteLength, { label, read_only: true });
    memory.write(address, bytes);
    return address;
  };
  const weightDtype = one.weight === "float32" ? "float32" : one.dtype;
  const weight = vector("weight", inputs.weight, weightDtype);
  const bias = vector("bias", inputs.bias, one.dtype);
  const residual = allocateResidual(one, inputs, memory);
  const perRow = (label: string) => {
    const address = memory.alloc(4 * Math.max(one.rows, 1), { label });
    poison(memory, address, [{ first: 0, count: Math.max(one.rows, 1) }], "float32");
    return address;
  };
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
  weight: Float64Array | undefined;
  bias: Float64Array | undefined;
}

function inputsOf(one: KernelCase): CaseInputs {
  const { seed, hidden_size, dtype } = one;
  const weightDtype = one.weight === "float32" ? "float32" : dtype;
  const weight =
    one.weight === "none"
      ? undefined
      : drawWeight(seed, hidden_size, weightDtype, one.weight_offset);
  const bias = one.with_bias ? drawWeight(mix32(seed), hidden_size, dtype, 1) : undefined;
  const hasResidual = one.operator === "add_rmsnorm";
  const draw = (row: number): RowInputs => ({
    x: drawRow(one.inputs, seed, row, hidden_size, dtype),
    weight,
    residual: hasResidual
      ? drawRow(one.inputs, mix32(seed ^ 0x2545f491), row, hidden_size, dtype)
      : undefined,
    bias,
  });
  return { weight, bias, row: one.rows * hidden_size <= mostKept ? keeping(draw) : draw };
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

function allocateResidual(
  one: KernelCase,
  inputs: CaseInputs,
  memory: DeviceMemory,
): bigint | undefined {
  if (one.operator !== "add_rmsnorm") return undefined;
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;
  const residual = memory.alloc(Math.max(one.rows, 1) * rowBytes, { label: "residual" });
  for (let row = 0; row < one.rows; row += 1) {
    const values = inputs.row(row).residual as Float64Array;
    memory.write(residual + BigInt(row * rowBytes), encode(values, one.dtype));
  }
  return residual;
}

/** Values that the dtype holds exactly, as its bytes. */
function encode(values: Float64Array, dtype: Dtype): Uint8Array {
  if (dtype === "float32") return new Uint8Array(Float32Array.from(values).buffer);
  return new Uint8Array(Uint16Array.from(values, (value) => bitsOf(value, dtype)).buffer);
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
  const canaries = canaryRanges(one, layout, dtypeFacts[one.out_dtype].bytes);
  poison(memory, out, [...rows, ...canaries], one.out_dtype);
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
