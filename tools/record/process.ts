import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Duplex, Readable } from "node:stream";
import { scrubbedEnvironment } from "../executors/environment.ts";
import { killProcessGroup } from "../executors/local.ts";
import { byteReader, receivedBytes } from "./bytes.ts";

/** Numbered as in stand_in/stand_in.h. */
export const requestKind = { load: 1, call: 2 } as const;
export const replyKind = { loaded: 1, recorded: 2, refused: 3, crashed: 4, forbidden: 5 } as const;

export interface Reply {
  state: "replied";
  kind: number;
  payload: Buffer;
}

/** A system call that the sandbox trapped, and that ended the process. */
export interface ForbiddenCall {
  what: "opens_file" | "changes_files" | "network" | "processes" | "stops_itself";
  /** Its name: "openat". */
  system_call: string;
  /** What it was to open, change or start; empty for calls without one. */
  path: string;
}

/** Numbered as enum Forbidden in stand_in/stand_in.h. */
const forbiddenKinds: Readonly<Record<number, ForbiddenCall["what"]>> = {
  1: "opens_file",
  2: "changes_files",
  3: "network",
  4: "processes",
  5: "stops_itself",
};

/** Why a process gave no reply. It and its children are dead by then. */
export interface Ending {
  state: "ended";
  cause: "exited" | "not_started" | "timed_out" | "cancelled" | "forged" | "disconnected";
  exit_code: number | null;
  signal: NodeJS.Signals | null;
  /** The address of a memory fault, where the process could still tell. */
  fault_address?: bigint;
  forbidden?: ForbiddenCall;
  /** The end of what it printed. */
  output: string;
}

const headerBytes = 16;
const mostReplyBytes = 128 * 1024 * 1024;
const keptOutputBytes = 8 * 1024;
/** After the end of the process its pipes may still hold a reply, or be held open by a grandchild. */
const drainMs = 200;

/** Process group and folder of what runs now: both go when this process does. */
const live = new Map<number, string>();
process.on("exit", () => {
  for (const [pid, folder] of live) {
    killProcessGroup(pid);
    rmSync(folder, { recursive: true, force: true });
  }
});

/** One process of the stand-in runtime, in a group, an environment and an empty folder of its own. */
export class StandInProcess {
  readonly #child: ChildProcess;
  readonly #requests: Duplex;
  readonly #replies: Readable;
  readonly #folder: string;
  readonly #whenEnded: Promise<void>;
  readonly #signal: AbortSignal;
  readonly #received = receivedBytes();
  #output = "";
  #faultAddress: bigint | undefined;
  #forbidden: ForbiddenCall | undefined;
  #cause: Ending["cause"] | undefined;
  #waiting: { nonce: bigint; resolve: (reply: Reply) => void } | undefined;

  constructor(executable: string, signal: AbortSignal) {
    this.#folder = mkdtempSync(path.join(tmpdir(), "kernelwright-record-"));
    this.#signal = signal;
    this.#child = spawn(executable, [], {
      cwd: this.#folder,
      env: scrubbedEnvironment(),
      detached: true,
      // Requests and replies have descriptors of their own: the host code may print what it likes.
      stdio: ["ignore", "ignore", "pipe", "pipe", "pipe"],
    });
    this.#requests = this.#child.stdio[3] as Duplex;
    this.#replies = this.#child.stdio[4] as Duplex;
    if (this.#child.pid !== undefined) live.set(this.#child.pid, this.#folder);
    this.#watch();
    this.#whenEnded = this.#ended();
  }

  /** False once the process is gone or is being ended. */
  get alive(): boolean {
    return this.#cause === undefined;
  }

  /** Sends one request and waits for its reply, or for the end of the process. */
  async request(kind: number, payload: Buffer, timeoutMs: number): Promise<Reply | Ending> {
    const nonce = randomBytes(8).readBigUInt64LE();
    const header = Buffer.alloc(headerBytes);
    header.writeUInt32LE(payload.length, 0);
    header.writeUInt32LE(kind, 4);
    header.writeBigUInt64LE(nonce, 8);
    const replied = new Promise<Reply>((resolve) => {
      this.#waiting = { nonce, resolve };
    });
    const timer = setTimeout(() => this.#end("timed_out"), timeoutMs);
    const cancel = () => this.#end("cancelled");
    if (this.#signal.aborted) cancel();
    this.#signal.addEventListener("abort", cancel, { once: true });
    try {
      this.#requests.write(header);
      this.#requests.write(payload);
      return await Promise.race([replied, this.#whenEnded.then(() => this.#ending())]);
    } finally {
      clearTimeout(timer);
      this.#signal.removeEventListener("abort", cancel);
      this.#waiting = undefined;
    }
  }

  /** Ends the process and its children. Safe to call twice. */
  async close(): Promise<void> {
    this.#end("cancelled");
    await this.#whenEnded;
  }

  #watch(): void {
    for (const stream of [this.#requests, this.#replies, this.#child.stderr]) {
      // A broken pipe is the end of the process, which is seen elsewhere.
      stream?.on("error", () => {});
    }
    this.#replies.on("data", (chunk: Buffer) => this.#receive(chunk));
    this.#replies.on("end", () => {
      // The other end is closed. Unless the process is going, the host code did that.
      setTimeout(() => this.#end("disconnected"), drainMs).unref();
    });
    this.#child.stderr?.on("data", (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString("utf8")).slice(-keptOutputBytes);
    });
  }

  #ended(): Promise<void> {
    return new Promise((resolve) => {
      const finish = () => {
        this.#cause ??= "exited";
        const drained = Promise.all([ended(this.#replies), ended(this.#child.stderr)]);
        const patience = new Promise((done) => setTimeout(done, drainMs));
        killProcessGroup(this.#child.pid);
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
    if (this.#child.pid !== undefined) live.delete(this.#child.pid);
    for (const stream of [this.#requests, this.#replies, this.#child.stderr]) stream?.destroy();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #end(cause: Ending["cause"]): void {
    if (this.#cause !== undefined) return;
    this.#cause = cause;
    killProcessGroup(this.#child.pid);
  }

  #ending(): Ending {
    return {
      state: "ended",
      cause: this.#cause ?? "exited",
      exit_code: this.#child.exitCode,
      signal: this.#child.signalCode,
      ...(this.#faultAddress === undefined ? {} : { fault_address: this.#faultAddress }),
      ...(this.#forbidden === undefined ? {} : { forbidden: this.#forbidden }),
      output: this.#output,
    };
  }

  #receive(chunk: Buffer): void {
    this.#received.add(chunk);
    for (;;) {
      const header = this.#received.peek(headerBytes);
      if (!header) return;
      const size = header.readUInt32LE(0);
      const kind = header.readUInt32LE(4);
      // Only a reply to what was asked counts: anything else was written by the host code.
      if (header.readBigUInt64LE(8) !== this.#waiting?.nonce || size > mostReplyBytes) {
        this.#replies.pause();
        this.#end("forged");
        return;
      }
      const frame = this.#received.peek(headerBytes + size);
      if (!frame) return;
      this.#received.drop(headerBytes + size);
      this.#reply(kind, frame.subarray(headerBytes));
    }
  }

  #reply(kind: number, payload: Buffer): void {
    if (kind === replyKind.crashed) {
      this.#faultAddress = payload.length >= 12 ? payload.readBigUInt64LE(4) : undefined;
      return;
    }
    if (kind === replyKind.forbidden) {
      this.#forbidden = readForbidden(payload);
      return;
    }
    this.#waiting?.resolve({ state: "replied", kind, payload });
    this.#waiting = undefined;
  }
}

/** What the host code may have written itself: anything may be in it. */
function readForbidden(payload: Buffer): ForbiddenCall | undefined {
  try {
    const reply = byteReader(payload);
    const what = forbiddenKinds[reply.u32()];
    return what && { what, system_call: reply.text(), path: reply.text() };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return undefined;
  }
}

function ended(stream: Readable | null): Promise<void> {
  if (!stream || stream.readableEnded || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("end", resolve);
    stream.once("close", resolve);
  });
}
