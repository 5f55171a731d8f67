import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import * as z from "zod";
import { ToolError } from "../errors.ts";
import { requireInside } from "../paths.ts";
import { renderDuration } from "../text.ts";
import { nextStep, type Progress, resultEnvelope, type Tool, type ToolContext } from "../tool.ts";
import { jobsFolder } from "./records.ts";
import type { Job, JobRegistry } from "./registry.ts";

/** How long a call may block, in seconds: below the shortest limit of a client (60 s). */
export const waitSeconds = z
  .int()
  .min(0)
  .max(45)
  .default(45)
  .describe("Seconds to wait before answering with a job_id instead of the result");

/**
 * The same tool for a door whose calls must end soon: one that outlasts `wait_s` answers with
 * `status: "running"` and a `job_id` that is on disk by then. Equal calls share one job.
 * Without a job registry in the context it runs to its end.
 */
export function asJob(tool: Tool): Tool {
  const input = tool.input.extend({ wait_s: waitSeconds });
  // A running job has no numbers yet: only the envelope is certain.
  const output = z.object({ ...tool.output.partial().shape, ...resultEnvelope });
  return {
    ...tool,
    input,
    output,
    async run(args, context) {
      const { wait_s: waitS, ...own } = args as Record<string, unknown> & { wait_s: number };
      if (!context.jobs) return tool.run(own, context);
      return runAsJob(tool, own, waitS * 1000, context, context.jobs);
    },
    render: (result) =>
      result.status === "running" ? String(result.summary) : tool.render(result),
  };
}

async function runAsJob(
  tool: Tool,
  args: Record<string, unknown>,
  waitMs: number,
  context: ToolContext,
  jobs: JobRegistry,
): Promise<Record<string, unknown>> {
  const { workspace, mayInstallCompiler } = context;
  const job = jobs.start({
    tool: tool.name,
    arguments: args,
    key: keyOf(tool.name, args, workspace),
    folder: jobsFolder(ownerOf(args, workspace)),
    run: (signal, progress) => tool.run(args, { workspace, signal, progress, mayInstallCompiler }),
  });
  await jobs.wait(job, waitMs, context.signal, (progress) => context.progress(progress));
  if (job.state === "running") {
    await jobs.handOut(job);
    return runningResult(job);
  }
  return outcomeOf(job);
}

/** What a caller is told of a job that goes on. */
export function runningResult(job: {
  job_id: string;
  tool: string;
  started_ms: number;
  progress?: Progress | undefined;
}): Record<string, unknown> {
  const elapsed = renderDuration(Date.now() - job.started_ms);
  return {
    summary: `${job.tool} is still running after ${elapsed}${renderStep(job.progress)}. Its result comes from check_job.`,
    status: "running",
    job_id: job.job_id,
    warnings: [],
    artifacts: [],
    next: [nextStep("check_job", { job_id: job.job_id }, "Waits for the result")],
  };
}

/** The result of an ended job, or its error thrown as the tool itself would have. */
export function outcomeOf(job: Job): Record<string, unknown> {
  if (job.state === "done" && job.result) return job.result;
  if (job.state === "failed") throw job.error;
  throw new ToolError(
    "cancelled",
    `${job.tool} was ${job.state} before it had ended.`,
    "Make the same call again: finished units are kept and are not repeated.",
  );
}

function renderStep(progress: Progress | undefined): string {
  if (!progress) return "";
  const count = progress.total === undefined ? "" : ` (${progress.done} of ${progress.total})`;
  return `: ${progress.message}${count}`;
}

/** Equal tool, arguments and workspace give an equal key, whatever the order of the arguments. */
function keyOf(tool: string, args: Record<string, unknown>, workspace: string): string {
  const sorted = Object.entries(args).sort(([a], [b]) => (a < b ? -1 : 1));
  return createHash("sha256")
    .update(JSON.stringify([tool, workspace, sorted]))
    .digest("hex");
}

/** The project whose folder `kernel` names, else the workspace. */
function ownerOf(args: Record<string, unknown>, workspace: string): string {
  if (typeof args.kernel !== "string") return workspace;
  try {
    const folder = requireInside(workspace, args.kernel);
    return statSync(folder).isDirectory() ? folder : workspace;
  } catch {
    return workspace; // The tool itself says what is wrong with the path.
  }
}
