import { cancelledError } from "./faults.ts";
import type { Step, WorkerDevice } from "./protocol.ts";
import { type ModuleImage, type RunReply, Session } from "./session.ts";

export { WorkerFaultError } from "./faults.ts";
export type { Step, WorkerDevice, WorkerFault } from "./protocol.ts";
export type { ModuleImage, RunReply, StepResult } from "./session.ts";

export interface GpuWorkerOptions {
  python: string;
  device_index: number;
  signal: AbortSignal;
  /** Resident host memory of the runner; default 8 GiB. */
  memory_limit_bytes?: number;
}

/**
 * One GPU, driven by a process of its own. After a fault that costs the context, and after the end of
 * the process for whatever reason, a fresh one is started and probed, and the module "judge" is
 * loaded again; other modules, memory and graphs are gone then.
 *
 * When the signal fires the process is ended and every waiting call throws `cancelled`.
 */
export class GpuWorker {
  readonly #session: Session;
  readonly #signal: AbortSignal;
  readonly #release: () => Promise<void>;
  readonly #restartsBefore: number;
  readonly #abort = () => void this.#session.stop().then(() => this.close());
  #closed: Promise<void> | undefined;

  constructor(session: Session, signal: AbortSignal, release: () => Promise<void>) {
    this.#session = session;
    this.#signal = signal;
    this.#release = release;
    this.#restartsBefore = session.restarts;
    signal.addEventListener("abort", this.#abort, { once: true });
  }

  /** Throws ToolError `gpu_unavailable` with what the driver said, `gpu_unhealthy`, `cancelled`. */
  static async start(options: GpuWorkerOptions): Promise<GpuWorker> {
    const session = newSession(options);
    await startSession(session, options.signal);
    return new GpuWorker(session, options.signal, () => session.stop());
  }

  get device(): WorkerDevice {
    return this.#session.hello.device;
  }

  /** Where slot 0 begins. The same after a restart, wherever the driver allows. */
  get base(): bigint {
    return this.#session.hello.base;
  }

  get slot_bytes(): bigint {
    return this.#session.hello.slot_bytes;
  }

  /** False where accesses beyond a buffer do not fault: the driver cannot manage address space. */
  get guarded(): boolean {
    return this.#session.hello.guarded;
  }

  /** How often a fresh process was needed since this worker was handed out. */
  get restarts(): number {
    return this.#session.restarts - this.#restartsBefore;
  }

  /** Process id of the runner. */
  get pid(): number | undefined {
    return this.#session.pid;
  }

  /**
   * Loads PTX, a cubin or a fat binary; one of the same name is replaced, its globals too.
   * Throws WorkerFaultError with the driver's words where that fails.
   */
  async load(module: string, image: ModuleImage): Promise<{ load_ms: number; log: string }> {
    this.#requireOpen();
    return this.#session.load(module, image);
  }

  async unload(module: string): Promise<void> {
    this.#requireOpen();
    await this.#session.unload(module);
  }

  /**
   * Does the steps in order. Faults of kernels, of memory and of time are results. Calls may be made
   * before earlier ones have returned; what stands behind one that costs the context is `not_run`.
   */
  async run(steps: readonly Step[], options: { time_limit_ms: number }): Promise<RunReply> {
    this.#requireOpen();
    return this.#session.run(steps, options.time_limit_ms);
  }

  /** Ends the process, or hands a shared one on. Safe to call twice. */
  close(): Promise<void> {
    this.#signal.removeEventListener("abort", this.#abort);
    this.#closed ??= this.#release();
    return this.#closed;
  }

  #requireOpen(): void {
    if (this.#signal.aborted) throw cancelledError();
    if (this.#closed) throw new Error("GpuWorker used after close");
  }
}

/** A warm session: who holds it, who waits for it, and when it is given up. */
interface Shared {
  session: Session;
  /** Resolves when whoever came last has handed it on. */
  last: Promise<void>;
  idleTimer: NodeJS.Timeout | undefined;
}

const sharedSessions = new Map<string, Shared>();
const idleMs = 5 * 60_000;

/**
 * The worker of this process for one GPU: started once, handed to one caller at a time, kept warm in
 * between, ended after five idle minutes and at our exit. `close` hands it on; the memory is unmapped
 * by then. It does not keep the process alive. Throws what GpuWorker.start throws.
 */
export async function sharedWorker(
  options: GpuWorkerOptions,
  idle: { idle_ms: number } = { idle_ms: idleMs },
): Promise<GpuWorker> {
  const key = `${options.python}\n${options.device_index}`;
  const shared = sharedSessions.get(key) ?? {
    session: newSession(options),
    last: Promise.resolve(),
    idleTimer: undefined,
  };
  sharedSessions.set(key, shared);
  const before = shared.last;
  let handOn = () => {};
  shared.last = new Promise((resolve) => {
    handOn = resolve;
  });
  try {
    await turn(before, options.signal);
    clearTimeout(shared.idleTimer);
    await startSession(shared.session, options.signal);
  } catch (error) {
    // Whoever waits behind us must still wait for those before us.
    void before.then(handOn);
    throw error;
  }
  return new GpuWorker(shared.session, options.signal, async () => {
    await cleared(shared.session);
    shared.idleTimer = setTimeout(() => void shared.session.stop(), idle.idle_ms).unref();
    handOn();
  });
}

function newSession(options: GpuWorkerOptions): Session {
  const { python, device_index, memory_limit_bytes = 8 * 1024 ** 3 } = options;
  return new Session({ python, device_index, memory_limit_bytes });
}

async function startSession(session: Session, signal: AbortSignal): Promise<void> {
  if (signal.aborted) throw cancelledError();
  const abort = () => void session.stop();
  signal.addEventListener("abort", abort, { once: true });
  try {
    await session.start();
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

function turn(before: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(cancelledError());
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort, { once: true });
    void before.then(() => {
      signal.removeEventListener("abort", abort);
      resolve();
    });
  });
}

/** What one caller left does not reach the next. A runner that is gone holds nothing. */
async function cleared(session: Session): Promise<void> {
  if (session.alive) await session.clear().catch(() => session.stop());
}
