import { findingAt } from "../execution.ts";
import type { Finding, FindingKind, OtherAccess } from "../fault.ts";

/** What a machine keeps of doubts that are no failures. */
export interface Warnings {
  list: Finding[];
  known: Set<string>;
}

const most = 16;
let running: Warnings | undefined;
/** Pairs of instructions that have warned in this launch: the same pair meets for every lane of every block. */
const pairs = new Set<number>();

export function warnInto(warnings: Warnings): void {
  running = warnings;
  pairs.clear();
}

/** Whether a pair of instructions has something new to say. */
export function isNews(index: number, earlier: number): boolean {
  const key = index * 1048576 + earlier;
  if (pairs.has(key)) return false;
  pairs.add(key);
  return true;
}

export function warn(
  kind: FindingKind,
  detail: string,
  index: number,
  thread: number,
  other: OtherAccess,
): void {
  if (!running || running.list.length >= most) return;
  const finding = { ...findingAt(kind, detail, index, thread), other };
  const at = (one: { source_file?: string; source_line?: number; ptx_line?: number }): string =>
    `${one.source_file ?? ""}:${one.source_line ?? one.ptx_line}`;
  const key = `${kind} ${finding.kernel} ${at(finding)} ${at(other)}`;
  if (running.known.has(key)) return;
  running.known.add(key);
  running.list.push(finding);
}
