import type { KernelCase } from "../kernel/cases.ts";
import { isSearched, mostSearched } from "./interpreter/case-run.ts";
import type { WorkItem } from "./work.ts";

/**
 * The work of one arch. Every case's values; repeated calls of one plain case a dtype; and a search
 * for races and the like at every width, in the interpreter, where no values are judged there that
 * include it. `gpus` execute the values; with two, calls are repeated on the second as well.
 */
export function itemsOf(cases: readonly KernelCase[], gpus: number): WorkItem[] {
  const items: WorkItem[] = cases.map((one) => ({ one, check: "values" }));
  const searched = gpus > 0 ? [] : cases.filter(isSearched);
  items.push(...searchCases(cases, searched).map((one) => ({ one, check: "memory" as const })));
  const calls = callCases(cases);
  items.push(...calls.map((one) => ({ one, check: "calls" as const })));
  if (gpus > 1) items.push(...calls.map((one) => ({ one, check: "second_gpu" as const })));
  return items;
}

/** Cases in which each dtype meets every width, with fewer rows where there are too many elements. */
function searchCases(cases: readonly KernelCase[], searched: readonly KernelCase[]): KernelCase[] {
  const seen = new Set(searched.map(searchKey));
  return cases.flatMap((one) => {
    const key = searchKey(one);
    if (one.rows < 1 || one.layout === "far_strided" || seen.has(key)) return [];
    const cut = { ...one, rows: cutRows(one, mostSearched, 1) };
    if (!isSearched(cut)) return [];
    seen.add(key);
    return [cut];
  });
}

function searchKey({ dtype, hidden_size, layout }: KernelCase): string {
  return `${dtype} ${hidden_size} ${layout === "unaligned"}`;
}

/** Elements of a case whose calls are repeated: a dozen of them take as long as one large case. */
const mostRepeated = 1 << 15;

/** One plain case a dtype, the largest that may be, made of the list's: ordinary inputs, dense rows. */
function callCases(cases: readonly KernelCase[]): KernelCase[] {
  const chosen = new Map<string, KernelCase>();
  for (const listed of cases) {
    if (listed.rows < 1) continue;
    const one = { ...listed, rows: cutRows(listed, mostRepeated, Math.min(2, listed.rows)) };
    const best = chosen.get(one.dtype);
    if (!best || badness(one) < badness(best)) chosen.set(one.dtype, one);
  }
  return [...chosen.values()].map((one) => ({ ...one, layout: "contiguous", inputs: "std_1" }));
}

/** Too large is worse than too small. */
function badness({ rows, hidden_size }: KernelCase): number {
  const elements = rows * hidden_size;
  return elements > mostRepeated ? elements : -elements;
}

function cutRows({ rows, hidden_size }: KernelCase, most: number, fewest: number): number {
  return Math.max(fewest, Math.min(rows, Math.floor(most / hidden_size)));
}
