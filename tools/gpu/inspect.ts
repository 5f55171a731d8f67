import type * as z from "zod";
import { listed, plural } from "../text.ts";
import { type NextStep, nextStep, type ToolContext } from "../tool.ts";
import { type CompilerSearch, searchCompiler } from "../toolchain/compiler.ts";
import { findDriver } from "../toolchain/driver.ts";
import { findHostCompiler } from "../toolchain/host-compiler.ts";
import { type Python, searchPythons } from "../toolchain/python.ts";
import { archOf } from "./devices.ts";
import { peakGbps } from "./limits.ts";
import { type Gpu, queryGpus } from "./query.ts";
import type { Inspection, inspectInput } from "./tool.ts";
import { findWarnings, torchHint } from "./warnings.ts";

/** As many processes of one GPU as a result shows; the driver's own list may be long. */
const processesShown = 8;

/** Looks at GPUs, compiler and Pythons at once, and starts nothing that outlives the call. */
export async function inspect(
  args: z.output<typeof inspectInput>,
  context: ToolContext,
): Promise<Inspection> {
  const { signal, workspace } = context;
  const [{ pythons, query }, search, kernelDriver] = await Promise.all([
    askPythons(workspace, signal),
    searchCompiler({ cuda_home: args.cuda_home, signal }),
    findDriver(),
  ]);
  const host = await findHostCompiler(search.compiler?.version);
  const driver = query.driver_version ?? kernelDriver;
  const facts = { query, search, host, pythons, driver, workspace };
  return {
    summary: summarise(query.gpus, search, pythons),
    status: "done",
    platform: `${process.platform}-${process.arch === "x64" ? "x86_64" : process.arch}`,
    ...(driver && { driver_version: driver }),
    ...(query.cuda_driver_version && { cuda_driver_version: query.cuda_driver_version }),
    gpus: query.gpus.map(shownGpu),
    ...(search.compiler && { compiler: shownCompiler(search.compiler) }),
    refused_compilers: search.refused,
    ...(host && { host_compiler: { cxx: host.cxx, kind: host.kind, version: host.version } }),
    pythons: pythons.map(shownPython),
    warnings: findWarnings(facts),
    artifacts: [],
    next: nextSteps(query.gpus, search),
  };
}

/** The driver is asked with the first Python there is; any one will do. */
async function askPythons(workspace: string, signal: AbortSignal) {
  const { pythons } = await searchPythons(workspace, signal);
  return { pythons, query: await queryGpus({ python: pythons[0]?.python, signal }) };
}

function summarise(gpus: readonly Gpu[], search: CompilerSearch, pythons: readonly Python[]) {
  const compiler = search.compiler
    ? `CUDA compiler ${search.compiler.version} is ready.`
    : "There is no CUDA compiler yet: run kernelwright setup.";
  if (gpus.length === 0) {
    return `No NVIDIA GPU here, which is fine: kernels are compiled for any GPU and their compiled code is executed and checked without one; only timing needs a GPU. ${compiler}`;
  }
  const names = [...new Set(gpus.map((gpu) => gpu.name))];
  const what = `${plural(gpus.length, "GPU")} (${listed(names)})`;
  const torch = pythons.find((python) => python.torch_cuda);
  if (!torch) return `${what}, but no torch built for CUDA: run ${torchHint(pythons)}. ${compiler}`;
  return `${what}, torch ${torch.packages.torch} in ${torch.python}. ${compiler}`;
}

function shownGpu(gpu: Gpu): Inspection["gpus"][number] {
  const peak = peakGbps(gpu);
  const processes = gpu.processes?.slice(0, processesShown);
  return {
    ...gpu,
    ...(gpu.compute_capability && { arch: archOf(gpu.compute_capability) }),
    ...(peak && { peak_gbps: peak }),
    ...(processes && { processes }),
  };
}

function shownCompiler(compiler: NonNullable<CompilerSearch["compiler"]>) {
  const { version, root, found_by, archs } = compiler;
  return { version, root, found_by, archs: [...archs] };
}

function shownPython(python: Python): Inspection["pythons"][number] {
  const { torch, ...others } = python.packages;
  return {
    python: python.python,
    version: python.version,
    found_by: python.found_by,
    ...(torch && { torch }),
    ...(python.torch_cuda && { torch_cuda: python.torch_cuda }),
    packages: Object.entries(others).map(([name, version]) => ({ name, version })),
  };
}

function nextSteps(gpus: readonly Gpu[], search: CompilerSearch): NextStep[] {
  if (!search.compiler) return [];
  const known = new Set(search.compiler.archs);
  const archs = gpus.flatMap((gpu) =>
    gpu.compute_capability ? archOf(gpu.compute_capability) : [],
  );
  const here = [...new Set(archs)].filter((arch) => known.has(arch));
  const args = { operator: "rmsnorm", name: "rmsnorm", ...(here.length > 0 && { archs: here }) };
  return [nextStep("create_kernel", args, "Start from the RMSNorm template")];
}
