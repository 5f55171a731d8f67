import { ToolError } from "../errors.ts";
import { plural } from "../text.ts";
import { nextStep, type Progress, type ToolContext } from "../tool.ts";
import { outcomeOf, runningResult } from "./as-job.ts";
import { findRecord, type JobRecord, type JobState, listRecords } from "./records.ts";
import type { Job } from "./registry.ts";

interface CheckArguments {
  job_id?: string | undefined;
  wait_s: number;
  cancel: boolean;
}

interface JobEntry {
  job_id: string;
  tool: string;
  state: JobState;
  started_at: string;
  elapsed_s: number;
  step?: string;
}

interface CheckResult {
  [key: string]: unknown;
  summary: string;
  status: "running" | "done" | "cancelled" | "interrupted";
  job_id?: string | undefined;
  warnings: [];
  artifacts: [];
  next: { tool: string; arguments: string; why: string }[];
  jobs?: JobEntry[];
}

const listedAtMost = 20;

/** Waits for, shows or cancels one job, or lists them all. Throws the error that ended the job. */
export async function checkJobs(args: CheckArguments, context: ToolContext): Promise<CheckResult> {
  if (args.job_id === undefined && args.cancel) {
    throw new ToolError(
      "invalid_argument",
      "cancel says that a job is to end, and job_id does not say which.",
      "Call check_job without arguments to see the jobs, then with job_id and cancel: true.",
    );
  }
  if (args.job_id === undefined) return listJobs(context);
  const job = context.jobs?.find(args.job_id);
  return job ? checkLiveJob(job, args, context) : checkRecord(args.job_id, args, context);
}

async function checkLiveJob(
  job: Job,
  args: CheckArguments,
  context: ToolContext,
): Promise<CheckResult> {
  if (args.cancel) await context.jobs?.cancel(job);
  else if (args.wait_s > 0) {
    await context.jobs?.wait(job, args.wait_s * 1000, context.signal, context.progress);
  }
  if (job.state === "running") return runningResult(job) as CheckResult;
  if (job.state === "done" || job.state === "failed") {
    return { ...(outcomeOf(job) as CheckResult), job_id: job.job_id };
  }
  return endedEarly(job.job_id, job.tool, job.state, job.arguments);
}

/** A job of a server that has ended, or of another one that still runs. */
async function checkRecord(
  jobId: string,
  args: CheckArguments,
  context: ToolContext,
): Promise<CheckResult> {
  let record = await requireRecord(jobId, context);
  if (args.cancel && record.state === "running") {
    throw new ToolError(
      "job_unknown",
      `Job ${jobId} runs in another server (process ${record.pid}), which alone can cancel it.`,
      `Cancel it from the client that started it, or end that server with "kill ${record.pid}".`,
    );
  }
  const until = Date.now() + args.wait_s * 1000;
  while (record.state === "running" && Date.now() < until && !context.signal.aborted) {
    await new Promise((resolve) => setTimeout(resolve, 250));
    record = await requireRecord(jobId, context);
  }
  if (record.state === "running") {
    return runningResult({ ...record, started_ms: Date.parse(record.started_at) }) as CheckResult;
  }
  if (record.state === "failed" && record.error) {
    const { code, message, hint } = record.error;
    throw new ToolError(code as ToolError["code"], message, hint);
  }
  if (record.state === "done" && record.result) {
    return { ...(record.result as CheckResult), job_id: jobId };
  }
  const early = record.state === "cancelled" ? "cancelled" : "interrupted";
  return endedEarly(jobId, record.tool, early, record.arguments);
}

async function requireRecord(jobId: string, context: ToolContext): Promise<JobRecord> {
  const record = await findRecord(context.workspace, jobId);
  if (record) return record;
  throw new ToolError(
    "job_unknown",
    `There is no job "${jobId}" in ${context.workspace}.`,
    "Call check_job without job_id to see the jobs of this workspace.",
  );
}

function endedEarly(
  jobId: string,
  tool: string,
  state: "cancelled" | "interrupted",
  args: Record<string, unknown>,
): CheckResult {
  const why = state === "cancelled" ? "was cancelled" : "was interrupted: its server ended";
  return {
    summary: `${tool} ${why}. Finished units are kept.`,
    status: state,
    job_id: jobId,
    warnings: [],
    artifacts: [],
    next: [nextStep(tool, args, "Resumes where it stopped")],
  };
}

async function listJobs(context: ToolContext): Promise<CheckResult> {
  const live = (context.jobs?.list() ?? []).map(entryOfJob);
  const known = new Set(live.map((entry) => entry.job_id));
  const recorded = (await listRecords(context.workspace))
    .filter((record) => !known.has(record.job_id))
    .map(entryOfRecord);
  const all = [...live, ...recorded].sort((a, b) => b.started_at.localeCompare(a.started_at));
  const running = all.filter((entry) => entry.state === "running");
  return {
    summary:
      all.length === 0
        ? "No jobs: every call so far was answered within its wait_s."
        : `${plural(all.length, "job")}, ${running.length} running.`,
    status: "done",
    warnings: [],
    artifacts: [],
    next: running.map((entry) => nextStep("check_job", { job_id: entry.job_id }, "Waits for it")),
    jobs: all.slice(0, listedAtMost),
  };
}

function entryOfJob(job: Job): JobEntry {
  return {
    job_id: job.job_id,
    tool: job.tool,
    state: job.state,
    started_at: new Date(job.started_ms).toISOString(),
    elapsed_s: seconds((job.ended_ms ?? Date.now()) - job.started_ms),
    ...stepOf(job.progress),
  };
}

function entryOfRecord(record: JobRecord): JobEntry {
  const started = Date.parse(record.started_at);
  const ended = record.ended_at ? Date.parse(record.ended_at) : Date.now();
  const runsOn = record.state === "running" || record.ended_at !== undefined;
  return {
    job_id: record.job_id,
    tool: record.tool,
    state: record.state,
    started_at: record.started_at,
    elapsed_s: runsOn ? seconds(ended - started) : 0,
    ...stepOf(record.progress),
  };
}

function stepOf(progress: Progress | undefined): { step?: string } {
  return progress ? { step: progress.message.slice(0, 200) } : {};
}

function seconds(ms: number): number {
  return Math.max(0, Math.round(ms / 100) / 10);
}
