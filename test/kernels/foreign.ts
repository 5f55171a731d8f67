import { cpSync, existsSync, mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";

export interface Foreign {
  name: string;
  /** Folder or file below the root, copied to the workspace. */
  from: string;
  /** What the judged file includes. */
  include: string;
  signature: string;
  dtypes?: ("bfloat16" | "float16" | "float32")[];
  eps?: number;
  shapes?: string[];
  /** A real fault of the foreign kernel, which must be found. Without: it passes. */
  fault?: string;
}

/** What the foreign sources name of libraries that their kernels do not use. */
const libraryStubs = {
  "cublas_v2.h": `#pragma once
#include <cuda_runtime.h>
#include <library_types.h>
typedef int cublasStatus_t; typedef int cublasComputeType_t; typedef int cublasMath_t;
typedef void* cublasHandle_t;
enum { CUBLAS_STATUS_SUCCESS, CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32,
       CUBLAS_TF32_TENSOR_OP_MATH, CUBLAS_DEFAULT_MATH };
inline int cublasCreate(cublasHandle_t*) { return 0; }
inline int cublasSetMathMode(cublasHandle_t, cublasMath_t) { return 0; }
`,
  "cublasLt.h": `#pragma once
typedef void* cublasLtHandle_t;
inline int cublasLtCreate(cublasLtHandle_t*) { return 0; }
`,
  "curand_kernel.h": "#pragma once\n",
};

const layernorm = (kernel: string, call: string): Foreign => ({
  name: `llm.c ${kernel}`,
  from: "llm.c/dev/cuda",
  include: "cuda/layernorm_forward.cu",
  signature: call,
  dtypes: ["float32"],
  eps: 1e-5,
});

const llmCall = (n: number) =>
  `layernorm_forward${n}(out, mean, rstd, x, weight, bias, 1, rows, hidden_size, 256)`;

export const foreign: readonly Foreign[] = [
  ...[1, 3, 4, 5, 6].map((n) => layernorm(`layernorm_forward_kernel${n}`, llmCall(n))),
  {
    ...layernorm("layernorm_forward_kernel2", llmCall(2)),
    shapes: ["2x128", "32x1024", "8x4096"],
  },
  {
    // Threads past the last element read mean[] before they look whether they are needed.
    ...layernorm("layernorm_forward_kernel2 on 31 rows of 128", llmCall(2)),
    shapes: ["31x128"],
    fault: "out_of_bounds",
  },
  {
    name: "FlashInfer RMSNorm",
    from: "flashinfer/include/flashinfer",
    include: "flashinfer/norm.cuh",
    signature:
      "flashinfer::norm::RMSNorm<T>(x, weight, out, rows, hidden_size, hidden_size, hidden_size, eps, false, stream)",
    dtypes: ["bfloat16", "float16"],
  },
  {
    // row * stride in uint32_t: wraps at 2^32 elements.
    name: "FlashInfer RMSNorm with row strides",
    from: "flashinfer/include/flashinfer",
    include: "flashinfer/norm.cuh",
    signature:
      "flashinfer::norm::RMSNorm<T>(x, weight, out, rows, hidden_size, x_row_stride, out_row_stride, eps, false, stream)",
    dtypes: ["bfloat16", "float16"],
    fault: "offset_32_bit",
  },
  {
    name: "FlashInfer FusedAddRMSNorm",
    from: "flashinfer/include/flashinfer",
    include: "flashinfer/norm.cuh",
    signature:
      "flashinfer::norm::FusedAddRMSNorm<T>(x, residual, weight, rows, hidden_size, hidden_size, hidden_size, eps, false, stream)",
    dtypes: ["bfloat16", "float16"],
  },
  ...(["bf16", "fp16", "fp32"] as const).map(
    (short): Foreign => ({
      name: `kernel-skill rmsnorm_forward_${short}`,
      from: "kernel-skill/examples/qwen3_8b/kernel_src",
      include: "kernel_src/rmsnorm.cu",
      signature: `rmsnorm_forward_${short}(out, x, weight, 1, rows, hidden_size, eps, stream)`,
      dtypes: [{ bf16: "bfloat16", fp16: "float16", fp32: "float32" }[short] as "bfloat16"],
    }),
  ),
];

/** Copies a foreign kernel into the workspace; what validate_kernel is asked with. */
export function foreignCall(one: Foreign, root: string, workspace: string) {
  const source = path.join(root, one.from);
  if (!existsSync(source)) throw new Error(`there is no ${source}`);
  const folder = path.join(workspace, one.name.replace(/\W+/gu, "-"));
  mkdirSync(folder, { recursive: true });
  cpSync(source, path.join(folder, path.basename(source)), { recursive: true });
  for (const [name, text] of Object.entries(libraryStubs)) {
    writeFileSync(path.join(folder, name), text);
  }
  writeFileSync(path.join(folder, "judged.cu"), `#include "${one.include}"\n`);
  return {
    kernel: path.join(folder, "judged.cu"),
    signature: one.signature,
    ...(one.dtypes ? { dtypes: one.dtypes } : {}),
    ...(one.eps === undefined ? {} : { eps: one.eps }),
    ...(one.shapes ? { shapes: one.shapes } : {}),
    include_folders: [folder],
  };
}
