import { renderDuration, renderTable } from "../text.ts";
import type { BuildResult, DiagnosticRow, KernelRow } from "./result.ts";
import { renderChange } from "./summary.ts";

/** The result for a person at a terminal. */
export function renderBuild(result: BuildResult): string {
  const parts = [
    result.summary,
    result.archs.length > 0 ? archTable(result) : "",
    result.kernels.length > 0 ? kernelTable(result) : "",
    result.changes.length > 0 ? changeList(result) : "",
    ...result.diagnostics.map(renderDiagnostic),
    ...result.warnings.map((one) => `warning ${one.code}: ${one.message}\n  ${one.hint}`),
    ...result.artifacts.map((one) => `wrote ${one.path}`),
  ];
  return parts.filter((part) => part !== "").join("\n\n");
}

function archTable(result: BuildResult): string {
  const header = ["arch", ">kernels", ">registers", ">spills", ">occupancy", ">time", "build"];
  const rows = result.archs.map((one) => [
    one.arch,
    String(one.kernels),
    `<= ${one.max_registers_per_thread}`,
    one.spill_bytes > 0 ? `${one.spill_bytes} B` : "none",
    `>= ${one.min_occupancy_pct} %`,
    one.cached ? "cached" : renderDuration(one.build_ms),
    one.build_id,
  ]);
  return renderTable(header, rows);
}

function kernelTable(result: BuildResult): string {
  const header = [
    "arch",
    "kernel",
    ">registers",
    ">threads",
    ">occupancy",
    "load bits",
    "store bits",
    "cache hints",
    ">instructions",
  ];
  const rows = result.kernels.map((one) => [
    one.arch,
    one.kernel,
    registers(one),
    String(one.max_threads),
    `${one.occupancy_pct} %`,
    one.global_load_bits.join(" "),
    one.global_store_bits.join(" "),
    one.cache_hints,
    String(one.instructions),
  ]);
  const left = result.kernel_count - result.kernels.length;
  const more = left > 0 ? `\n(${left} more in .kernelwright/build.json)` : "";
  return renderTable(header, rows) + more;
}

function registers(one: KernelRow): string {
  return one.spill_bytes > 0
    ? `${one.registers_per_thread} + spills`
    : `${one.registers_per_thread}`;
}

function changeList(result: BuildResult): string {
  const lines = result.changes.map((change) => `  ${renderChange(change)}`);
  const left = result.change_count - result.changes.length;
  if (left > 0) lines.push(`  and ${left} more`);
  return ["since the last build:", ...lines].join("\n");
}

function renderDiagnostic(one: DiagnosticRow): string {
  const place = one.file
    ? `${one.file}:${one.line ?? 1}${one.column ? `:${one.column}` : ""}: `
    : "";
  const lines = [`${place}${one.severity}: ${one.message} (${one.archs.join(" ")})`];
  if (one.excerpt) lines.push(one.excerpt);
  for (const note of one.notes ?? []) lines.push(`  ${note}`);
  if (one.hint) lines.push(`  hint: ${one.hint}`);
  return lines.join("\n");
}
