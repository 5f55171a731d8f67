import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { driverEnvironment, scrubbedEnvironment } from "../../executors/environment.ts";
import { killProcessGroup } from "../../executors/local.ts";

/** A runner under a sanitizer: requests one at a time, in the runner's own protocol. */
export interface Session {
  /** The reply's object, or undefined once the runner is gone. */
  ask(request: object): Promise<Record<string, unknown> | undefined>;
  /** Says bye and waits for the end, so that the report is whole. Kills what does not end. */
  close(): Promise<{ exit_code: number | null; stderr: string }>;
}

/** After `bye` the sanitizer has this long to write its report. */
const endLimitMs = 30_000;
/** What is kept of stderr: the sanitizer's own complaint stands at its end. */
const mostStderr = 4096;

/** Starts the command in a process group of its own; the signal and our own end kill the group. */
export function startSession(argv: readonly string[], signal: AbortSignal): Session {
  const [file, ...args] = argv as [string, ...string[]];
  const child = spawn(file, args, {
    env: { ...scrubbedEnvironment(), ...driverEnvironment() },
    stdio: ["pipe", "pipe", "pipe"],
    detached: process.platform !== "win32",
  });
  const kill = () => killProcessGroup(child.pid);
  signal.addEventListener("abort", kill, { once: true });
  process.once("exit", kill);
  let stderr = "";
  child.stderr.on("data", (part: Buffer) => {
    stderr = (stderr + part.toString()).slice(-mostStderr);
  });
  // A runner that is gone is found out by its silence.
  child.stdin.on("error", () => undefined);
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", (error) => {
      stderr += error.message;
      resolve(null);
    });
    child.once("close", (code) => resolve(code));
  }).finally(() => {
    signal.removeEventListener("abort", kill);
    process.off("exit", kill);
  });
  const replies = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let id = 0;
  const ask: Session["ask"] = async (request) => {
    const own = ++id;
    child.stdin.write(`${JSON.stringify({ id: own, ...request })}\n`);
    for (;;) {
      const line = await replies.next();
      if (line.done) return undefined;
      // The sanitizer shares the descriptor: what is no reply to us is its own.
      const reply = parseReply(line.value);
      if (reply?.id === own) return reply;
    }
  };
  return {
    ask,
    async close() {
      child.stdin.end(`${JSON.stringify({ id: ++id, op: "bye" })}\n`);
      const timer = setTimeout(kill, endLimitMs);
      const exit_code = await ended;
      clearTimeout(timer);
      return { exit_code, stderr };
    },
  };
}

function parseReply(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
