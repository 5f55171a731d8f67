import { execa } from "execa";
import { ToolError } from "../errors.ts";
import { scrubbedEnvironment } from "./environment.ts";

export interface RunOptions {
  cwd?: string;
  /** Added to the scrubbed environment; the caller's own environment is never passed on. */
  env?: Record<string, string>;
  input?: string;
  /** After this the whole process group is killed and `timed_out` is true. */
  timeoutMs: number;
  signal?: AbortSignal;
  /** Each line of stderr as it comes, for progress. */
  onErrorLine?: (line: string) => void;
}

export interface RunResult {
  /** Undefined when the process was ended by a signal. */
  exit_code: number | undefined;
  ended_by: string | undefined;
  stdout: string;
  stderr: string;
  timed_out: boolean;
}

/** Groups of what runs now: they go when this process does. */
const live = new Set<number>();
process.on("exit", () => {
  for (const pid of live) killProcessGroup(pid);
});

/**
 * Runs a command on this machine to its end, in a process group and an environment of its own.
 * A non-zero exit code, an end by signal and a time-out are results, not errors.
 * Throws ToolError `cancelled` when the signal fires (the group is dead by then) and
 * `prerequisite_missing` when the program does not exist.
 */
export async function runLocally(argv: readonly string[], options: RunOptions): Promise<RunResult> {
  const [file, ...args] = argv as [string, ...string[]];
  if (options.signal?.aborted) throw cancelled(file);
  const child = execa(file, args, {
    cwd: options.cwd,
    env: { ...scrubbedEnvironment(), ...options.env },
    extendEnv: false,
    // Its own group: a compiler's children must die with it.
    detached: process.platform !== "win32",
    cleanup: true,
    reject: false,
    stripFinalNewline: false,
    maxBuffer: 64 * 1024 * 1024,
    ...(options.input === undefined ? { stdin: "ignore" as const } : { input: options.input }),
  });
  const killGroup = () => killProcessGroup(child.pid);
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup();
  }, options.timeoutMs);
  options.signal?.addEventListener("abort", killGroup, { once: true });
  if (child.pid !== undefined) live.add(child.pid);
  if (options.onErrorLine) watchLines(child.stderr, options.onErrorLine);
  try {
    const result = await child;
    if (options.signal?.aborted) throw cancelled(file);
    if (result.exitCode === undefined && result.signal === undefined && !timedOut) {
      throw missing(file, result.shortMessage ?? "it could not be started");
    }
    return {
      exit_code: result.exitCode,
      ended_by: result.signal,
      stdout: result.stdout as string,
      stderr: result.stderr as string,
      timed_out: timedOut,
    };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", killGroup);
    if (child.pid !== undefined) live.delete(child.pid);
  }
}

/** Kills a detached child and all its children. Safe to call after its end. */
export function killProcessGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(process.platform === "win32" ? pid : -pid, "SIGKILL");
  } catch {
    // Already gone.
  }
}

function watchLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = "";
  stream.on("data", (chunk: Buffer | string) => {
    const lines = (rest + chunk.toString()).split(/[\r\n]+/u);
    rest = lines.pop() ?? "";
    for (const line of lines) if (line.trim()) onLine(line);
  });
}

function cancelled(file: string): ToolError {
  return new ToolError(
    "cancelled",
    `Cancelled: ${file} and its children were ended, or not started.`,
    "Make the same call again: finished units are kept and are not repeated.",
  );
}

function missing(file: string, reason: string): ToolError {
  return new ToolError(
    "prerequisite_missing",
    `"${file}" cannot be run: ${reason.split("\n")[0]}`,
    `Install ${file} and see that it is on PATH, then make the same call again.`,
  );
}
