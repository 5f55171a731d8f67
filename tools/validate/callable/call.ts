import type { KernelCase } from "../../kernel/cases.ts";
import { type Dtype, dtypeFacts } from "../../kernel/dtypes.ts";
import { layoutOfCase, type MatrixLayout } from "../../kernel/layout.ts";
import type { CallableBuffer, CallRequest } from "../../worker/callable.ts";
import { type PlacedCase, placeCase } from "../prepare-case.ts";
import type { CallableCandidate } from "./candidate.ts";
import { guardBytes, HostBuffers } from "./host-buffers.ts";

/** A case as one call: what is sent, and what is known of it. */
export interface PreparedCall {
  one: KernelCase;
  placed: PlacedCase;
  request: CallRequest;
  /** Of the output where it is a returned tensor. */
  shape: readonly number[];
}

/** Draws the case's inputs into buffers of ours and describes the tensors over them. */
export function prepareCall(
  candidate: CallableCandidate,
  one: KernelCase,
  options: { slot: string; fresh: boolean; seed?: number },
): PreparedCall {
  const memory = new HostBuffers();
  const placed = placeCase(one, candidate.fields, memory);
  if (options.seed !== undefined) placed.redraw(options.seed);
  placed.fill();
  const layouts = layoutOfCase(one);
  const { used } = candidate.call_signature;
  const buffers = memory.all.flatMap(({ label, bytes }) => {
    const passed = used.has(label) && !(label === "out" && candidate.result !== "out");
    return passed ? [{ ...tensorOf(label, one, layouts), content: bytes }] : [];
  });
  const given = new Set(buffers.map(({ name }) => name));
  const tensors = ["x", "weight", "out", "residual", "bias", "rstd", "mean"];
  return {
    one,
    placed,
    shape: shapeOf(one, layouts.x).shape,
    request: {
      slot: options.slot,
      fresh: options.fresh,
      buffers,
      numbers: {
        eps: one.eps,
        rows: one.rows,
        hidden_size: one.hidden_size,
        x_row_stride: layouts.x.row_stride,
        out_row_stride: layouts.out.row_stride,
        weight_offset: one.weight_offset,
      },
      absent: tensors.filter((name) => used.has(name) && !given.has(name)),
      out_bytes: one.rows * one.hidden_size * dtypeFacts[one.out_dtype].bytes,
    },
  };
}

/** Inputs that a call must leave alone. */
export function isInput(candidate: CallableCandidate, one: KernelCase, name: string): boolean {
  if (name === "x") return !one.in_place;
  if (name === "residual") return !candidate.writes_residual;
  return name === "weight" || name === "bias";
}

type Layouts = ReturnType<typeof layoutOfCase>;

function tensorOf(
  name: string,
  one: KernelCase,
  layouts: Layouts,
): Omit<CallableBuffer, "content"> {
  const at = (dtype: Dtype, first = 0) => ({
    name,
    dtype,
    first_element: guardBytes / dtypeFacts[dtype].bytes + first,
  });
  switch (name) {
    case "x":
      return { ...at(one.dtype, layouts.x.first_element), ...shapeOf(one, layouts.x) };
    case "out":
      return { ...at(one.out_dtype, layouts.out.first_element), ...shapeOf(one, layouts.out) };
    case "residual":
      return { ...at(one.dtype), ...shapeOf(one, denseLayout(one)) };
    case "rstd":
    case "mean":
      return { ...at("float32"), shape: [one.rows], stride: [1] };
    default: {
      const dtype = name === "weight" && one.weight === "float32" ? "float32" : one.dtype;
      return { ...at(dtype), shape: [one.hidden_size], stride: [1] };
    }
  }
}

function denseLayout({ rows, hidden_size }: KernelCase): MatrixLayout {
  const none = { buffer_bytes: 0, first_element: 0, group_stride: 0, rows_per_group: 0 };
  return { ...none, row_stride: rows === 0 ? 0 : hidden_size };
}

/** Three dimensions in every second case whose rows can be halved, as a batch of sequences has. */
function shapeOf(
  one: KernelCase,
  { row_stride }: MatrixLayout,
): { shape: number[]; stride: number[] } {
  const { rows, hidden_size, seed } = one;
  if (rows > 0 && rows % 2 === 0 && seed & 2) {
    const half = rows / 2;
    return { shape: [2, half, hidden_size], stride: [half * row_stride, row_stride, 1] };
  }
  return { shape: [rows, hidden_size], stride: [row_stride, 1] };
}
