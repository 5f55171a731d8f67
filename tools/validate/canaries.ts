import type { KernelCase } from "../kernel/cases.ts";
import { bitsView, dtypeFacts } from "../kernel/dtypes.ts";
import { type MatrixLayout, rowStart } from "../kernel/layout.ts";
import type { Output } from "./output.ts";

/** Bytes before, between and after the output's rows that no longer hold the poison. */
export function countBrokenCanaries(one: KernelCase, output: Output): number {
  const { poison, bytes } = dtypeFacts[one.out_dtype];
  let broken = 0;
  for (const { first, count } of canaryRanges(one, output.layout, bytes)) {
    for (const bits of bitsView(output.read(first, count), one.out_dtype)) {
      if (bits !== poison) broken += 1;
    }
  }
  return broken * bytes;
}

/** Elements of one buffer. */
export interface ElementRange {
  first: number;
  count: number;
}

/**
 * The elements of a buffer that belong to no row: they are poisoned before a launch, and must be
 * poison after it. Of a gap longer than `longestGap` only both ends are taken: between the rows of
 * a far_strided case lie gigabytes.
 */
export function canaryRanges(
  one: KernelCase,
  layout: MatrixLayout,
  elementBytes: number,
): ElementRange[] {
  const starts = Array.from({ length: one.rows }, (_, row) => rowStart(layout, row)).sort(
    (a, b) => a - b,
  );
  const ranges: ElementRange[] = [];
  let end = 0;
  for (const start of [...starts, layout.buffer_bytes / elementBytes]) {
    if (start > end) ranges.push(...endsOf(end, start - end));
    end = start + one.hidden_size;
  }
  return ranges;
}

/** Elements. */
const longestGap = 1 << 20;
const lookedAtOfLongGaps = 1 << 12;

function endsOf(first: number, count: number): ElementRange[] {
  if (count <= longestGap) return [{ first, count }];
  const last = first + count - lookedAtOfLongGaps;
  return [first, last].map((start) => ({ first: start, count: lookedAtOfLongGaps }));
}
