import type { KernelCase } from "../kernel/cases.ts";
import { isSmall } from "./interpreter/case-run.ts";
import type { WorkItem } from "./work.ts";

/**
 * The work of one arch. Every case's values; repeated calls of a few plain ones; and where a GPU
 * executes the values, the checks of memory in the interpreter for a spread of small ones (without
 * a GPU they go with the values).
 */
export function itemsOf(cases: readonly KernelCase[], gpus: number): WorkItem[] {
  const items: WorkItem[] = cases.map((one) => ({ one, check: "values" }));
  if (gpus > 0) items.push(...memoryCases(cases).map((one) => ({ one, check: "memory" as const })));
  const calls = callCases(cases);
  items.push(...calls.map((one) => ({ one, check: "calls" as const })));
  if (gpus > 1) items.push(...calls.map((one) => ({ one, check: "second_gpu" as const })));
  return items;
}

/** Small cases in which each dtype meets several widths. */
function memoryCases(cases: readonly KernelCase[]): KernelCase[] {
  const seen = new Set<string>();
  return cases.filter((one) => {
    const key = `${one.dtype} ${one.hidden_size} ${one.layout === "unaligned"}`;
    if (!isSmall(one) || one.rows < 1 || seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

/** Elements of a case whose calls are repeated: a dozen of them take as long as one large case. */
const mostRepeated = 1 << 15;

/** One plain case a dtype, made from the case list's: its shape, ordinary inputs, dense rows. */
function callCases(cases: readonly KernelCase[]): KernelCase[] {
  const chosen = new Map<string, KernelCase>();
  for (const one of cases) {
    const elements = one.rows * one.hidden_size;
    if (one.rows < 2 || elements > mostRepeated || one.layout === "far_strided") continue;
    const best = chosen.get(one.dtype);
    if (best && best.rows * best.hidden_size >= elements) continue;
    chosen.set(one.dtype, one);
  }
  return [...chosen.values()].map((one) => ({ ...one, layout: "contiguous", inputs: "std_1" }));
}
