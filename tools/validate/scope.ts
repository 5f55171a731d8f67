import { shortened } from "../text.ts";
import type { Candidate } from "./candidate.ts";
import type { ReportInput } from "./report.ts";

/** What a verdict speaks of: the semantics it judged by, what it leaves out, who could reach what. */
export const isolationText =
  "Host code ran in a process of its own against a stand-in CUDA runtime that only records launches; " +
  "its machine-independent code (PTX) was executed by an interpreter with the judge's inputs, buffers and expected values out of its reach.";

export function notChecked({ candidate, judgement, effort }: ReportInput): string[] {
  const shown = 3;
  const list = judgement.not_checked
    .slice(0, shown)
    .map(({ case_name, arch, why }) => shortened(`${case_name} on ${arch}: ${why}`, 300));
  if (judgement.not_checked.length > shown) {
    list.push(`${judgement.not_checked.length - shown} more cases`);
  }
  list.push("machine code (SASS) and time: they need a GPU");
  list.push("races between warps and uninitialised reads beyond what changes a result");
  if (!candidate.declared) {
    list.push("sizes that are no multiple of 128, other layouts and special sizes: give shapes");
  }
  if (effort === "quick") list.push("most sizes: effort was quick");
  return list;
}

export function semanticsOf({ supports, form, operator, declared }: Candidate): string {
  const found = declared ? "declared" : "found by probing";
  const sum =
    operator === "add_rmsnorm" ? `, ${form.rounded_sum ? "rounded" : "unrounded"} sum` : "";
  return `rounding ${supports.rounding.join(" and ")} (${found}), weight ${supports.weight.join(", ")}${sum}`;
}
