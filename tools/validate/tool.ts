import * as z from "zod";
import { compilerArguments } from "../build/arguments.ts";
import { ToolError } from "../errors.ts";
import { efforts } from "../kernel/cases.ts";
import { dtypeNames } from "../kernel/dtypes.ts";
import { defineTool } from "../tool.ts";
import { renderReport } from "./render.ts";
import { validateOutput } from "./result.ts";

const shapeText = z
  .string()
  .regex(/^\d{1,9}x\d{1,7}$/u, "expected <rows>x<hidden_size>, for example 31x4096")
  .describe('"<rows>x<hidden_size>", for example "31x4096"');

const input = z.object({
  kernel: z
    .string()
    .min(1)
    .max(1000)
    .describe(
      'Kernel project folder, for example "kernels/qwen3-rmsnorm", or one .cu file, or a Python function on torch tensors: "norms.py:rmsnorm", "package.module:function"',
    ),
  signature: z
    .string()
    .max(500)
    .optional()
    .describe(
      'Not for a project. A .cu file: one line of C++ that calls it, for example "rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)"; a function: "fn(x, weight, eps)"',
    ),
  eps: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .describe("Not for a project: the eps of a kernel that takes none, for example 1e-5"),
  include_folders: z
    .array(z.string().max(1000))
    .max(16)
    .optional()
    .describe("Only for a .cu file: folders for #include, inside the workspace"),
  dtypes: z
    .array(z.enum(dtypeNames))
    .min(1)
    .max(3)
    .optional()
    .describe("Only these element types; left out: all that the kernel supports"),
  archs: compilerArguments.archs,
  device: z
    .string()
    .max(40)
    .optional()
    .describe(
      'Execute as this GPU in the interpreter, for example "T4"; left out: on the GPU that is here, else as one per arch',
    ),
  shapes: z
    .array(shapeText)
    .min(1)
    .max(64)
    .optional()
    .describe("Only these shapes; left out: the case list's own"),
  effort: z
    .enum(efforts)
    .default("default")
    .describe(
      "quick: about 25 cases; default: over 100, pairwise; full: up to 300, large ones too, and compute-sanitizer",
    ),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .optional()
    .describe("Repeats the shapes that an earlier call drew; left out: drawn anew"),
  install_compiler: compilerArguments.install_compiler,
  cuda_home: compilerArguments.cuda_home,
});

export const validateKernel = defineTool({
  name: "validate_kernel",
  verb: "validate",
  title: "Validate a kernel",
  description:
    "Judge a kernel against float64 over shapes, dtypes, layouts, weight forms, special values and repeated calls, " +
    "by executing its compiled code on the GPU, or without one in an interpreter that also finds races and reads of " +
    "unwritten memory. Builds what is stale. Returns passed or failed with ulps, the first bad element, the fault's nature, " +
    "source line and fix. Call it after every edit, before any benchmark. " +
    "Takes a project, any .cu file with signature, or a Python function. No network.",
  input,
  output: validateOutput,
  readOnly: false,
  positional: ["kernel"],
  async run(args, context) {
    // Loaded at the first call: the interpreter must not slow the server's start.
    const { validate } = await import("./validate.ts");
    return validate({ ...args, shapes: args.shapes?.map(parseShape) }, context);
  },
  render: renderReport,
});

/** Elements of a shape: the interpreter needs some seconds and 1 GiB for as many. */
const mostElements = 2 ** 25;

function parseShape(text: string): { rows: number; hidden_size: number } {
  const [rows = 0, hidden_size = 0] = text.split("x").map(Number);
  if (hidden_size >= 1 && rows * hidden_size <= mostElements) return { rows, hidden_size };
  throw new ToolError(
    "invalid_argument",
    `The shape ${text} has ${hidden_size < 1 ? "no columns" : `${rows * hidden_size} elements, and ${mostElements} can be executed without a GPU`}.`,
    'Give fewer rows, and 1 column at least: for example "31x4096".',
  );
}
