import * as z from "zod";
import { resultEnvelope } from "../tool.ts";

const count = z.number().int().min(0).max(1_000_000_000_000);
const bits = z.array(count).max(8).describe("Widths that occur, in bits");

export const archResultSchema = z.object({
  arch: z.string(),
  build_id: z.string().describe("Also the name of its folder in builds_folder"),
  cached: z.boolean().describe("Nothing had changed, nothing was compiled"),
  build_ms: count.describe("What compiling took, when it was done"),
  kernels: count,
  max_registers_per_thread: count,
  spill_bytes: count.describe("Spill loads and stores of all kernels"),
  min_occupancy_pct: z.number().min(0).max(100),
});

export const kernelRowSchema = z.object({
  arch: z.string(),
  kernel: z.string(),
  registers_per_thread: count,
  spill_bytes: count,
  stack_frame_bytes: count,
  static_shared_bytes: count,
  max_threads: count.describe("Threads of a block that occupancy holds for"),
  occupancy_pct: z.number().min(0).max(100),
  limited_by: z.enum(["threads", "blocks", "registers", "shared"]),
  global_load_bits: bits,
  global_store_bits: bits,
  cache_hints: z.string().describe('For example "load EF 4, store EF 4"'),
  shuffles: count,
  barriers: count,
  special_functions: z.string().describe('For example "RSQ 1, RCP 1"'),
  instructions: count,
});

export const diagnosticSchema = z.object({
  severity: z.enum(["error", "warning"]),
  message: z.string(),
  file: z.string().optional().describe("Relative to the project"),
  line: count.optional(),
  column: count.optional(),
  excerpt: z.string().optional(),
  hint: z.string().optional(),
  notes: z.array(z.string()).optional(),
  archs: z.array(z.string()),
});

export const changeSchema = z.object({
  arch: z.string(),
  kernel: z.string(),
  what: z.string().describe('"registers", "instructions" ..., or "kernel": new (0 to 1) or gone'),
  before: count,
  after: count,
});

export const buildResultSchema = z.object({
  ...resultEnvelope,
  verdict: z.enum(["passed", "failed"]),
  kernel: z.string(),
  compiler: z.string().describe('For example "CUDA 13.0.88 in /usr/local/cuda"'),
  compile_ms: count.describe("What this call took for compiling or finding in the cache"),
  cached: z.boolean().describe("Nothing had changed for any arch"),
  builds_folder: z
    .string()
    .describe("<build_id>/library.so, kernel.cubin and kernel.ptx lie in it"),
  build_ids: z.array(z.string()),
  archs: z.array(archResultSchema),
  kernels: z.array(kernelRowSchema).describe("The most remarkable ones; all are in build.json"),
  kernel_count: count.describe("Over all archs"),
  changes: z.array(changeSchema).describe("Since the last build of this project"),
  change_count: count,
  diagnostics: z.array(diagnosticSchema).describe("The first ones, errors before warnings"),
  diagnostic_count: count,
});

export type BuildResult = z.infer<typeof buildResultSchema>;
export type ArchRow = z.infer<typeof archResultSchema>;
export type KernelRow = z.infer<typeof kernelRowSchema>;
export type ChangeRow = z.infer<typeof changeSchema>;
export type DiagnosticRow = z.infer<typeof diagnosticSchema>;
