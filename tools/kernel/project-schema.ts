import * as z from "zod";
import { layouts, roundings, weightForms } from "./cases.ts";
import { dtypeNames } from "./dtypes.ts";

/**
 * What kernel.yaml may say: the operator, the archs, what the kernel promises to support, where it is meant to be used,
 * and its tunable launch parameters. Everything that build.toml says already stays there.
 */
export const archSchema = z
  .string()
  .regex(/^sm_(?:75|80|86|87|88|89|90a?|100[af]?|103[af]?|110[af]?|120[af]?|121[af]?)$/u, {
    message: 'expected an arch that CUDA 13 compiles for, such as "sm_90"',
  });

export const operatorSchema = z.enum(["rmsnorm"]);
export const dtypeSchema = z.enum(dtypeNames);
export const roundingSchema = z.enum(roundings);
export const weightFormSchema = z.enum(weightForms);
export const layoutSchema = z.enum(layouts);
export const outputDtypeSchema = z.enum(["input", "promoted"]);

const wholeNumber = z.number().int().max(Number.MAX_SAFE_INTEGER);

/** What validate_kernel tests inside of, and outside of for a clean refusal. */
export const supportsSchema = z.strictObject({
  dtypes: z.array(dtypeSchema).min(1),
  rounding: z.array(roundingSchema).min(1),
  weight: z.array(weightFormSchema).min(1),
  /** Constants that may be added to the weight: 1 is Gemma's. */
  weight_offset: z.array(z.number()).min(1),
  layouts: z.array(layoutSchema).min(1),
  /** Whether out may be x. */
  in_place: z.boolean(),
  /** Most elements (rows * hidden_size) in one call. */
  max_elements: wholeNumber.min(1),
});

/** One place of a model where the kernel is meant to be used. Default shapes and benchmarks come from here. */
export const siteSchema = z.strictObject({
  name: z.string().min(1).max(80),
  hidden_size: wholeNumber.min(1),
  eps: z.number().min(0),
  rounding: roundingSchema,
  weight: weightFormSchema,
  weight_offset: z.number(),
  /** What a float32 weight does to the dtype of the result. */
  output_dtype: outputDtypeSchema,
  /** Rows to measure: tokens, or tokens * heads for a norm per head. */
  rows: z.array(wholeNumber.min(1)).min(1).max(16),
  /** How many norms of the model this site stands for. */
  count: wholeNumber.min(1).optional(),
});

export const kernelConfigSchema = z.strictObject({
  schema: z.literal(1),
  operator: operatorSchema,
  archs: z.array(archSchema).min(1),
  supports: supportsSchema,
  sites: z.array(siteSchema).max(64),
  /** Values to try for each launch parameter; `threads` is the macro TUNE_THREADS of the sources. */
  tune: z.record(
    z.string().regex(/^[a-z][a-z0-9_]*$/u, { message: "expected a name such as warps_per_block" }),
    z.array(wholeNumber.min(1)).min(1).max(16),
  ),
});

/** The part of kernel-builder's build.toml that Kernelwright reads. kernel-builder owns the rest. */
export const buildTomlSchema = z.object({
  general: z.object({
    name: z.string().regex(/^[a-z][-a-z0-9]*[a-z0-9]$/u, {
      message: "expected lower-case letters, digits and dashes, starting with a letter",
    }),
    version: wholeNumber.min(1),
    license: z.string().min(1),
    backends: z.array(z.string()),
  }),
  torch: z.object({ src: z.array(z.string().min(1)) }),
  kernel: z.record(
    z.string(),
    z.object({ backend: z.string(), src: z.array(z.string().min(1)).min(1) }),
  ),
});

export type Operator = z.infer<typeof operatorSchema>;
export type OutputDtype = z.infer<typeof outputDtypeSchema>;
export type Supports = z.infer<typeof supportsSchema>;
export type Site = z.infer<typeof siteSchema>;
export type KernelConfig = z.infer<typeof kernelConfigSchema>;
export type BuildToml = z.infer<typeof buildTomlSchema>;
