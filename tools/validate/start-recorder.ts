import { ToolError } from "../errors.ts";
import { PtxError, type PtxModule, parsePtx } from "../ptx/index.ts";
import { type KernelFacts, Recorder } from "../record/recorder.ts";
import { requiredClusters } from "../record/required-cluster.ts";
import type { ArchInput } from "./arch-input.ts";
import type { Candidate } from "./candidate.ts";

/** Longest that one call of the entry point may take on the host. */
const hostTimeoutMs = 5_000;

/** `facts` replaces what is said of every kernel. */
export function startRecorder(
  candidate: Candidate,
  { build, device, ptx, gpu }: ArchInput,
  signal: AbortSignal,
  facts: Partial<KernelFacts> = {},
): Promise<Recorder> {
  return Recorder.start({
    library: build.library,
    entry: candidate.entry,
    device,
    kernels: kernelFacts(build, ptx).map((kernel) => ({ ...kernel, ...facts })),
    signal,
    timeoutMs: hostTimeoutMs,
    ...(gpu && { arena: gpu.arena }),
  });
}

/** What the recorder must know of each kernel: parameters from the PTX, the rest from ptxas. */
function kernelFacts(build: ArchInput["build"], ptx: string): KernelFacts[] {
  const { kernels } = requireReadable(ptx, build.arch);
  const clusters = requiredClusters(ptx);
  return build.kernels.flatMap((resources) => {
    const kernel = kernels.get(resources.name);
    if (!kernel) return [];
    return {
      name: resources.name,
      param_bytes: kernel.params.map(({ bytes }) => bytes),
      param_offsets: kernel.params.map(({ offset }) => offset),
      registers_per_thread: resources.registers_per_thread,
      static_shared_bytes: resources.static_shared_bytes,
      local_bytes: resources.local_bytes,
      max_threads: resources.max_threads,
      ...(clusters.has(resources.name) && { required_cluster: clusters.get(resources.name) }),
    };
  });
}

function requireReadable(ptx: string, arch: string): PtxModule {
  try {
    return parsePtx(ptx);
  } catch (error) {
    if (!(error instanceof PtxError)) throw error;
    throw new ToolError(
      "ptx_unsupported",
      `The interpreter cannot read the PTX for ${arch}: ${error.message}.`,
      "Write that line without the instruction or directive that is named, or validate another arch.",
      { cause: error },
    );
  }
}
