import type { KernelCase } from "./cases.ts";
import { dtypeFacts } from "./dtypes.ts";
import { mix32 } from "./inputs.ts";

/** Where the rows of one matrix lie in its buffer. Strides and starts in elements. */
export interface MatrixLayout {
  buffer_bytes: number;
  /** Of the first row from the buffer's begin: 1 for a pointer that is not 16-byte aligned. */
  first_element: number;
  row_stride: number;
  group_stride: number;
  /** 0: the rows are one group. */
  rows_per_group: number;
}

/** Both matrices of a case; they share `rows_per_group`, as the C entry point does. */
export function layoutOfCase(one: KernelCase): { x: MatrixLayout; out: MatrixLayout } {
  const x = matrixLayout(one, dtypeFacts[one.dtype].bytes, "x");
  if (one.in_place) return { x, out: x };
  return { x, out: matrixLayout(one, dtypeFacts[one.out_dtype].bytes, "out") };
}

/** The first element of a row, as the C entry point's contract computes it. */
export function rowStart(layout: MatrixLayout, row: number): number {
  const { first_element, row_stride, group_stride, rows_per_group } = layout;
  if (rows_per_group === 0) return first_element + row * row_stride;
  return (
    first_element +
    Math.floor(row / rows_per_group) * group_stride +
    (row % rows_per_group) * row_stride
  );
}

function matrixLayout(one: KernelCase, elementBytes: number, role: "x" | "out"): MatrixLayout {
  const { hidden_size, rows } = one;
  const layout: MatrixLayout = {
    buffer_bytes: 0,
    first_element: 0,
    row_stride: hidden_size,
    group_stride: 0,
    rows_per_group: 0,
  };
  switch (one.layout) {
    case "strided":
      // 16-byte aligned rows where the hidden size allows it.
      layout.row_stride += role === "x" ? 8 : 16;
      break;
    case "grouped":
      // As query heads in a fused-qkv view: four rows of every twelve, or one where there are few
      // rows, so that more than one group is in use. The output is dense.
      layout.rows_per_group = rows > 4 ? 4 : 1;
      layout.group_stride = (role === "x" ? 3 : 1) * layout.rows_per_group * hidden_size;
      break;
    case "unaligned":
      // Half of the cases by the pointer alone, the others by the row stride as well.
      layout.first_element = 1 + (mix32(one.seed) % 3);
      if (one.seed & 1) layout.row_stride += role === "x" ? 3 : 5;
      break;
    case "far_strided":
      // Rows start at 0, 1.6e9, 3.2e9 (past 2^31) and 4.8e9 (past 2^32) elements; a multiple of
      // 16 bytes, so that the vector paths are the ones under test.
      layout.row_stride = 3 * 2 ** 29;
      break;
    default:
      break;
  }
  const end = rows === 0 ? 0 : rowStart(layout, rows - 1) + hidden_size;
  layout.buffer_bytes = Math.max(end, 1) * elementBytes;
  return layout;
}
