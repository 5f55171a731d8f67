import { randomBytes } from "node:crypto";
import { ToolError } from "../errors.ts";
import type { Progress } from "../tool.ts";
import { type JobRecord, type JobState, pruneRecords, writeRecord } from "./records.ts";

export interface JobOptions {
  tool: string;
  arguments: Record<string, unknown>;
  /** Calls with the same key share one job while it runs. */
  key: string;
  /** Where the record goes once the job is handed out. */
  folder: string;
  run(
    signal: AbortSignal,
    progress: (progress: Progress) => void,
  ): Promise<Record<string, unknown>>;
}

/** One running or ended call. Read-only outside of the registry. */
export interface Job {
  readonly job_id: string;
  readonly tool: string;
  readonly arguments: Record<string, unknown>;
  readonly key: string;
  readonly folder: string;
  readonly started_ms: number;
  state: JobState;
  ended_ms?: number;
  progress?: Progress;
  result?: Record<string, unknown>;
  error?: unknown;
}

/** Ended jobs whose results stay in memory; the records on disk last longer. */
const endedKept = 32;

interface LiveJob extends Job {
  readonly abort: AbortController;
  readonly listeners: Set<(progress: Progress) => void>;
  /** Resolves at the end, whatever it is; never rejects. */
  ended: Promise<void>;
  /** Calls that wait for it now. */
  waiting: number;
  /** Its id was given to a caller: from then on it lives until it ends or is cancelled by id. */
  handed_out: boolean;
  /** Writes of the record, one after the other. */
  written: Promise<void>;
}

/** The jobs of one server process. They end with it: `interruptAll` is called at its end. */
export class JobRegistry {
  readonly #jobs = new Map<string, LiveJob>();

  /** Starts a job, or joins the one that runs with the same key. */
  start(options: JobOptions): Job {
    for (const job of this.#jobs.values()) {
      if (job.key === options.key && job.state === "running") return job;
    }
    const job: LiveJob = {
      job_id: `${options.tool.replace(/_kernel$/u, "")}-${randomBytes(4).toString("hex")}`,
      tool: options.tool,
      arguments: options.arguments,
      key: options.key,
      folder: options.folder,
      started_ms: Date.now(),
      state: "running",
      abort: new AbortController(),
      listeners: new Set(),
      ended: Promise.resolve(),
      waiting: 0,
      handed_out: false,
      written: Promise.resolve(),
    };
    this.#jobs.set(job.job_id, job);
    job.ended = this.#runToEnd(job, options.run);
    return job;
  }

  find(jobId: string): Job | undefined {
    return this.#jobs.get(jobId);
  }

  /** Newest first. Jobs that no caller has heard of are left out. */
  list(): Job[] {
    return [...this.#jobs.values()].filter((job) => job.handed_out).reverse();
  }

  /**
   * Waits until the job ends or `waitMs` have passed; its progress goes to `onProgress` meanwhile.
   * When the caller goes away (`signal`) and nobody else waits for a job whose id was never given
   * out, the job is ended too, and `cancelled` is thrown once it has ended.
   */
  async wait(
    job: Job,
    waitMs: number,
    signal: AbortSignal,
    onProgress: (progress: Progress) => void,
  ): Promise<void> {
    const live = this.#require(job.job_id);
    live.waiting += 1;
    live.listeners.add(onProgress);
    if (live.progress && live.state === "running") onProgress(live.progress);
    try {
      await firstOf(live.ended, waitMs, signal);
      if (!signal.aborted) return;
      if (live.waiting === 1 && !live.handed_out) {
        live.abort.abort(signal.reason);
        await live.ended;
      }
      throw new ToolError("cancelled", `The call of ${live.tool} was cancelled.`, callAgain);
    } finally {
      live.waiting -= 1;
      live.listeners.delete(onProgress);
    }
  }

  /** Puts the job on disk: to be done before its id is told to anybody. */
  async handOut(job: Job): Promise<void> {
    const live = this.#require(job.job_id);
    live.handed_out = true;
    await record(live);
    await pruneRecords(live.folder);
  }

  /** Ends a running job and returns when it has ended. An ended job stays as it is. */
  async cancel(job: Job): Promise<void> {
    const live = this.#require(job.job_id);
    if (live.state !== "running") return;
    live.state = "cancelled";
    live.abort.abort(new Error("cancelled by check_job"));
    await live.ended;
  }

  /** The server ends: every running job is ended and recorded as interrupted. */
  async interruptAll(): Promise<void> {
    const running = [...this.#jobs.values()].filter((job) => job.state === "running");
    for (const job of running) {
      job.state = "interrupted";
      job.handed_out = true; // Also where nobody has its id yet: the next session shall see it.
      job.abort.abort(new Error("the server ends"));
    }
    // Recorded before they have ended: the process may not live that long.
    await Promise.allSettled(running.map(record));
    await Promise.all(running.map((job) => job.ended));
  }

  #require(jobId: string): LiveJob {
    const job = this.#jobs.get(jobId);
    if (!job) throw new Error(`job ${jobId} is not of this registry`);
    return job;
  }

  async #runToEnd(job: LiveJob, run: JobOptions["run"]): Promise<void> {
    try {
      job.result = await run(job.abort.signal, (progress) => {
        job.progress = progress;
        for (const listener of job.listeners) listener(progress);
      });
      // Cancelled too late: it is done, and its result stands.
      job.state = "done";
    } catch (error) {
      job.error = error;
      if (job.state === "running") job.state = job.abort.signal.aborted ? "cancelled" : "failed";
    }
    job.ended_ms = Date.now();
    if (job.handed_out) await record(job).catch(() => {});
    this.#forgetOldest();
  }

  #forgetOldest(): void {
    const ended = [...this.#jobs.values()].filter((job) => job.state !== "running");
    for (const job of ended) {
      const isKept = job.handed_out || job.waiting > 0;
      if (!isKept) this.#jobs.delete(job.job_id);
    }
    const kept = ended.filter((job) => this.#jobs.has(job.job_id) && job.waiting === 0);
    for (const job of kept.slice(0, Math.max(0, kept.length - endedKept))) {
      this.#jobs.delete(job.job_id);
    }
  }
}

const callAgain =
  "Make the same call again when you want its result: finished units are kept and are not repeated.";

function record(job: LiveJob): Promise<void> {
  const write = job.written.then(() => writeRecord(job.folder, recordOf(job)));
  job.written = write.catch(() => {});
  return write;
}

function recordOf(job: Job): JobRecord {
  return {
    schema: 1,
    job_id: job.job_id,
    tool: job.tool,
    arguments: job.arguments,
    state: job.state,
    pid: process.pid,
    started_at: new Date(job.started_ms).toISOString(),
    ...(job.ended_ms === undefined ? {} : { ended_at: new Date(job.ended_ms).toISOString() }),
    ...(job.progress ? { progress: job.progress } : {}),
    ...(job.result ? { result: job.result } : {}),
    ...(job.error === undefined ? {} : { error: describedError(job.error) }),
  };
}

/** An error of ours that is not a ToolError keeps its message only: the door that sees it writes the details. */
function describedError(error: unknown): { code: string; message: string; hint: string } {
  if (error instanceof ToolError) {
    return { code: error.code, message: error.message, hint: error.hint };
  }
  return { code: "internal_error", message: String(error), hint: "Make the same call again." };
}

/** Resolves at the first of: the end, the time, the signal. */
async function firstOf(ended: Promise<void>, waitMs: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  let onAbort: (() => void) | undefined;
  const stop = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, waitMs);
    onAbort = resolve;
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
  await Promise.race([ended, stop]);
  clearTimeout(timer);
  if (onAbort) signal.removeEventListener("abort", onAbort);
}
