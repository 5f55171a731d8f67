import { listed, plural, renderDuration, shortened } from "../text.ts";
import type { CompileResult } from "./compile.ts";
import type { Change } from "./history.ts";

/** One or two sentences: what was built, how long it took, and the change that matters most. */
export function summaryOf(
  name: string,
  compiled: CompileResult,
  changes: readonly Change[],
): string {
  if (!compiled.passed) return failureOf(name, compiled);
  const archs = listed(compiled.builds.map((one) => one.arch));
  const kernels = plural(
    compiled.builds.reduce((sum, one) => sum + one.kernels.length, 0),
    "kernel",
  );
  const compiledNow = compiled.builds.filter((one) => !one.cached).length;
  const time = renderDuration(compiled.compile_ms);
  const how =
    compiledNow === 0
      ? `nothing had changed (${time})`
      : `compiled in ${time}${cachedPart(compiled, compiledNow)}`;
  const [first] = changes;
  const change = first
    ? ` Since the last build: ${renderChange(first)}${andMore(changes.length - 1)}.`
    : "";
  return `${name} builds for ${archs}: ${kernels}, ${how}.${change}`;
}

/** "rms<256> on sm_90: registers 40 to 48". */
export function renderChange(change: Change): string {
  const { arch, kernel, what, before, after } = change;
  if (what === "kernel") return `${kernel} on ${arch} is ${after ? "new" : "gone"}`;
  return `${kernel} on ${arch}: ${what} ${before} to ${after}`;
}

function failureOf(name: string, { diagnostics }: CompileResult): string {
  const errors = diagnostics.filter((one) => one.severity === "error");
  const archs = listed([...new Set(errors.flatMap((one) => one.archs))]);
  const [first] = errors;
  const place = first?.file ? ` in ${first.file}${first.line ? `:${first.line}` : ""}` : "";
  return `${name} does not compile for ${archs}: ${plural(errors.length, "error")}, the first${place}: ${shortened(first?.message ?? "", 300)}.`;
}

function cachedPart({ builds }: CompileResult, compiledNow: number): string {
  const cached = builds.length - compiledNow;
  return cached > 0 ? `, ${cached} of ${builds.length} archs from the cache` : "";
}

function andMore(count: number): string {
  return count > 0 ? ` and ${plural(count, "other change")}` : "";
}
