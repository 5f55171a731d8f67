import type * as z from "zod";
import { faultOfEnding, unavailableError, unhealthyError, WorkerFaultError } from "./faults.ts";
import { healthProbe } from "./health.ts";
import { RunnerProcess } from "./process.ts";
import {
  type Request,
  replySchemas,
  type Step,
  type WorkerDevice,
  type WorkerFault,
} from "./protocol.ts";

export type ModuleImage = { path: string } | { bytes: Uint8Array };

/** For each step what it returned: the bytes of a `read`, null for all others. */
export type StepResult = { data: Uint8Array } | null;

export type RunReply =
  | { ok: true; results: StepResult[]; gpu_ms: number }
  | { ok: false; fault: WorkerFault };

export interface SessionOptions {
  python: string;
  device_index: number;
  memory_limit_bytes: number;
}

/** 64 GiB of address space for each: 2^31 float32 elements and their canaries fit many times. */
const slots = 16;
const slotBytes = 0x10_0000_0000n;
const base = 0x1000_0000_0000n;

/** A fresh machine's driver may take seconds to come up. */
const helloMs = 120_000;
const loadMs = 60_000;
const otherMs = 60_000;
const probeMs = 10_000;
/** What the runner may take longer than the limit that it keeps itself. */
const graceMs = 3_000;
/** The module that is loaded again after a restart: it is ours, not a candidate's. */
const keptModule = "judge";

type Replies = typeof replySchemas;
type Accepted<Op extends Request["op"]> = Extract<z.infer<Replies[Op]>, { ok: true }>;
type Hello = Accepted<"hello">;

/** One GPU and the process that drives it: started again, and probed again, whenever it was lost. */
export class Session {
  readonly #options: SessionOptions;
  #runner: RunnerProcess | undefined;
  #starting: Promise<RunnerProcess> | undefined;
  #hello: Hello | undefined;
  #kept: ModuleImage | undefined;
  #loaded = new Set<string>();
  #starts = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** As of the last start. */
  get hello(): { device: WorkerDevice; base: bigint; slot_bytes: bigint; guarded: boolean } {
    if (!this.#hello) throw new Error("the runner was not started");
    const { device, guarded } = this.#hello;
    return {
      device,
      guarded,
      base: BigInt(this.#hello.base),
      slot_bytes: BigInt(this.#hello.slot_bytes),
    };
  }

  /** Counted as soon as the process is lost: what was loaded and mapped is gone from then on. */
  get restarts(): number {
    const lost = this.#starts > 0 && !this.#starting && !this.alive;
    return Math.max(0, this.#starts - 1) + (lost ? 1 : 0);
  }

  get pid(): number | undefined {
    return this.#runner?.pid;
  }

  get alive(): boolean {
    return this.#runner?.alive ?? false;
  }

  /** Returns once the runner is up and the GPU healthy. Throws `gpu_unavailable`, `gpu_unhealthy`. */
  async start(): Promise<void> {
    await this.#current();
  }

  /** Throws WorkerFaultError where the module cannot be loaded. */
  async load(module: string, image: ModuleImage): Promise<{ load_ms: number; log: string }> {
    const runner = await this.#current();
    if (module === keptModule && samePath(this.#kept, image)) return { load_ms: 0, log: "" };
    const { load_ms, log } = await this.#load(runner, module, image);
    if (module === keptModule) this.#kept = image;
    else this.#loaded.add(module);
    return { load_ms, log };
  }

  async unload(module: string): Promise<void> {
    const runner = await this.#current();
    await this.#accepted(runner, { op: "unload", module }, otherMs);
    if (module === keptModule) this.#kept = undefined;
    this.#loaded.delete(module);
  }

  async run(steps: readonly Step[], timeLimitMs: number): Promise<RunReply> {
    return this.#run(await this.#current(), steps, timeLimitMs);
  }

  /** Forgets what was loaded and mapped, but for our module. */
  async clear(): Promise<void> {
    for (const module of this.#loaded) await this.unload(module);
    const unmap = (_: unknown, slot: number) => ({ do: "unmap_all", slot }) as const;
    const reply = await this.run(Array.from({ length: slots }, unmap), otherMs);
    if (!reply.ok) throw new WorkerFaultError(reply.fault);
  }

  /** Ends the process; the next request starts a fresh one. */
  async stop(): Promise<void> {
    const starting = this.#starting;
    await this.#runner?.close();
    await starting?.catch(() => {});
  }

  /** The process that there is, or a fresh one with a healthy GPU and our module in it. */
  #current(): Promise<RunnerProcess> {
    if (this.#starting) return this.#starting;
    if (this.#runner?.alive) return Promise.resolve(this.#runner);
    this.#starting = this.#started().finally(() => {
      this.#starting = undefined;
    });
    return this.#starting;
  }

  async #started(): Promise<RunnerProcess> {
    this.#starts += 1;
    await this.#runner?.close();
    const { python, device_index, memory_limit_bytes } = this.#options;
    const runner = new RunnerProcess({ python, memory_limit_bytes });
    this.#runner = runner;
    this.#loaded = new Set();
    try {
      this.#hello = await this.#greeted(runner, device_index);
      await this.#probed(runner);
      if (this.#kept) await this.#load(runner, keptModule, this.#kept);
      return runner;
    } catch (error) {
      await runner.close();
      throw error;
    }
  }

  async #greeted(runner: RunnerProcess, deviceIndex: number): Promise<Hello> {
    const place = { base: this.#hello?.base ?? base, slots, slot_bytes: slotBytes };
    const reply = await this.#ask(
      runner,
      { op: "hello", device_index: deviceIndex, ...place },
      helloMs + graceMs,
    );
    if (reply.ok) return reply;
    throw unavailableError(`${reply.fault.message}.`);
  }

  async #probed(runner: RunnerProcess): Promise<void> {
    const { base, slot_bytes } = this.hello;
    const probe = healthProbe(base + BigInt(slots) * slot_bytes, slots - 1);
    const reply = await this.#run(runner, probe.steps, probeMs, false);
    const wrong = reply.ok ? probe.check(reply.results) : reply.fault.message;
    if (wrong) throw unhealthyError(`${wrong}.`);
  }

  #load(runner: RunnerProcess, module: string, image: ModuleImage): Promise<Accepted<"load">> {
    const given = "path" in image ? { image_path: image.path } : { image_base64: image.bytes };
    return this.#accepted(
      runner,
      { op: "load", module, ...given, time_limit_ms: loadMs },
      loadMs + graceMs,
    );
  }

  async #run(
    runner: RunnerProcess,
    steps: readonly Step[],
    timeLimitMs: number,
    restart = true,
  ): Promise<RunReply> {
    const request = { op: "run", time_limit_ms: timeLimitMs, steps } as const;
    const reply = await this.#ask(runner, request, timeLimitMs + graceMs, restart);
    if (!reply.ok) return { ok: false, fault: reply.fault };
    return { ok: true, results: reply.results.map(decoded), gpu_ms: reply.gpu_ms };
  }

  async #accepted<Op extends Request["op"]>(
    runner: RunnerProcess,
    request: Extract<Request, { op: Op }>,
    limitMs: number,
  ): Promise<Accepted<Op>> {
    const reply = await this.#ask(runner, request, limitMs);
    if (!reply.ok) throw new WorkerFaultError(reply.fault);
    return reply as Accepted<Op>;
  }

  /** The runner's reply, or its end as a refusal. After either that costs the context a fresh one starts. */
  async #ask<Op extends Request["op"]>(
    runner: RunnerProcess,
    request: Extract<Request, { op: Op }>,
    limitMs: number,
    restart = true,
  ): Promise<Accepted<Op> | { ok: false; fault: WorkerFault }> {
    const answer = await runner.request(request, limitMs);
    const reply =
      answer.state === "ended"
        ? { ok: false as const, fault: faultOfEnding(answer) }
        : await checked(runner, request.op, answer.value);
    if (!reply.ok && reply.fault.exits) {
      runner.retire();
      // Not awaited: the caller has work of its own, and the next request waits for it.
      if (restart && this.#runner === runner && !this.#starting)
        void this.#current().catch(() => {});
    }
    return reply as Accepted<Op> | { ok: false; fault: WorkerFault };
  }
}

async function checked(runner: RunnerProcess, op: Request["op"], value: unknown) {
  const reply = replySchemas[op].safeParse(value);
  if (reply.success) return reply.data;
  await runner.close("broken_reply");
  const line = JSON.stringify(value).slice(0, 400);
  throw new Error(`gpu_worker's reply to ${op} does not fit: ${line}`, { cause: reply.error });
}

function decoded(result: { data: string } | { address: string } | null): StepResult {
  return result && "data" in result ? { data: Buffer.from(result.data, "base64") } : null;
}

/** Paths of our own module name its content, so that a warm runner has it already. */
function samePath(kept: ModuleImage | undefined, image: ModuleImage): boolean {
  return kept !== undefined && "path" in kept && "path" in image && kept.path === image.path;
}
