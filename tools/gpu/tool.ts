import * as z from "zod";
import { defineTool, resultEnvelope } from "../tool.ts";
import { inspect } from "./inspect.ts";
import { gpuSchema } from "./query.ts";
import { renderInspection } from "./render.ts";

const folderText = z.string().min(1).max(4096);

export const inspectInput = z.strictObject({
  cuda_home: folderText
    .optional()
    .describe("Folder of a CUDA toolkit to look at; left out: the places where one is found"),
});

export const inspectOutput = z.object({
  ...resultEnvelope,
  platform: z.string().describe('"linux-x86_64"'),
  driver_version: z.string().optional(),
  cuda_driver_version: z.string().optional().describe("The newest CUDA that the driver serves"),
  gpus: z.array(
    gpuSchema.extend({
      arch: z.string().optional().describe("What nvcc compiles for it"),
      peak_gbps: z
        .number()
        .int()
        .min(0)
        .max(1e6)
        .optional()
        .describe("Memory clock times bus, in 1e9 bytes per second; a copy reaches 80 to 92 %"),
    }),
  ),
  compiler: z
    .object({
      version: z.string(),
      root: z.string(),
      found_by: z.string(),
      archs: z.array(z.string()),
    })
    .optional()
    .describe("The CUDA compiler that build_kernel uses"),
  refused_compilers: z.array(
    z.object({ root: z.string(), found_by: z.string(), reason: z.string() }),
  ),
  host_compiler: z.object({ cxx: z.string(), kind: z.string(), version: z.string() }).optional(),
  pythons: z
    .array(
      z.object({
        python: z.string(),
        version: z.string(),
        found_by: z.string(),
        torch: z.string().optional(),
        torch_cuda: z.string().optional().describe("Left out for a CPU build"),
        packages: z.array(z.object({ name: z.string(), version: z.string() })),
      }),
    )
    .describe("In the order they are used; torch is wanted for baselines only"),
});

export type Inspection = z.infer<typeof inspectOutput>;

export const inspectGpu = defineTool({
  name: "inspect_gpu",
  verb: "inspect",
  title: "Inspect GPUs and tools",
  description:
    "What this machine can do for RMSNorm kernels: its NVIDIA GPUs with limits, clocks and other processes, the " +
    "CUDA compiler, torch and the libraries to compare with. Call it first, and again after changing the machine. " +
    "No GPU is a normal answer: kernels are compiled for any GPU and their compiled code is executed without one. " +
    "Next: create_kernel. Changes nothing, needs no network.",
  input: inspectInput,
  output: inspectOutput,
  readOnly: true,
  positional: [],
  run: inspect,
  render: renderInspection,
});
