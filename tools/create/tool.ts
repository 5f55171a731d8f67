import path from "node:path";
import * as z from "zod";
import { models, normCount } from "../kernel/models.ts";
import { archSchema, dtypeSchema, operatorSchema } from "../kernel/project-schema.ts";
import { shownPath } from "../paths.ts";
import { listed, plural, renderTable } from "../text.ts";
import { defineTool, nextStep, resultEnvelope } from "../tool.ts";
import { createProject } from "./create.ts";

const modelNames = models.map((model) => model.name).join(", ");

const input = z.strictObject({
  operator: operatorSchema.default("rmsnorm").describe("What the kernel computes"),
  name: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .describe('Kernel name, for example "qwen3-rmsnorm"; left out: made from model and operator'),
  folder: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe("Folder to create, inside the workspace; left out: kernels/<name>"),
  model: z
    .string()
    .max(100)
    .optional()
    .describe(`Whose norms fill in hidden sizes, eps and rows; one of ${modelNames}`),
  dtypes: z
    .array(dtypeSchema)
    .min(1)
    .max(3)
    .optional()
    .describe("Dtypes to compile; left out: all three. Fewer compile faster"),
  archs: z
    .array(archSchema)
    .min(1)
    .max(12)
    .optional()
    .describe('GPUs to compile for, for example ["sm_80", "sm_90"]; left out: T4 to RTX 5090'),
});

const siteSummary = z.object({
  name: z.string(),
  hidden_size: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  eps: z.number(),
  rounding: z.string(),
  weight: z.string(),
  weight_offset: z.number(),
  count: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
});

const output = z.object({
  summary: resultEnvelope.summary,
  status: resultEnvelope.status,
  kernel: z.string().describe("The project's folder: pass it to the other tools"),
  name: z.string(),
  package: z.string().describe("Its Python package"),
  operator: operatorSchema,
  model: z.string().optional(),
  dtypes: z.array(dtypeSchema),
  archs: z.array(z.string()),
  sites: z.array(siteSummary).describe("Where the kernel is meant to be used"),
  main: z.string().describe("The file to edit first; the variants lie beside it"),
  files: z.array(z.string()).describe("What was written, relative to the project"),
  warnings: resultEnvelope.warnings,
  artifacts: resultEnvelope.artifacts,
  next: resultEnvelope.next,
});

export const createKernel = defineTool({
  name: "create_kernel",
  verb: "create",
  title: "Create a kernel project",
  description:
    "Write a CUDA kernel project from a template that already builds and passes validation: kernels for every row width, " +
    "torch op, tests, Hub files. Call it first, unless a project exists; it never overwrites. Then edit the .cuh files and " +
    "call validate_kernel after each change.",
  input,
  output,
  readOnly: false,
  positional: ["name"],

  async run(args, context) {
    const { project, model, files } = await createProject(args, context);
    const kernel = shownPath(context.workspace, project.folder);
    const forModel = model
      ? ` for the ${plural(normCount(model), "norm")} of ${model.name} (${plural(project.sites.length, "site")})`
      : "";
    return {
      summary:
        `Created ${kernel}: ${project.operator} in ${listed(project.supports.dtypes)}${forModel}, ` +
        `for ${plural(project.archs.length, "arch")}. It builds and validates as it is.`,
      status: "done" as const,
      kernel,
      name: project.name,
      package: project.package,
      operator: project.operator,
      ...(model ? { model: model.name } : {}),
      dtypes: project.supports.dtypes,
      archs: project.archs,
      sites: project.sites.map(({ rows, output_dtype, ...site }) => ({ count: 1, ...site })),
      main: path.relative(project.folder, project.main),
      files: files.map((file) => file.path),
      warnings: [],
      artifacts: [],
      next: [
        nextStep("validate_kernel", { kernel }, "builds it, then executes what was compiled"),
        nextStep("build_kernel", { kernel }, "registers, spills and vector widths for every arch"),
      ],
    };
  },

  render(result) {
    const sites = renderTable(
      ["site", ">count", ">hidden_size", ">eps", "rounding", "weight"],
      result.sites.map((site) => [
        site.name,
        `${site.count}`,
        `${site.hidden_size}`,
        site.eps.toExponential(),
        site.rounding,
        site.weight_offset ? `${site.weight} + ${site.weight_offset}` : site.weight,
      ]),
    );
    return [
      result.summary,
      "",
      sites,
      "",
      `${plural(result.files.length, "file")} in ${result.kernel}; start with ${result.main}.`,
    ].join("\n");
  },
});
