import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import type { ThreadTarget } from "./targets.ts";

export interface Finding {
  target: string;
  seed: number;
  what: string;
}

export interface Tally {
  cases: number;
  outcomes: Record<string, number>;
  findings: Finding[];
}

/** What the thread is given. `progress` holds the number of cases begun, so that a standstill shows. */
export interface ThreadInput {
  target: ThreadTarget;
  seed: number;
  count: number;
  /** From the time that the thread has its code. */
  milliseconds: number;
  progress: SharedArrayBuffer;
}

export type ThreadMessage =
  | { done: Record<string, number> }
  | { failed: { seed: number; what: string } };

/** Of this process's own time, which a loaded machine gives slowly; a case takes milliseconds of it. */
const standstillMs = 10_000;
/** Of this process; the corpus and its translations need a tenth. */
const mostBytes = 3 * 2 ** 30;
/** After this many there is nothing more to learn from going on. */
const mostFindings = 20;

/**
 * Cases from `seed` on, in a thread: one that stands still or eats memory is a finding, its thread is
 * ended, and another goes on behind it.
 */
export async function fuzzInThread(
  target: ThreadTarget,
  seed: number,
  limits: { milliseconds: number; count: number },
): Promise<Tally> {
  const tally: Tally = { cases: 0, outcomes: {}, findings: [] };
  const began = Date.now();
  for (let from = seed; from - seed < limits.count; ) {
    const milliseconds = limits.milliseconds - (from === seed ? 0 : Date.now() - began);
    if (milliseconds <= 0) break;
    const count = limits.count - (from - seed);
    const begun = await runThread({ target, seed: from, count, milliseconds }, tally);
    tally.cases += begun;
    from += begun;
    if (tally.findings.length >= mostFindings) break;
  }
  return tally;
}

/** Returns how many cases were begun; the last may have been ended. */
function runThread(input: Omit<ThreadInput, "progress">, tally: Tally): Promise<number> {
  const progress = new SharedArrayBuffer(4);
  const begun = new Int32Array(progress);
  const worker = new Worker(threadCode(), {
    eval: true,
    workerData: { ...input, progress } satisfies ThreadInput,
    execArgv: [],
  });
  const found = (what: string, seed = input.seed + Math.max(0, Atomics.load(begun, 0) - 1)) =>
    tally.findings.push({ target: input.target, seed, what });
  return new Promise((resolve) => {
    let last = 0;
    let since = usedMs();
    const timer = setInterval(() => {
      const now = Atomics.load(begun, 0);
      if (now !== last) {
        last = now;
        since = usedMs();
      }
      const bytes = process.memoryUsage().rss;
      if (bytes > mostBytes) found(`${Math.round(bytes / 2 ** 20)} MiB of memory`);
      // Before the first case the thread reads its code, which may take long.
      else if (now > 0 && usedMs() - since > standstillMs) {
        found(`no end within ${standstillMs} ms of processor time`);
      } else return;
      clearInterval(timer);
      void worker.terminate();
    }, 100);
    worker.on("message", (message: ThreadMessage) => {
      if ("failed" in message) {
        found(message.failed.what, message.failed.seed);
        if (tally.findings.length >= mostFindings) void worker.terminate();
        return;
      }
      for (const [outcome, times] of Object.entries(message.done)) {
        tally.outcomes[outcome] = (tally.outcomes[outcome] ?? 0) + times;
      }
    });
    worker.on("error", (error) => found(`the thread ended: ${error.stack ?? error.message}`));
    worker.on("exit", () => {
      clearInterval(timer);
      resolve(Math.max(1, Atomics.load(begun, 0)));
    });
  });
}

function usedMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** A line that loads the reader of TypeScript and then the thread: see tools/executors/thread.ts. */
function threadCode(): string {
  const api = createRequire(import.meta.url)
    .resolve("tsx/esm/api")
    .replace(/cjs$/u, "mjs");
  const entry = new URL("./case-thread.ts", import.meta.url);
  return `import("${pathToFileURL(api)}").then(({ register }) => { register(); return import("${entry}"); })`;
}
