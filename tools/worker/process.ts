import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import type { Readable } from "node:stream";
import { driverEnvironment, scrubbedEnvironment } from "../executors/environment.ts";
import { killProcessGroup } from "../executors/local.ts";
import { packageData } from "../paths.ts";
import { lineReader } from "./lines.ts";
import { encodeRequest, type Request } from "./protocol.ts";
import { residentBytes } from "./resident-memory.ts";

export interface RunnerOptions {
  python: string;
  /** Resident memory of the runner; past it the runner is ended. */
  memory_limit_bytes: number;
}

/** Why there is no reply. The process and its children are dead by then. */
export interface Ending {
  state: "ended";
  cause:
    | "exited"
    | "not_started"
    | "timed_out"
    | "cancelled"
    | "out_of_memory"
    | "disconnected"
    | "broken_reply";
  exit_code: number | null;
  signal: NodeJS.Signals | null;
  /** False where an earlier request was being answered when the process ended. */
  begun: boolean;
  /** The end of what it printed, or the reply that does not fit. */
  output: string;
}

export interface Line {
  state: "replied";
  /** Parsed, not yet checked. */
  value: unknown;
}

interface Pending {
  id: number;
  limitMs: number;
  resolve: (answer: Line | Ending) => void;
}

/** One read may be 64 MiB; nothing that the runner says is longer. */
const mostReplyBytes = 128 * 1024 * 1024;
const keptOutputBytes = 8 * 1024;
/** After the end of the process its pipe may still hold a reply. */
const drainMs = 200;
const memoryCheckMs = 100;
/** A context on an H200 is gone 0.1 s after the end of its process, also in a hang (2026-11-22). */
const endMs = 20_000;

/** Process groups that run now: they go when this process does. */
const live = new Set<number>();
process.on("exit", () => {
  for (const pid of live) killProcessGroup(pid);
});

/**
 * One process of gpu_worker, in a group and an environment of its own. Requests are written as they
 * come and answered in order; the time limit of each begins when it is the first in line. It keeps
 * this process alive only while a request waits.
 */
export class RunnerProcess {
  readonly #child: ChildProcess;
  readonly #requests: Socket;
  readonly #replies: Socket;
  readonly #memoryLimit: number;
  readonly #whenEnded: Promise<void>;
  readonly #pending: Pending[] = [];
  #timer: NodeJS.Timeout | undefined;
  #memoryTimer: NodeJS.Timeout | undefined;
  #output = "";
  #cause: Ending["cause"] | undefined;
  #retired = false;
  #lastId = 0;

  constructor(options: RunnerOptions) {
    this.#memoryLimit = options.memory_limit_bytes;
    const folder = packageData("tools", "worker", "gpu_worker");
    // Isolated from the user's Python settings, without site packages, leaving no bytecode.
    const args = ["-I", "-S", "-B", folder, "--reply-fd", "3"];
    this.#child = spawn(options.python, args, {
      env: { ...scrubbedEnvironment(), ...driverEnvironment() },
      detached: true,
      stdio: ["pipe", "ignore", "pipe", "pipe"],
    });
    this.#requests = this.#child.stdin as Socket;
    this.#replies = this.#child.stdio[3] as Socket;
    if (this.#child.pid !== undefined) live.add(this.#child.pid);
    this.#watch();
    this.#whenEnded = this.#ended();
    this.#keepAlive(false);
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** False once it is gone, is being ended, or has said that it ends. */
  get alive(): boolean {
    return this.#cause === undefined;
  }

  /** Sends one request. Never rejects: the end of the process is an answer. */
  request(request: Request, limitMs: number): Promise<Line | Ending> {
    return new Promise((resolve) => {
      if (!this.alive) {
        this.#child.ref();
        void this.#whenEnded.then(() => resolve(this.#ending(false)));
        return;
      }
      this.#lastId += 1;
      const line = encodeRequest(this.#lastId, request);
      // Long lines take their time on the way: 20 MB a second is slow.
      this.#pending.push({ id: this.#lastId, limitMs: limitMs + line.length / 20_000, resolve });
      if (this.#pending.length === 1) this.#startTimers();
      this.#requests.write(line);
    });
  }

  /** After a reply which says that the context is lost: what was sent behind it will not be answered. */
  retire(): void {
    if (this.#cause !== undefined) return;
    this.#cause = "exited";
    this.#retired = true;
    const { pid, exitCode, signalCode } = this.#child;
    if (exitCode !== null || signalCode !== null) return;
    const timer = setTimeout(() => killProcessGroup(pid), drainMs).unref();
    this.#child.once("exit", () => clearTimeout(timer));
  }

  /**
   * Ends the process and its children, and returns once they are gone, or cannot be ended: the driver
   * may hold a process for long. Safe to call twice.
   */
  async close(cause: "cancelled" | "broken_reply" = "cancelled"): Promise<void> {
    // Awaited: without this Node could find nothing to do and exit before the end is seen.
    this.#child.ref();
    this.#end(cause);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, endMs);
    });
    await Promise.race([this.#whenEnded, patience]);
    clearTimeout(timer);
  }

  #watch(): void {
    for (const stream of [this.#requests, this.#replies, this.#child.stderr]) {
      // A broken pipe is the end of the process, which is seen elsewhere.
      stream?.on("error", () => {});
    }
    const receive = lineReader(mostReplyBytes, (line) => this.#reply(line));
    this.#replies?.on("data", receive);
    this.#replies?.on("end", () => {
      setTimeout(() => this.#end("disconnected"), drainMs).unref();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-keptOutputBytes);
    });
  }

  #reply(line: string): void {
    const [first] = this.#pending;
    const value = parsed(line);
    const id = (value as { id?: unknown } | undefined)?.id;
    if (!first || value === undefined || (id !== first.id && id !== null)) {
      this.#breakOff(line);
      return;
    }
    this.#pending.shift();
    this.#startTimers();
    first.resolve({ state: "replied", value });
  }

  #breakOff(line: string): void {
    if (this.#cause === undefined) this.#output = line.slice(0, 400);
    this.#end("broken_reply");
  }

  #startTimers(): void {
    clearTimeout(this.#timer);
    clearInterval(this.#memoryTimer);
    const [first] = this.#pending;
    this.#keepAlive(first !== undefined);
    if (!first) return;
    this.#timer = setTimeout(() => this.#end("timed_out"), first.limitMs);
    this.#memoryTimer = setInterval(() => {
      if (residentBytes(this.#child.pid) > this.#memoryLimit) this.#end("out_of_memory");
    }, memoryCheckMs);
  }

  #keepAlive(kept: boolean): void {
    const holders = [this.#child, this.#requests, this.#replies, this.#child.stderr as Socket];
    for (const holder of holders) {
      if (kept) holder?.ref();
      else holder?.unref();
    }
  }

  #end(cause: Ending["cause"]): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    killProcessGroup(this.#child.pid);
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        this.#cause ??= "exited";
        killProcessGroup(this.#child.pid);
        const patience = new Promise((done) => setTimeout(done, drainMs));
        void Promise.race([endOf(this.#replies), patience]).then(() => {
          this.#forget();
          resolve();
        });
      };
      this.#child.once("exit", finish);
      this.#child.once("error", (error) => {
        this.#output += error.message;
        this.#cause ??= "not_started";
        finish();
      });
    });
  }

  #forget(): void {
    if (this.#child.pid !== undefined) live.delete(this.#child.pid);
    for (const stream of [this.#requests, this.#replies, this.#child.stderr]) stream?.destroy();
    const pending = this.#pending.splice(0);
    this.#startTimers();
    for (const [at, one] of pending.entries())
      one.resolve(this.#ending(at === 0 && !this.#retired));
  }

  #ending(begun: boolean): Ending {
    return {
      state: "ended",
      cause: this.#cause ?? "exited",
      exit_code: this.#child.exitCode,
      signal: this.#child.signalCode,
      begun,
      output: this.#output,
    };
  }
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function endOf(stream: Readable | null): Promise<void> {
  if (!stream || stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
  });
}
