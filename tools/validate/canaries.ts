import type { KernelCase } from "../kernel/cases.ts";
import { bitsView, dtypeFacts } from "../kernel/dtypes.ts";
import { rowStart } from "../kernel/layout.ts";
import type { Output } from "./output.ts";

/**
 * Elements before, between and after the output's rows that no longer hold the poison.
 * Gaps longer than `longestGap` are looked at from both ends only: between the rows of a
 * far_strided case lie gigabytes.
 */
export function countBrokenCanaries(one: KernelCase, output: Output): number {
  const { poison, bytes } = dtypeFacts[one.out_dtype];
  let broken = 0;
  for (const [first, count] of gaps(one, output)) {
    if (count > longestGap) continue;
    for (const bits of bitsView(output.read(first, count), one.out_dtype)) {
      if (bits !== poison) broken += 1;
    }
  }
  return broken * bytes;
}

/** Elements. */
const longestGap = 1 << 20;

function gaps(one: KernelCase, { layout }: Output): [first: number, count: number][] {
  const starts = Array.from({ length: one.rows }, (_, row) => rowStart(layout, row)).sort(
    (a, b) => a - b,
  );
  const found: [number, number][] = [];
  let end = 0;
  for (const start of starts) {
    if (start > end) found.push([end, start - end]);
    end = start + one.hidden_size;
  }
  return found;
}
