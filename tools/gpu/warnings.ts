import { listed, renderBytes } from "../text.ts";
import type { Warning } from "../tool.ts";
import type { CompilerSearch } from "../toolchain/compiler.ts";
import { driverTooOld, firstDriverOfCuda13 } from "../toolchain/driver.ts";
import { type CudaCompiler, majorOf } from "../toolchain/examine.ts";
import type { HostCompiler } from "../toolchain/host-compiler.ts";
import { installCommand } from "../toolchain/prerequisites.ts";
import type { Python } from "../toolchain/python.ts";
import { archOf } from "./devices.ts";
import type { Gpu, GpuQuery } from "./query.ts";

/** Everything that inspect_gpu may doubt: a closed list. */
export type WarningCode =
  | "nvcc_missing"
  | "compiler_refused"
  | "host_compiler_missing"
  | "python_missing"
  | "driver_too_old"
  | "driver_unreachable"
  | "gpu_unsupported"
  | "gpu_shared"
  | "clocks_held_down"
  | "mig"
  | "no_torch"
  | "torch_without_cuda";

interface Facts {
  query: GpuQuery;
  search: CompilerSearch;
  host: HostCompiler | undefined;
  pythons: readonly Python[];
  driver: string | undefined;
}

type CodedWarning = Warning & { code: WarningCode };

export function findWarnings(facts: Facts): Warning[] {
  const { query, search, pythons } = facts;
  return [
    ...aboutCompilers(search, facts.host),
    ...aboutDriver(facts),
    ...query.gpus.flatMap((gpu) => aboutGpu(gpu, search.compiler)),
    ...aboutPythons(pythons, query.gpus.length > 0),
  ];
}

/** The command that brings torch: into the workspace's environment, made first where there is none. */
export function torchHint(pythons: readonly Python[]): string {
  const environment = pythons.find((python) => python.found_by !== "PATH");
  if (environment) return `${environment.python} -m pip install torch`;
  return "python3 -m venv .venv && .venv/bin/python -m pip install torch";
}

function aboutCompilers(search: CompilerSearch, host: HostCompiler | undefined): CodedWarning[] {
  const warnings: CodedWarning[] = search.refused.map((refused) => ({
    code: "compiler_refused",
    message: `The CUDA compiler in ${refused.root} (${refused.found_by}) is not used: ${refused.reason}.`,
    hint: `Update it, or take ${refused.found_by} away from it; or leave it: the next place is looked at.`,
  }));
  if (!search.compiler) {
    warnings.push({
      code: "nvcc_missing",
      message: "There is no CUDA compiler: neither build_kernel nor validate_kernel can compile.",
      hint: "Run: kernelwright setup. Or call build_kernel with install_compiler: true.",
    });
  }
  if (!host) {
    warnings.push({
      code: "host_compiler_missing",
      message: "There is no C++ compiler that nvcc takes, and nvcc needs one for the host code.",
      hint: `Run: ${installCommand("cxx")}`,
    });
  }
  return warnings;
}

function aboutDriver({ query, search, driver }: Facts): CodedWarning[] {
  const warnings: CodedWarning[] = [];
  const compiler = search.compiler;
  if (driverTooOld(driver, compiler ? majorOf(compiler.version) : firstCudaOfWheels)) {
    warnings.push({
      code: "driver_too_old",
      message: `Driver ${driver} runs code of CUDA 12; what CUDA ${compiler?.version ?? "13.0"} compiles needs ${firstDriverOfCuda13} or newer.`,
      hint: `Update the driver to ${firstDriverOfCuda13} or newer, or install NVIDIA's package cuda-toolkit-12-9 and set CUDA_HOME=/usr/local/cuda-12.9. Validation without the GPU works as it is.`,
    });
  }
  // A driver's libraries on a machine without its GPU or its kernel module: there is just no GPU.
  const absent = /NO_DEVICE|Driver Not Loaded/u;
  const errors = query.errors.filter((error) => driver || !absent.test(error));
  if (errors.length > 0) {
    warnings.push({
      code: "driver_unreachable",
      message: `The NVIDIA driver does not answer: ${errors.join("; ")}.`,
      hint: "Run nvidia-smi and see what it says; in a container, start it with --gpus all; after a driver update, restart the machine.",
    });
  }
  return warnings;
}

/** What the wheels that setup installs are of. */
const firstCudaOfWheels = 13;

function aboutGpu(gpu: Gpu, compiler: CudaCompiler | undefined): CodedWarning[] {
  const warnings: CodedWarning[] = [];
  const which = `GPU ${gpu.index} (${gpu.name})`;
  const arch = gpu.compute_capability && archOf(gpu.compute_capability);
  if (arch && compiler && !compiler.archs.includes(arch)) {
    warnings.push({
      code: "gpu_unsupported",
      message: `${which} is ${arch}, which CUDA ${compiler.version} does not compile for (${compiler.archs[0]} to ${compiler.archs.at(-1)}).`,
      hint: "Validate without the GPU (device: one that is listed), or use a machine with a newer GPU.",
    });
  }
  if (gpu.processes && gpu.processes.length > 0) {
    const names = gpu.processes.slice(0, 3).map((one) => {
      const memory = one.memory_bytes === undefined ? "" : `, ${renderBytes(one.memory_bytes)}`;
      return `${one.name ?? "process"} ${one.pid}${memory}`;
    });
    warnings.push({
      code: "gpu_shared",
      message: `${which} is used by ${listed(names)}.`,
      hint: "Times taken beside them are not to be trusted: end them, wait, or choose another GPU with CUDA_VISIBLE_DEVICES.",
    });
  }
  if (gpu.slowed_by && gpu.slowed_by.length > 0) {
    warnings.push({
      code: "clocks_held_down",
      message: `${which} is held down by ${listed(gpu.slowed_by)}: ${gpu.sm_clock_mhz} of ${gpu.max_sm_clock_mhz} MHz.`,
      hint: "Let it cool or see to its power before timing; nvidia-smi -q -d PERFORMANCE tells more.",
    });
  }
  if (gpu.mig) {
    warnings.push({
      code: "mig",
      message: `${which} is cut into instances (MIG): SMs, L2 and bandwidth here are those of one part.`,
      hint: "Compare times only with times of the same part; for a whole GPU, ask for one without MIG.",
    });
  }
  return warnings;
}

function aboutPythons(pythons: readonly Python[], hasGpu: boolean): CodedWarning[] {
  if (pythons.length === 0) {
    return [
      {
        code: "python_missing",
        message:
          "There is no Python 3.8 or newer: the CUDA compiler cannot be installed by setup without uv, and GPUs are only seen through nvidia-smi.",
        hint: `Run: ${installCommand("python")}`,
      },
    ];
  }
  if (!hasGpu || pythons.some((python) => python.torch_cuda)) return [];
  const cpuOnly = pythons.find((python) => python.packages.torch);
  if (cpuOnly) {
    const built = cpuOnly.torch_hip ? "for AMD GPUs" : "without CUDA";
    return [
      {
        code: "torch_without_cuda",
        message: `torch ${cpuOnly.packages.torch} in ${cpuOnly.python} is built ${built}: it cannot be compared with on this GPU.`,
        hint: `Run: ${cpuOnly.python} -m pip install --force-reinstall torch`,
      },
    ];
  }
  return [
    {
      code: "no_torch",
      message:
        "There is a GPU and no torch: kernels are built, validated and timed against a copy, but not against torch, torch.compile, Liger or QuACK.",
      hint: `Run: ${torchHint(pythons)}`,
    },
  ];
}
