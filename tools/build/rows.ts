import { shortened } from "../text.ts";
import type { ArchBuild } from "./compile.ts";
import type { Change } from "./history.ts";
import type { NamedCount } from "./machine-code.ts";
import { shortName } from "./names.ts";
import type { KernelResources } from "./resources.ts";
import type { ArchRow, BuildResult, DiagnosticRow, KernelRow } from "./result.ts";
import type { KernelDoubt } from "./warnings.ts";

/** The most that a result may have, as JSON. */
const answerBytes = 8000;
const diagnosticsShown = 20;
const changesShown = 12;

/** All kernels of one arch in one row. */
export function archRow(build: ArchBuild): ArchRow {
  const most = (values: number[]) => Math.max(0, ...values);
  return {
    arch: build.arch,
    build_id: build.build_id,
    cached: build.cached,
    build_ms: build.build_ms,
    kernels: build.kernels.length,
    max_registers_per_thread: most(build.kernels.map((one) => one.registers_per_thread)),
    spill_bytes: build.kernels.reduce((sum, one) => sum + spillBytes(one), 0),
    min_occupancy_pct: Math.min(100, ...build.kernels.map((one) => one.occupancy.occupancy_pct)),
  };
}

/** The kernels worth showing: doubted ones, changed ones, then those with most registers. */
export function kernelRows(
  builds: readonly ArchBuild[],
  doubts: readonly KernelDoubt[],
  changes: readonly Change[],
  limit: number,
): KernelRow[] {
  const ranked = builds.flatMap(({ arch, kernels }) =>
    kernels.map((kernel) => {
      const doubted = doubts.filter((one) => one.arch === arch && one.kernel === kernel.name);
      const name = shortName(kernel.demangled);
      const changed = changes.filter((one) => one.arch === arch && one.kernel === name);
      const rank = 1e6 * doubted.length + 1e3 * changed.length + kernel.registers_per_thread;
      return { rank, row: kernelRow(arch, kernel) };
    }),
  );
  return ranked
    .sort((a, b) => b.rank - a.rank)
    .slice(0, limit)
    .map(({ row }) => row);
}

/** The same result, with long lists cut until it is small enough; their full lengths are in it. */
export function fitInAnswer<Result extends Omit<BuildResult, "compiler">>(full: Result): Result {
  const result = {
    ...full,
    changes: full.changes.slice(0, changesShown),
    diagnostics: full.diagnostics.slice(0, diagnosticsShown).map(shortDiagnostic),
  };
  const tooLarge = () => Buffer.byteLength(JSON.stringify(result)) > answerBytes;
  for (let at = result.diagnostics.length - 1; at > 0 && tooLarge(); at -= 1) {
    const { notes: _, excerpt: __, ...plain } = result.diagnostics[at] as DiagnosticRow;
    result.diagnostics[at] = plain;
  }
  result.kernels = [...full.kernels];
  while (tooLarge() && result.kernels.length > 3) result.kernels.pop();
  while (tooLarge() && result.changes.length > 3) result.changes.pop();
  while (tooLarge() && result.diagnostics.length > 1) result.diagnostics.pop();
  while (tooLarge() && result.kernels.length > 0) result.kernels.pop();
  return result;
}

function kernelRow(arch: string, kernel: KernelResources): KernelRow {
  return {
    arch,
    kernel: shortName(kernel.demangled),
    registers_per_thread: kernel.registers_per_thread,
    spill_bytes: spillBytes(kernel),
    stack_frame_bytes: kernel.stack_frame_bytes,
    static_shared_bytes: kernel.static_shared_bytes,
    max_threads: kernel.max_threads,
    occupancy_pct: kernel.occupancy.occupancy_pct,
    limited_by: kernel.occupancy.limited_by,
    global_load_bits: kernel.global_load_bits,
    global_store_bits: kernel.global_store_bits,
    cache_hints: counted(kernel.cache_hints),
    shuffles: kernel.shuffles,
    barriers: kernel.barriers,
    special_functions: counted(kernel.special_functions),
    instructions: kernel.instruction_count,
  };
}

function spillBytes(kernel: KernelResources): number {
  return kernel.spill_load_bytes + kernel.spill_store_bytes;
}

function counted(counts: readonly NamedCount[]): string {
  return counts.map(({ name, count }) => `${name} ${count}`).join(", ");
}

function shortDiagnostic(one: DiagnosticRow): DiagnosticRow {
  const notes = one.notes?.map((note) => shortened(note, 160));
  return { ...one, message: shortened(one.message, 500), ...(notes && { notes }) };
}
