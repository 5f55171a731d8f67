import { realpath } from "node:fs/promises";
import type { DeviceLimits } from "../gpu/devices.ts";
import { byteReader, byteWriter } from "./bytes.ts";
import { endingError, type FailureContext, refusalError, unreadableRecord } from "./failures.ts";
import { checkLibrary } from "./library.ts";
import { type Arena, type KernelFacts, loadRequest } from "./load-request.ts";
import { replyKind, requestKind, StandInProcess } from "./process.ts";
import { callStream, type RecordedCall, readRecording } from "./recording.ts";
import { standInRuntime } from "./runtime.ts";
import { type Isolation, readIsolation } from "./sandbox.ts";

export { type Arena, defaultArena, type KernelFacts } from "./load-request.ts";
export type {
  LaunchAttributes,
  RecordedCall,
  RecordedLaunch,
  RecordedOperation,
  RefusedLaunch,
} from "./recording.ts";
export { callStream } from "./recording.ts";
export { type Isolation, renderIsolation } from "./sandbox.ts";

export interface RecorderOptions {
  /** The project's library, linked -cudart none. */
  library: string;
  /** extern "C" int entry(const void *args, cudaStream_t stream) */
  entry: string;
  /** The device whose limits the host code is told. */
  device: DeviceLimits;
  kernels: readonly KernelFacts[];
  signal: AbortSignal;
  /** Per call, and for loading the library. */
  timeoutMs: number;
  arena?: Arena;
}

/**
 * Runs a library's host code against the stand-in runtime, in a process of its own, and returns
 * what it asked of the device. Nothing is executed on a device.
 *
 * The process lives from call to call, so that what the host code keeps in static variables behaves
 * as in production; the last CUDA error is cleared before each call. A call that crashes, exits or
 * does not return fails alone: the next one starts a fresh process.
 */
export class Recorder {
  readonly #options: RecorderOptions;
  readonly #executable: string;
  readonly #failures: FailureContext;
  #process: StandInProcess | undefined;
  #isolation: Isolation = { calls: false, files: false };
  #queue: Promise<unknown> = Promise.resolve();
  #closed = false;

  private constructor(options: RecorderOptions, executable: string, missing: readonly string[]) {
    this.#options = options;
    this.#executable = executable;
    this.#failures = { entry: options.entry, timeoutMs: options.timeoutMs, missing };
  }

  /**
   * Checks the library and loads it. Throws ToolError `recording_failed` for one that cannot be
   * recorded (named: a runtime of its own, a missing entry point, an unsupported call while it loads),
   * `timed_out`, `cancelled`, and `prerequisite_missing` without a C compiler.
   */
  static async start(options: RecorderOptions): Promise<Recorder> {
    const runtime = await standInRuntime();
    const missing = await checkLibrary(options.library, options.entry, runtime.provided);
    const library = await realpath(options.library);
    const recorder = new Recorder({ ...options, library }, runtime.executable, missing);
    await recorder.#loaded();
    return recorder;
  }

  /** What the kernel of this machine keeps the host code from. */
  get isolation(): Isolation {
    return this.#isolation;
  }

  /**
   * Calls the entry point with `args` as the bytes of its struct, on `callStream`. Calls queue.
   * Throws RecordingFailure (`recording_failed` or `timed_out`), whose reason says whether the host
   * code is at fault, and ToolError `cancelled`; a code that the entry point returns is a result.
   */
  call(args: Uint8Array): Promise<RecordedCall> {
    const call = this.#queue.then(() => this.#call(args));
    this.#queue = call.catch(() => {});
    return call;
  }

  /** Ends the process. Safe to call twice. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#process?.close();
    this.#process = undefined;
  }

  async #call(args: Uint8Array): Promise<RecordedCall> {
    if (this.#closed) throw new Error("Recorder.call after close");
    const process = await this.#loaded();
    const request = byteWriter();
    request.u64(callStream);
    request.blob(args);
    const payload = await this.#request(process, requestKind.call, request.finish());
    try {
      return readRecording(payload);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      await this.#discard(process);
      throw unreadableRecord(error);
    }
  }

  /** The process with the library in it: the one that there is, or a fresh one. */
  async #loaded(): Promise<StandInProcess> {
    if (this.#process?.alive) return this.#process;
    await this.#process?.close();
    const process = new StandInProcess(this.#executable, this.#options.signal);
    this.#process = process;
    const loaded = await this.#request(process, requestKind.load, loadRequest(this.#options));
    this.#isolation = readIsolation(loaded);
    return process;
  }

  async #request(process: StandInProcess, kind: number, payload: Buffer): Promise<Buffer> {
    const answer = await process.request(kind, payload, this.#options.timeoutMs);
    if (answer.state === "replied" && answer.kind !== replyKind.refused) return answer.payload;
    await this.#discard(process);
    if (answer.state === "ended") {
      throw endingError(answer, { ...this.#failures, loading: kind === requestKind.load });
    }
    const refusal = byteReader(answer.payload);
    throw refusalError(refusal.u32(), refusal.text());
  }

  async #discard(process: StandInProcess): Promise<void> {
    await process.close();
    if (this.#process === process) this.#process = undefined;
  }
}
