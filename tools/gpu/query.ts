import * as z from "zod";
import { ToolError } from "../errors.ts";
import { driverEnvironment } from "../executors/environment.ts";
import { runLocally } from "../executors/local.ts";
import { packageData } from "../paths.ts";
import { findProgram } from "../toolchain/programs.ts";
import { findPython } from "../toolchain/python.ts";
import { parseSmi, smiFields } from "./smi.ts";

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A GPU that is present. What the driver does not tell is left out. */
export const gpuSchema = z.object({
  index: count.max(1024),
  name: z.string(),
  compute_capability: z.string().optional().describe('"9.0"'),
  sms: count.optional(),
  memory_bytes: count.optional(),
  memory_used_bytes: count.optional(),
  l2_bytes: count.optional(),
  shared_per_block_bytes: count.optional(),
  shared_per_block_optin_bytes: count.optional(),
  shared_per_sm_bytes: count.optional(),
  reserved_shared_per_block_bytes: count.optional(),
  registers_per_sm: count.optional(),
  registers_per_block: count.optional(),
  max_threads_per_sm: count.optional(),
  max_threads_per_block: count.optional(),
  max_blocks_per_sm: count.optional(),
  warp_size: count.optional(),
  memory_bus_bits: count.optional(),
  memory_clock_khz: count.optional().describe("Highest memory clock"),
  memory_clock_mhz: count.optional().describe("Memory clock now"),
  sm_clock_mhz: count.optional().describe("SM clock now"),
  max_sm_clock_mhz: count.optional(),
  power_limit_w: z.number().optional(),
  power_w: z.number().optional(),
  temperature_c: z.number().int().min(-100).max(1000).optional(),
  busy_pct: z.number().optional().describe("Share of the last second in which a kernel ran"),
  slowed_by: z.array(z.string()).optional().describe("Why clocks are held down right now"),
  ecc: z.boolean().optional(),
  mig: z.boolean().optional().describe("Cut into instances: what is shown is one of them"),
  integrated: z.boolean().optional().describe("Shares its memory with the CPU"),
  pci_bus_id: z.string().optional(),
  processes: z
    .array(
      z.object({
        pid: count,
        name: z.string().optional(),
        memory_bytes: count.optional(),
      }),
    )
    .optional()
    .describe("Processes that hold a context on it"),
});

export const gpuQuerySchema = z.object({
  driver_version: z.string().optional(),
  cuda_driver_version: z.string().optional().describe("The newest CUDA that the driver serves"),
  errors: z.array(z.string()),
  gpus: z.array(gpuSchema),
});

export type Gpu = z.infer<typeof gpuSchema>;

export interface GpuQuery extends z.infer<typeof gpuQuerySchema> {
  asked: "driver" | "nvidia-smi" | "nobody";
}

/** What the driver says of the GPUs of this machine; no GPU is an answer, not an error. */
export async function queryGpus(
  options: { python?: string | undefined; signal?: AbortSignal } = {},
): Promise<GpuQuery> {
  const python = options.python ?? (await findPython())?.python;
  const fromDriver = python && (await runProbe(python, options.signal));
  if (fromDriver) return { ...fromDriver, asked: "driver" };
  const smi = findProgram("nvidia-smi");
  const fromSmi = smi && (await runSmi(smi, options.signal));
  if (fromSmi) return { ...fromSmi, asked: "nvidia-smi" };
  return { errors: [], gpus: [], asked: "nobody" };
}

/** From the one JSON object that probe.py prints; undefined for anything else. */
export function parseProbe(stdout: string): z.infer<typeof gpuQuerySchema> | undefined {
  try {
    // What is null is unknown, and unknown values are left out.
    const withoutNulls = (_key: string, value: unknown) => (value === null ? undefined : value);
    return gpuQuerySchema.parse(JSON.parse(stdout, withoutNulls));
  } catch {
    return undefined;
  }
}

async function runProbe(python: string, signal?: AbortSignal) {
  const script = packageData("tools", "gpu", "probe.py");
  const asked = await quietly([python, "-B", script], signal);
  return asked?.exit_code === 0 ? parseProbe(asked.stdout) : undefined;
}

async function runSmi(smi: string, signal?: AbortSignal) {
  const query = [`--query-gpu=${smiFields.join(",")}`, "--format=csv,noheader,nounits"];
  const asked = await quietly([smi, ...query], signal);
  return asked?.exit_code === 0 ? parseSmi(asked.stdout) : undefined;
}

/** A program that is missing or hangs is one that tells nothing; a cancelled call is still thrown. */
async function quietly(argv: readonly string[], signal?: AbortSignal) {
  try {
    return await runLocally(argv, {
      timeoutMs: 10_000,
      env: driverEnvironment(),
      ...(signal && { signal }),
    });
  } catch (error) {
    if (error instanceof ToolError && error.code === "prerequisite_missing") return undefined;
    throw error;
  }
}
