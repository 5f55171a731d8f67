import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes, timingSafeEqual } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import path from "node:path";
import type { Duplex, Readable } from "node:stream";
import { scrubbedEnvironment } from "../executors/environment.ts";
import { killProcessGroup } from "../executors/local.ts";
import { receivedBytes } from "../record/bytes.ts";
import { killMarked, killTree, look } from "./process-table.ts";

/** What a frame carries beside its nonce. */
export interface Frame {
  text: string;
  data: Buffer;
}

export const endingCauses = [
  "exited",
  "not_started",
  "timed_out",
  "cancelled",
  "forged",
  "disconnected",
  "stopped",
  "out_of_memory",
  "flooded",
] as const;

/** Why a process gave no reply. It and all that it started are dead by then. */
export interface CallableEnding {
  state: "ended";
  cause: (typeof endingCauses)[number];
  exit_code: number | null;
  signal: NodeJS.Signals | null;
  /** The end of what it printed. */
  output: string;
}

export interface CallableProcessOptions {
  /** What to start, without the two descriptors, which are added. */
  argv: readonly string[];
  most_memory_bytes: number;
  signal: AbortSignal;
}

/** Bytes of JSON (u32), bytes of data (u64), nonce: as callable_host/channel.py has it. */
const headerBytes = 28;
const nonceBytes = 16;
const mostReplyBytes = 4 * 1024 ** 3;
const mostOutputBytes = 64 * 1024 ** 2;
const keptOutputBytes = 8 * 1024;
const watchMs = 100;
/** After the end of the process its pipes may still hold a reply, or be held open by a grandchild. */
const drainMs = 200;

/** Mark and folder of what runs now: both go when this process does. */
const live = new Map<number, { mark: string; folder: string }>();
process.on("exit", () => {
  for (const [pid, { mark, folder }] of live) {
    killTree(pid);
    killProcessGroup(pid);
    killMarked(mark);
    rmSync(folder, { recursive: true, force: true });
  }
});

/** One process of callable_host, in a group, an environment and an empty folder of its own. */
export class CallableProcess {
  /** The only one that it may write to; removed at its end. */
  readonly folder: string;
  readonly #child: ChildProcess;
  readonly #requests: Duplex;
  readonly #replies: Readable;
  readonly #options: CallableProcessOptions;
  readonly #mark = randomBytes(12).toString("hex");
  readonly #received = receivedBytes();
  readonly #whenEnded: Promise<void>;
  #output = "";
  #outputBytes = 0;
  #cause: CallableEnding["cause"] | undefined;
  #waiting: { nonce: Buffer; resolve: (frame: Frame) => void } | undefined;

  constructor(options: CallableProcessOptions) {
    this.#options = options;
    this.folder = mkdtempSync(path.join(tmpdir(), "kernelwright-callable-"));
    const [file, ...args] = options.argv as [string, ...string[]];
    this.#child = spawn(file, [...args, "3", "4"], {
      cwd: this.folder,
      env: environment(this.folder, this.#mark),
      detached: true,
      // Requests and replies have descriptors of their own: the candidate may print what it likes.
      stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"],
    });
    this.#requests = this.#child.stdio[3] as Duplex;
    this.#replies = this.#child.stdio[4] as Duplex;
    if (this.#child.pid !== undefined) {
      live.set(this.#child.pid, { mark: this.#mark, folder: this.folder });
    }
    this.#watchStreams();
    this.#whenEnded = this.#ended();
  }

  /** Sends one request and waits for its reply, or for the end of the process. */
  async request(
    text: string,
    data: readonly Uint8Array[],
    timeoutMs: number,
  ): Promise<Frame | CallableEnding> {
    const nonce = randomBytes(nonceBytes);
    const content = Buffer.from(text);
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(content.length, 0);
    header.writeBigUInt64LE(BigInt(data.reduce((sum, each) => sum + each.length, 0)), 4);
    nonce.copy(header, 12);
    const replied = new Promise<Frame>((resolve) => {
      this.#waiting = { nonce, resolve };
    });
    const timer = setTimeout(() => this.#end("timed_out"), timeoutMs);
    const watch = setInterval(() => this.#watchProcess(), watchMs);
    const cancel = () => this.#end("cancelled");
    const { signal } = this.#options;
    if (signal.aborted) cancel();
    signal.addEventListener("abort", cancel, { once: true });
    try {
      for (const piece of [header, content, ...data]) this.#requests.write(piece);
      return await Promise.race([replied, this.#whenEnded.then(() => this.#ending())]);
    } finally {
      clearTimeout(timer);
      clearInterval(watch);
      signal.removeEventListener("abort", cancel);
      this.#waiting = undefined;
    }
  }

  /** Ends the process and all that it started. Safe to call twice. */
  async close(): Promise<void> {
    this.#end("cancelled");
    await this.#whenEnded;
  }

  #watchStreams(): void {
    const { stdout, stderr } = this.#child;
    for (const stream of [this.#requests, this.#replies, stdout, stderr]) {
      // A broken pipe is the end of the process, which is seen elsewhere.
      stream?.on("error", () => {});
    }
    this.#replies.on("data", (chunk: Buffer) => this.#receive(chunk));
    // Nothing of ours ever comes back on it.
    this.#requests.on("data", () => this.#end("forged"));
    this.#replies.on("end", () => {
      // The other end is closed. Unless the process is going, the candidate did that.
      setTimeout(() => this.#end("disconnected"), drainMs).unref();
    });
    for (const stream of [stdout, stderr]) {
      stream?.on("data", (chunk: Buffer) => {
        this.#outputBytes += chunk.length;
        this.#output = (this.#output + chunk.toString("utf8")).slice(-keptOutputBytes);
        if (this.#outputBytes > mostOutputBytes) this.#end("flooded");
      });
    }
  }

  #watchProcess(): void {
    const { pid } = this.#child;
    if (pid === undefined || this.#cause !== undefined || process.platform !== "linux") return;
    const seen = look(pid);
    if (seen.stopped) this.#end("stopped");
    else if (seen.resident_bytes > this.#options.most_memory_bytes) this.#end("out_of_memory");
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        this.#cause ??= "exited";
        const { pid, stderr } = this.#child;
        killProcessGroup(pid);
        killMarked(this.#mark);
        const drained = Promise.all([ended(this.#replies), ended(stderr)]);
        const patience = new Promise((done) => setTimeout(done, drainMs));
        void Promise.race([drained, patience]).then(() => {
          this.#forget();
          resolve();
        });
      };
      this.#child.once("exit", finish);
      this.#child.once("error", (error) => {
        this.#output += `${error.message}\n`;
        this.#cause ??= "not_started";
        finish();
      });
    });
  }

  #forget(): void {
    const { pid, stdout, stderr } = this.#child;
    if (pid !== undefined) live.delete(pid);
    for (const stream of [this.#requests, this.#replies, stdout, stderr]) stream?.destroy();
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 3 });
  }

  #end(cause: CallableEnding["cause"]): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    // Before its end: afterwards nobody knows what was below it.
    if (this.#child.exitCode === null && this.#child.signalCode === null) killTree(this.#child.pid);
    killProcessGroup(this.#child.pid);
  }

  #ending(): CallableEnding {
    return {
      state: "ended",
      cause: this.#cause ?? "exited",
      exit_code: this.#child.exitCode,
      signal: this.#child.signalCode,
      output: this.#output,
    };
  }

  #receive(chunk: Buffer): void {
    this.#received.add(chunk);
    for (;;) {
      const header = this.#received.peek(headerBytes);
      if (!header) return;
      const textBytes = header.readUInt32LE(0);
      const bytes = headerBytes + textBytes + Number(header.readBigUInt64LE(4));
      const expected = this.#waiting?.nonce;
      const ours = expected !== undefined && timingSafeEqual(header.subarray(12, 28), expected);
      // Only a reply to what was asked counts: anything else was written by the candidate.
      if (!ours || bytes > mostReplyBytes) {
        this.#replies.pause();
        this.#end("forged");
        return;
      }
      const frame = this.#received.peek(bytes);
      if (!frame) return;
      this.#received.drop(bytes);
      const text = frame.toString("utf8", headerBytes, headerBytes + textBytes);
      this.#waiting?.resolve({ text, data: frame.subarray(headerBytes + textBytes) });
      this.#waiting = undefined;
    }
  }
}

const markName = "KERNELWRIGHT_CALLABLE";

/** What the driver, Triton and a C++ compiler need to be found; caches lie in the folder. */
function environment(folder: string, mark: string): Record<string, string> {
  const passed = ["LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "CC", "CXX"];
  const found = passed.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...scrubbedEnvironment(),
    ...Object.fromEntries(found),
    // Packages of the user are still found; what else lies in the home folder is not looked for.
    PYTHONUSERBASE: process.env.PYTHONUSERBASE ?? path.join(homedir(), ".local"),
    HOME: folder,
    TMPDIR: folder,
    TEMP: folder,
    TMP: folder,
    XDG_CACHE_HOME: folder,
    TRITON_CACHE_DIR: path.join(folder, "triton"),
    TORCHINDUCTOR_CACHE_DIR: path.join(folder, "inductor"),
    PYTHONDONTWRITEBYTECODE: "1",
    [markName]: mark,
  };
}

function ended(stream: Readable | null): Promise<void> {
  if (!stream || stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
  });
}
