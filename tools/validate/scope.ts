import { plural, shortened } from "../text.ts";
import type { Warning } from "../tool.ts";
import type { ArchInput } from "./arch-input.ts";
import type { Candidate } from "./candidate.ts";
import type { GpuChoice } from "./gpu/find-gpu.ts";
import type { ReportInput } from "./report.ts";
import type { ValidateResult } from "./result.ts";

/** What a verdict speaks of: where the code ran and why there, and who could reach what. */
export interface Scope {
  executed_on: ValidateResult["executed_on"];
  /** Per arch: "sm_90 on the NVIDIA H200", "sm_75 as T4 in the interpreter". */
  devices: string[];
  why: string;
  isolation: string;
  /** What this way of judging leaves out, whatever the cases say. */
  leaves_out: string[];
  /** Wrong calls that were made besides the cases. */
  refusals: number;
  build_ids: string[];
  /** compute-sanitizer looked for races and reads of unwritten memory. */
  sanitized: boolean;
  /** Of the heaviest kernel of each arch, in words. */
  resources: string;
  warnings: Warning[];
}

/** Of compiled code: on the GPU where there is one that runs it, else in the interpreter. */
export function scopeOfBuilds(
  runs: readonly ArchInput[],
  gpu: GpuChoice,
): Omit<Scope, "isolation" | "refusals" | "warnings" | "sanitized"> {
  const onGpu = runs.filter((run) => run.gpu).length;
  const name = gpu.worker?.device.name ?? "GPU";
  const older = onGpu < runs.length && onGpu > 0 ? `; the ${name} cannot run the others` : "";
  return {
    executed_on:
      onGpu === 0 ? "ptx_interpreter" : onGpu === runs.length ? "gpu" : "gpu_and_ptx_interpreter",
    devices: runs.map(({ build, device, gpu: place }) => {
      if (!place) return `${build.arch} as ${device.name}`;
      const how = place.code === "ptx_jit" ? ", its PTX translated by the driver" : "";
      return `${build.arch} on the ${name}${how}`;
    }),
    why: `${gpu.why}${older}`,
    leaves_out:
      onGpu === 0
        ? [`machine code (SASS), and what compute-sanitizer sees in it: ${gpu.why}`]
        : unguarded(gpu),
    build_ids: runs.map(({ build }) => build.build_id),
    resources: runs.map(({ build }) => heaviest(build)).join("; "),
  };
}

function unguarded({ worker }: GpuChoice): string[] {
  if (!worker || worker.guarded) return [];
  return ["accesses far out of bounds: this driver cannot leave memory around a buffer unmapped"];
}

function heaviest({ arch, kernels }: ArchInput["build"]): string {
  const most = (of: (kernel: ArchInput["build"]["kernels"][number]) => number) =>
    Math.max(0, ...kernels.map(of));
  const spills = most((kernel) => kernel.spill_store_bytes + kernel.spill_load_bytes);
  return [
    `${arch}: ${plural(kernels.length, "kernel")}`,
    `${most((kernel) => kernel.registers_per_thread)} registers`,
    spills > 0 ? `${spills} bytes spilled` : "no spills",
    `${most((kernel) => kernel.static_shared_bytes)} bytes of static shared memory`,
  ].join(", ");
}

export const interpreterIsolation =
  "Host code ran in a process of its own against a stand-in CUDA runtime that only records launches; " +
  "its machine-independent code (PTX) was executed by an interpreter with the judge's inputs, buffers and expected values out of its reach.";

export const gpuIsolation =
  "Host code ran in a process of its own against a stand-in CUDA runtime that only records launches; " +
  "those were launched by Kernelwright's runner, which holds no candidate code but its kernels. " +
  "Kernels share the GPU's memory with the inputs and the judge's result, at addresses that they are not given.";

export function notChecked(input: ReportInput): string[] {
  const { candidate, judgement, effort, scope, shapes_given } = input;
  const shown = 3;
  const list = judgement.not_checked
    .slice(0, shown)
    .map(({ case_name, arch, why }) => shortened(`${case_name} on ${arch}: ${why}`, 300));
  if (judgement.not_checked.length > shown) {
    list.push(`${judgement.not_checked.length - shown} more cases`);
  }
  const [unsearched] = judgement.not_searched;
  if (unsearched) {
    const by = scope.sanitized ? "compute-sanitizer looked instead" : "nothing looked for them";
    list.push(`races and unwritten memory in the interpreter (${unsearched.why}): ${by}`);
  }
  list.push(...scope.leaves_out);
  if (!candidate.declared) {
    const sizes = shapes_given
      ? "shapes other than those given"
      : "sizes that are no multiple of 128";
    list.push(`${sizes}, and layouts that its signature does not name`);
  }
  if (effort === "quick") list.push("most sizes, and offsets past 2^31: effort was quick");
  return list.map((line) => shortened(line, 300));
}

export function semanticsOf({ supports, form, operator, declared }: Candidate): string {
  const found = declared ? "declared" : "found by probing";
  const sum =
    operator === "add_rmsnorm" ? `, ${form.rounded_sum ? "rounded" : "unrounded"} sum` : "";
  return `rounding ${supports.rounding.join(" and ")} (${found}), weight ${supports.weight.join(", ")}${sum}`;
}
