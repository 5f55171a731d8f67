import type { Warning } from "../tool.ts";
import type { FaultReport } from "./outcome.ts";
import type { ExecutedCase } from "./verdict.ts";

/** Most that one answer shows of the doubts that executing left. */
const mostShown = 4;

/** What the executors doubt without failing it. */
export function warpWarnings(executed: readonly ExecutedCase[]): Warning[] {
  return asWarnings(
    executed.flatMap(({ outcome }) => ("warnings" in outcome ? (outcome.warnings ?? []) : [])),
  );
}

/** Each source line once. */
export function asWarnings(doubts: readonly FaultReport[]): Warning[] {
  const found = new Map<string, Warning>();
  for (const { kind, message, source_file, source_line } of doubts) {
    const place = source_file ? ` at ${source_file}:${source_line ?? 0}` : "";
    const key = `${kind}${place}`;
    if (found.has(key)) continue;
    found.set(key, { code: kind, message: `${message}${place}`, hint: hints[kind] ?? hint });
  }
  return [...found.values()].slice(0, mostShown);
}

const hint = "Order the two accesses with a barrier.";

const hints: Record<string, string> = {
  intra_warp_race: "Put __syncwarp() between the write and the read.",
};
