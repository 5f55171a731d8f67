import { listed, plural } from "../text.ts";
import type { Warning } from "../tool.ts";
import type { WidthCount } from "./machine-code.ts";
import { shortName } from "./names.ts";
import type { KernelResources } from "./resources.ts";

/** Everything that build_kernel can doubt about a build that compiled. */
export const buildWarningCodes = [
  "spills",
  "local_memory",
  "stack_frame",
  "narrow_accesses",
  "slow_path_division",
  "emulated_bf16",
  "too_many_instantiations",
] as const;

export type BuildWarningCode = (typeof buildWarningCodes)[number];

/** More kernels an arch than this, and an edit takes longer to build than to think of. */
export const mostInstantiations = 16;

/** Of one kind. A kernel that handles several rows at once has one per row; vectors have 4 or 8 elements. */
const mostSlowPathCalls = 4;
const kernelsNamed = 3;

interface ArchKernels {
  arch: string;
  kernels: readonly KernelResources[];
}

/** A doubt about one kernel on one arch, before the same doubts are put together. */
export interface KernelDoubt {
  code: BuildWarningCode;
  arch: string;
  /** Mangled; undefined where the doubt is about the whole arch. */
  kernel?: string;
  /** "rms<float> (64 bytes)". */
  what: string;
}

const hints: Readonly<Record<BuildWarningCode, string>> = {
  spills:
    "Hold fewer values per thread (fewer vectors, more threads per row), or raise the register limit with smaller __launch_bounds__.",
  local_memory:
    "Index arrays with constants only: #pragma unroll every loop over them with a bound known when compiling.",
  stack_frame:
    "Inline the functions that the kernel calls (__forceinline__), and take no address of a local variable.",
  narrow_accesses:
    "Load and store 16 bytes at once: a struct alignas(16) of 8 bf16 or 4 floats, where pointers and strides are aligned. A kernel for odd sizes may stay narrow.",
  slow_path_division:
    "Divide once per row and multiply by the result; 1.0f / sqrtf(x) once a row is fine.",
  emulated_bf16:
    "Correct, but at two to three times the instructions: prefer float16 on sm_75, or leave sm_75 out of archs.",
  too_many_instantiations:
    "Make rounding, weight form and offset run-time branches that all threads take alike, and drop variants that no shape picks.",
};

/** The doubts of all archs, each kind once, with the kernels and archs it is about. */
export function buildWarnings(doubts: readonly KernelDoubt[]): Warning[] {
  const warnings: Warning[] = [];
  for (const code of buildWarningCodes) {
    const own = doubts.filter((doubt) => doubt.code === code);
    if (own.length === 0) continue;
    const archs = listed([...new Set(own.map((doubt) => doubt.arch))]);
    const named = [...new Set(own.map((doubt) => doubt.what))];
    const more = named.length - kernelsNamed;
    const shown = named.slice(0, kernelsNamed).join("; ") + (more > 0 ? `; and ${more} more` : "");
    warnings.push({ code, message: `On ${archs}: ${shown}.`, hint: hints[code] });
  }
  return warnings;
}

/** Every doubt about the kernels of one arch. */
export function kernelDoubts({ arch, kernels }: ArchKernels): KernelDoubt[] {
  const doubts: KernelDoubt[] = [];
  if (kernels.length > mostInstantiations) {
    const what = `${plural(kernels.length, "kernel")}, more than ${mostInstantiations} make the edit loop slow`;
    doubts.push({ code: "too_many_instantiations", arch, what });
  }
  const vectorised = kernels.some((kernel) => widest(kernel.global_loads) >= 128);
  for (const kernel of kernels) {
    const name = shortName(kernel.demangled);
    const doubt = (code: BuildWarningCode, detail: string) =>
      doubts.push({ code, arch, kernel: kernel.name, what: `${name} (${detail})` });
    const spilled = kernel.spill_store_bytes + kernel.spill_load_bytes;
    if (spilled > 0) doubt("spills", `${spilled} bytes`);
    else if (kernel.local_accesses > 0) {
      doubt(
        "local_memory",
        `${kernel.stack_frame_bytes} bytes, ${plural(kernel.local_accesses, "instruction")}`,
      );
    } else if (kernel.stack_frame_bytes > 0)
      doubt("stack_frame", `${kernel.stack_frame_bytes} bytes`);
    const narrow = narrowness(kernel, vectorised);
    if (narrow) doubt("narrow_accesses", narrow);
    if (kernel.slow_path_calls_in_loops > 0) {
      doubt("slow_path_division", `${kernel.slow_path_calls_in_loops} in a loop over elements`);
    } else {
      const many = kernel.slow_path_calls.find(({ count }) => count > mostSlowPathCalls);
      if (many) doubt("slow_path_division", `${many.count} times ${many.name}`);
    }
    if (arch === "sm_75" && /bfloat16/u.test(kernel.demangled)) {
      doubt("emulated_bf16", plural(kernel.instruction_count, "instruction"));
    }
  }
  return doubts;
}

/**
 * Why a kernel's accesses are narrower than they could be, or undefined. A scalar kernel beside
 * vectorised ones is the one for odd sizes and unaligned pointers, and right as it is.
 */
function narrowness(kernel: KernelResources, vectorised: boolean): string | undefined {
  const loads = widest(kernel.global_loads);
  const stores = widest(kernel.global_stores);
  if (loads === 0 || stores === 0) return undefined;
  // One narrow store may be the row's rstd; as many as a vector has parts are a vector in pieces.
  if (loads >= 128 && stores < 128 && total(kernel.global_stores) >= 4) {
    return `loads ${loads} bits at once, stores ${stores}`;
  }
  if (stores >= 128 && loads < 128 && total(kernel.global_loads) >= 4) {
    return `stores ${stores} bits at once, loads ${loads}`;
  }
  if (loads >= 128 || stores >= 128) return undefined;
  const packed = loads === 64 || stores === 64 || isPackedPairs(kernel);
  if (!packed && vectorised) return undefined;
  return `no access wider than ${Math.max(loads, stores)} bits`;
}

/** Two 16-bit values at once, all over: meant as vectorised. */
function isPackedPairs(kernel: KernelResources): boolean {
  const narrowest = Math.min(...kernel.global_load_bits, ...kernel.global_store_bits);
  return narrowest === 32 && /half|float16/u.test(kernel.demangled);
}

function widest(counts: readonly WidthCount[]): number {
  return counts.at(-1)?.bits ?? 0;
}

function total(counts: readonly WidthCount[]): number {
  return counts.reduce((sum, { count }) => sum + count, 0);
}
