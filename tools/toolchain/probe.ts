import { writeFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import { lineOf } from "./download-errors.ts";

/** Small, and yet it needs cicc, ptxas, libdevice, the crt and runtime headers and cccl. */
const probeKernel = `
#include <cuda_bf16.h>
#include <math.h>

template <typename T>
__global__ void probe(T* out, const T* x, float eps) {
  const float value = float(x[threadIdx.x]);
  out[threadIdx.x] = T(value * __expf(eps) * erff(value) / sqrtf(value * value + eps));
}

template __global__ void probe(__nv_bfloat16*, const __nv_bfloat16*, float);
`;

/**
 * Compiles a kernel to sm_90 machine code with the toolkit in `root` and reads it back with the SASS
 * tools. Leaves its files in `folder`. Throws ToolError `install_failed` with what the tool said.
 */
export async function proveByCompiling(
  root: string,
  options: { cxx: string; folder: string; signal: AbortSignal },
): Promise<void> {
  const source = path.join(options.folder, "probe.cu");
  const cubin = path.join(options.folder, "probe.cubin");
  const tool = (name: string) => path.join(root, "bin", name);
  await writeFile(source, probeKernel);
  await prove(
    [tool("nvcc"), "-cubin", "-arch=sm_90", "-ccbin", options.cxx, "-o", cubin, source],
    /^/u,
    options,
  );
  await Promise.all([
    prove([tool("cuobjdump"), "-res-usage", cubin], /REG:\d+/u, options),
    prove([tool("nvdisasm"), "-json", cubin], /"STG/u, options),
  ]);
}

async function prove(
  argv: readonly string[],
  expected: RegExp,
  options: { folder: string; signal: AbortSignal },
): Promise<void> {
  const { folder, signal } = options;
  const result = await runLocally(argv, { cwd: folder, timeoutMs: 120_000, signal });
  if (result.exit_code === 0 && expected.test(result.stdout)) return;
  const how = result.timed_out ? "did not end" : `ended with exit code ${result.exit_code}`;
  throw new ToolError(
    "install_failed",
    `The downloaded compiler does not work here: ${path.basename(argv[0] as string)} ${how}. ${lineOf(result, /error|fatal/iu)}`,
    "Nothing was installed. Install a CUDA toolkit 12 or 13 by hand and set CUDA_HOME; then run: kernelwright setup --check",
  );
}
