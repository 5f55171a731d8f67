import type { Warning } from "../tool.ts";
import type { ExecutedCase } from "./verdict.ts";

/** Most that one answer shows of the doubts that executing left. */
const mostShown = 4;

/** What the executors doubt without failing it, each source line once. */
export function warpWarnings(executed: readonly ExecutedCase[]): Warning[] {
  const found = new Map<string, Warning>();
  for (const { outcome } of executed) {
    if (!("warnings" in outcome)) continue;
    for (const { kind, message, source_file, source_line } of outcome.warnings ?? []) {
      const place = source_file ? ` at ${source_file}:${source_line ?? 0}` : "";
      const key = `${kind}${place}`;
      if (found.has(key)) continue;
      found.set(key, { code: kind, message: `${message}${place}`, hint: hints[kind] ?? hint });
    }
  }
  return [...found.values()].slice(0, mostShown);
}

const hint = "Order the two accesses with a barrier.";

const hints: Record<string, string> = {
  intra_warp_race: "Put __syncwarp() between the write and the read.",
};
