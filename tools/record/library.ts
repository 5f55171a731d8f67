import { readFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { listed } from "../text.ts";
import { type ElfFile, readElf } from "./elf.ts";

/** Libraries of CUDA and torch that host code cannot use where there is no device. */
const refusedLibraries =
  /^lib(cuda|cudart|cudadevrt|cublas|cublasLt|cudnn|cufft|curand|cusparse|cusolver|nvrtc|nvJitLink|nccl|nvToolsExt|cupti|torch|torch_cpu|torch_cuda|torch_python|c10|c10_cuda)([._-]|\.so)/u;

const relink =
  "Link it with nvcc -shared -cudart none (build_kernel does), then make the same call again.";

/**
 * Refuses, before any of its code runs, a library that cannot be recorded: one with a CUDA runtime
 * of its own, one that needs torch or the driver, one without the entry point.
 * Returns the CUDA functions it may call that `provided` has not: what a failure is likely about.
 */
export async function checkLibrary(
  library: string,
  entry: string,
  provided: ReadonlySet<string>,
): Promise<string[]> {
  const name = path.basename(library);
  const elf = await read(library);
  const foreign = elf.needed.filter((file) => refusedLibraries.test(file));
  if (foreign.length > 0) {
    throw new ToolError(
      "recording_failed",
      `${name} is linked with ${listed(foreign)}; the recorder takes its place and cannot answer for it.`,
      relink,
    );
  }
  const fatbin = elf.sections.has(".nv_fatbin") || elf.sections.has(".nvFatBinSegment");
  if (fatbin && !elf.undefined.has("__cudaRegisterFatBinary")) {
    throw new ToolError(
      "recording_failed",
      `${name} has the CUDA runtime linked in statically (libcudart_static); the recorder cannot take its place.`,
      relink,
    );
  }
  if (!elf.defined.has(entry)) throw withoutEntry(name, entry, elf);
  return [...elf.undefined].filter((symbol) => isCuda(symbol) && !provided.has(symbol));
}

/** Whether a symbol is one of CUDA's own: cudaMalloc, cuLaunchKernel, __cudaRegisterVar, cublasGemmEx. */
function isCuda(symbol: string): boolean {
  return /^(__cuda|cuda|cu[A-Z]|cublas|cudnn|nvrtc|nccl)/u.test(symbol);
}

async function read(library: string): Promise<ElfFile> {
  const bytes = await readFile(library).catch((error: unknown) => {
    throw new ToolError(
      "not_found",
      `The library ${library} cannot be read: ${(error as Error).message}`,
      "Run build_kernel, then make the same call again.",
      { cause: error },
    );
  });
  try {
    const elf = readElf(bytes);
    if (elf) return elf;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new ToolError(
    "recording_failed",
    `${library} is not a 64-bit ELF shared library (${bytes.length} bytes).`,
    "Run build_kernel, then make the same call again.",
  );
}

function withoutEntry(name: string, entry: string, elf: ElfFile): ToolError {
  const mangled = [...elf.defined].filter((symbol) => symbol.includes(entry));
  const others = [...elf.defined].filter((symbol) => !symbol.startsWith("_")).slice(0, 8);
  return new ToolError(
    "recording_failed",
    mangled.length > 0
      ? `${name} exports ${mangled[0]} but not ${entry}: the entry point is not extern "C".`
      : `${name} exports no entry point ${entry}${others.length > 0 ? ` (it exports ${listed(others)})` : ""}.`,
    `Define extern "C" cudaError_t ${entry}(const void *args, cudaStream_t stream), then build again.`,
  );
}
