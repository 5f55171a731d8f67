import * as z from "zod";
import type { JobRegistry } from "./jobs/registry.ts";

/** One step of a long call, for the terminal's progress line and MCP's progress notifications. */
export interface Progress {
  message: string;
  /** Units done so far; never goes back within one call. */
  done: number;
  /** Units in all, once known. */
  total?: number;
}

/** What a door hands to a tool. Tools know no protocol: neither MCP nor the terminal. */
export interface ToolContext {
  /** Absolute real path; every path argument must stay inside it. */
  workspace: string;
  /** Fires when the caller cancels or goes away: kill children, leave the previous state intact. */
  signal: AbortSignal;
  /** Cheap to call often; the door thins it out. */
  progress(progress: Progress): void;
  /** True on the command line, where the CUDA compiler may be installed without asking. */
  mayInstallCompiler: boolean;
  /** Where a call may outlast its answer (MCP); tools themselves know nothing of it. */
  jobs?: JobRegistry;
}

/** A doubt about a result that stands: from a closed list per tool, with what to do about it. */
export const warningSchema = z.object({
  code: z.string().describe("Stable name of the doubt"),
  message: z.string(),
  hint: z.string().describe("What to do about it"),
});

/** The tool to call next, with arguments that can be sent as they are. */
export const nextStepSchema = z.object({
  tool: z.string(),
  arguments: z.string().describe("JSON object of arguments, ready to send"),
  why: z.string(),
});

export const artifactSchema = z.object({
  path: z.string().describe("Path relative to the workspace, or absolute where outside of it"),
  bytes: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});

/** The fields every result begins and ends with. A tool's own numbers stand between them. */
export const resultEnvelope = {
  summary: z.string().describe("One or two sentences: what was done and found"),
  status: z.enum(["running", "done", "cancelled", "interrupted"]),
  job_id: z.string().optional().describe("Given while status is running: pass it to check_job"),
  warnings: z.array(warningSchema),
  artifacts: z.array(artifactSchema),
  next: z.array(nextStepSchema),
};

export type Warning = z.infer<typeof warningSchema>;
export type NextStep = z.infer<typeof nextStepSchema>;
export type Artifact = z.infer<typeof artifactSchema>;

/** One capability: what an agent sees of it, and the function that does it. */
export interface Tool<
  Input extends z.ZodObject = z.ZodObject,
  Output extends z.ZodObject = z.ZodObject,
> {
  /** `<verb>_kernel`, or `inspect_gpu`, `check_job`, `list_trials`. */
  readonly name: string;
  /** The word on the command line. */
  readonly verb: string;
  readonly title: string;
  /** What it does, when to call it, what to call next; at most 600 characters. */
  readonly description: string;
  readonly input: Input;
  readonly output: Output;
  readonly readOnly: boolean;
  /** Arguments that the command line also takes by position, in order. */
  readonly positional: readonly string[];
  run(args: z.output<Input>, context: ToolContext): Promise<z.output<Output>>;
  /** The result as text for a person at a terminal. */
  render(result: z.output<Output>): string;
}

/** Checks the types of a tool's parts against each other. */
export function defineTool<Input extends z.ZodObject, Output extends z.ZodObject>(
  tool: Tool<Input, Output>,
): Tool<Input, Output> {
  return tool;
}

/** `next` entries carry their arguments as JSON text, so that no schema has a free record. */
export function nextStep(tool: string, args: Record<string, unknown>, why: string): NextStep {
  return { tool, arguments: JSON.stringify(args), why };
}
