import { totalmem } from "node:os";
import * as z from "zod";
import { ToolError } from "../errors.ts";
import { withoutNetwork } from "../executors/isolation.ts";
import type { Dtype } from "../kernel/dtypes.ts";
import { packageData } from "../paths.ts";
import { type CallableEnding, CallableProcess, type Frame } from "./callable-process.ts";

export type { CallableEnding } from "./callable-process.ts";

const errorSchema = z.object({ type: z.string(), message: z.string(), where: z.string() });
const eventSchema = z.object({ kind: z.string(), what: z.string(), by_candidate: z.boolean() });
const tracesSchema = z.object({
  /** Primitives that are no longer what they were. */
  changed: z.array(z.string()),
  /** What the audit hook saw: writing, sockets, signals, looking for others' objects. */
  events: z.array(eventSchema),
  /** Python threads that run on. */
  threads: z.array(z.object({ name: z.string(), file: z.string() })),
});
const resultSchema = z.object({
  type: z.string(),
  /** Exactly torch.Tensor, no subclass of it. */
  exact: z.boolean(),
  tensor: z.boolean(),
  dtype: z.string().optional(),
  shape: z.array(z.number().int().min(0)).optional(),
  device: z.string().optional(),
  /** Arguments whose memory it lies in. */
  shares: z.array(z.string()).optional(),
  bytes: z.number().int().min(0),
});
const factsSchema = z.object({
  torch: z.string(),
  device: z.enum(["cpu", "cuda"]),
  device_name: z.string(),
  isolation: z.object({
    files_held: z.boolean(),
    files: z.string(),
    network: z.string(),
    processes: z.string(),
  }),
});
const loadedSchema = tracesSchema.extend({
  error: errorSchema.optional(),
  claims: z.array(z.object({ kind: z.string(), file: z.string() })).optional(),
});
const calledSchema = tracesSchema.partial().extend({
  error: errorSchema.optional(),
  several: z.boolean().optional(),
  results: z.array(resultSchema).optional(),
});
const censusSchema = z.object({
  error: errorSchema.optional(),
  operators: z.array(z.string()).optional(),
  kernels: z.array(z.string()).optional(),
});

export type HostFacts = z.infer<typeof factsSchema> & { network: string };
export type CallableTraces = Partial<z.infer<typeof tracesSchema>>;
export type CallableError = z.infer<typeof errorSchema>;
export type CallableResult = z.infer<typeof resultSchema> & { content: Buffer };
export type Census = z.infer<typeof censusSchema>;
export type Loaded = z.infer<typeof loadedSchema> & { state: "replied" };

/** One call's reply: facts, the results' bytes, and each buffer as the call left it. */
export interface Called extends CallableTraces {
  state: "replied";
  error?: CallableError | undefined;
  /** Where the arguments are. */
  device: HostFacts["device"];
  /** A tuple or a list came back. */
  several: boolean;
  results: CallableResult[];
  buffers: Buffer[];
}

/** A tensor over a flat buffer of `content`. Element counts are of `dtype`. */
export interface CallableBuffer {
  name: string;
  dtype: Dtype;
  shape: readonly number[];
  stride: readonly number[];
  first_element: number;
  content: Uint8Array;
}

export interface CallRequest {
  /** Buffers of one slot keep their addresses. */
  slot: string;
  /** Makes new buffers; otherwise the slot's own get the new content. */
  fresh: boolean;
  buffers: readonly CallableBuffer[];
  /** Values of the words that are numbers. */
  numbers: Readonly<Record<string, number>>;
  /** Words that are None. */
  absent: readonly string[];
  /** How large the result is: freed memory of this size is poisoned before the call. */
  out_bytes: number;
  stream?: "current" | "side";
  /** Whether the content is still on its way, behind a delay in the same stream. */
  delayed?: boolean;
}

export interface CallableHostOptions {
  python: string;
  workspace: string;
  /** Longest time that a request may take. */
  time_limit_ms: number;
  /** Do not use a GPU. */
  force_cpu?: boolean;
  most_memory_bytes?: number;
  signal: AbortSignal;
}

/** Importing torch, and making a CUDA context, on a slow disk. */
const startTimeoutMs = 180_000;
const mostMemoryBytes = 32 * 1024 ** 3;

/**
 * A process that imports torch once and calls one candidate as often as asked. Every reply is what
 * the candidate's process says: what is right is decided by who asks.
 */
export class CallableHost {
  readonly facts: HostFacts;
  readonly #process: CallableProcess;
  readonly #options: CallableHostOptions;

  private constructor(process: CallableProcess, facts: HostFacts, options: CallableHostOptions) {
    this.#process = process;
    this.facts = facts;
    this.#options = options;
  }

  /** Throws ToolError `prerequisite_missing` where torch cannot be imported, and `cancelled`. */
  static async start(options: CallableHostOptions): Promise<CallableHost> {
    const { python, workspace, signal } = options;
    const host = packageData("tools", "worker", "callable_host");
    const { argv, isolated, how } = await withoutNetwork([python, "-B", host]);
    const most_memory_bytes =
      options.most_memory_bytes ?? Math.min(Math.floor(totalmem() / 2), mostMemoryBytes);
    const process = new CallableProcess({ argv, most_memory_bytes, signal });
    const { folder } = process;
    const force_cpu = options.force_cpu ?? false;
    const hello = { op: "hello", folder, workspace, force_cpu, most_memory_bytes };
    const reply = await process.request(JSON.stringify(hello), [], startTimeoutMs);
    if ("state" in reply) throw notStarted(reply, python);
    const facts = factsSchema.parse(JSON.parse(reply.text));
    const network = isolated ? `no network (${how})` : facts.isolation.network;
    return new CallableHost(process, { ...facts, network }, options);
  }

  /** Imports the candidate. `own`: its source lies in the workspace. */
  async load(request: {
    module: string;
    file: string | undefined;
    function: string;
    signature: string;
    signature_name: string;
    own: boolean;
  }): Promise<Loaded | CallableEnding> {
    const reply = await this.#ask({ op: "load", ...request });
    if ("state" in reply) return reply;
    return asReply(loadedSchema, reply.text, (parsed) => ({ state: "replied", ...parsed }));
  }

  async call(request: CallRequest): Promise<Called | CallableEnding> {
    const { buffers, fresh, slot, numbers, absent, out_bytes } = request;
    const described = buffers.map(({ content, ...one }) => ({ ...one, bytes: content.length }));
    const contents = buffers.map(({ content }) => content);
    const asked = {
      op: "call",
      slot,
      numbers,
      absent,
      out_bytes,
      stream: request.stream ?? "current",
      delayed: request.delayed ?? false,
      ...(fresh ? { buffers: described } : {}),
    };
    const reply = await this.#ask(asked, contents);
    return "state" in reply ? reply : called(reply, contents, this.facts.device);
  }

  /** An earlier call of the slot, once everything has come to its end. */
  async recall(request: CallRequest): Promise<Called | CallableEnding> {
    const reply = await this.#ask({ op: "recall", slot: request.slot });
    if ("state" in reply) return reply;
    const sent = request.buffers.map(({ content }) => content);
    return called(reply, sent, this.facts.device);
  }

  /** Which operators of torch a call in the slot runs. */
  async census({ slot, numbers, absent }: CallRequest): Promise<Census | CallableEnding> {
    const reply = await this.#ask({ op: "census", slot, numbers, absent });
    return "state" in reply ? reply : asReply(censusSchema, reply.text, (parsed) => parsed);
  }

  async drop(slot: string): Promise<void> {
    await this.#ask({ op: "drop", slot });
  }

  /** Ends the process and all that it started. Safe to call twice. */
  async close(): Promise<void> {
    await this.#process.close();
  }

  #ask(request: Record<string, unknown>, data: readonly Uint8Array[] = []) {
    return this.#process.request(JSON.stringify(request), data, this.#options.time_limit_ms);
  }
}

function called(
  { text, data }: Frame,
  sent: readonly Uint8Array[],
  device: HostFacts["device"],
): Called | CallableEnding {
  return asReply(calledSchema, text, (parsed) => {
    const { results = [], several = false, ...rest } = parsed;
    const known = { state: "replied" as const, ...rest, device, several };
    if (rest.error) return { ...known, results: [], buffers: [] };
    let start = 0;
    const take = (bytes: number) => {
      start += bytes;
      if (start > data.length) throw new RangeError("the reply is shorter than it says");
      // A copy: elements of four bytes are looked at in place, at addresses that they divide.
      return Buffer.from(data.subarray(start - bytes, start));
    };
    const buffers = sent.map(({ length }) => take(length));
    const filled = results.map((one) => ({ ...one, content: take(one.bytes) }));
    return { ...known, results: filled, buffers };
  });
}

/** A reply in no form of ours was not written by us. */
function asReply<Parsed, Reply>(
  schema: z.ZodType<Parsed>,
  text: string,
  finish: (parsed: Parsed) => Reply,
): Reply | CallableEnding {
  try {
    return finish(schema.parse(JSON.parse(text)));
  } catch (error) {
    const output = `a reply that is none: ${(error as Error).message.slice(0, 200)}`;
    return { state: "ended", cause: "forged", exit_code: null, signal: null, output };
  }
}

function notStarted(ending: CallableEnding, python: string): ToolError {
  if (ending.cause === "cancelled") {
    return new ToolError(
      "cancelled",
      "Cancelled while torch was being imported.",
      "Make the same call again.",
    );
  }
  const said = ending.output.trim().split("\n").at(-1) ?? "";
  const how = ending.cause === "exited" ? `exit code ${ending.exit_code}` : ending.cause;
  return new ToolError(
    "prerequisite_missing",
    `${python} cannot run torch (${how}): ${said.slice(0, 300)}`,
    `Run: ${python} -c "import torch". Mend what it says, then make the same call again.`,
  );
}
