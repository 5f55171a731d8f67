import * as z from "zod";
import { defineTool } from "../tool.ts";
import { compilerArguments } from "./arguments.ts";
import { build } from "./build.ts";
import { renderBuild } from "./render.ts";
import { buildResultSchema } from "./result.ts";

const input = z.object({
  kernel: z
    .string()
    .min(1)
    .max(1000)
    .describe('Kernel project folder, for example "kernels/qwen3-rmsnorm"'),
  archs: compilerArguments.archs,
  detail: z
    .enum(["brief", "full"])
    .default("brief")
    .describe("full: more kernels in the answer; all of them are always in build.json"),
  install_compiler: compilerArguments.install_compiler,
  cuda_home: compilerArguments.cuda_home,
});

export type BuildArguments = z.output<typeof input>;

export const buildKernel = defineTool({
  name: "build_kernel",
  verb: "build",
  title: "Build a kernel",
  description:
    "Compile a kernel project's .cu for one or more archs: machine code and PTX, cached by content. " +
    "Returns compiler errors with file, line, excerpt and hint, or registers, spills, occupancy and " +
    "widths of memory accesses per kernel, and what changed since the last build. " +
    "Call it after every edit; no GPU is needed. Then validate_kernel.",
  input,
  output: buildResultSchema,
  readOnly: false,
  positional: ["kernel"],
  run: build,
  render: renderBuild,
});
