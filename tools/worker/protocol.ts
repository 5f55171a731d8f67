// What the worker client and gpu_worker/*.py say to each other: one JSON object a line, each way.
//
// The runner knows memory, modules, launches, graphs and time limits, and nothing of norms. It
// refuses what is not written here: unknown keys, wrong types, addresses outside of its slots.
import * as z from "zod";

/** An address or a size of address space: a decimal or 0x string of 64 bits; bigint in TypeScript. */
const u64 = z.union([
  z.string().regex(/^(0x[0-9a-fA-F]{1,16}|[0-9]{1,20})$/u),
  z.bigint().transform((value) => `0x${value.toString(16)}`),
]);
/** base64 on the line; bytes in TypeScript. */
const data = z.union([
  z.string(),
  z.custom<Uint8Array>((value) => value instanceof Uint8Array).transform((bytes) => base64(bytes)),
]);
const bytes = z.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const u32 = z.number().int().min(1).max(0xffff_ffff);
const triple = z.tuple([u32, u32, u32]).readonly();
/** "call" and "side" do not wait for the default stream, nor it for them. */
const stream = z.enum(["call", "default", "side"]);
const name = z.string().min(1).max(4096);

const launch = z.strictObject({
  do: z.literal("launch"),
  /** What `load` named; "runner" is the runner's own (kw_runner_probe, kw_runner_delay). */
  module: name,
  kernel: name,
  grid: triple,
  block: triple,
  cluster: triple.optional(),
  dynamic_shared_bytes: z.number().int().min(0).max(0x7fff_ffff),
  /** The value of each kernel parameter. Count and sizes must be the kernel's. */
  params: z.array(data).readonly(),
  stream: stream.optional(),
  cooperative: z.boolean().optional(),
  programmatic_stream_serialization: z.boolean().optional(),
});
/** The pattern is a number of 8, 16 or 32 bits in hex, as it is written: "7fc0" is a bfloat16 NaN. */
const fill = z.strictObject({
  do: z.literal("fill"),
  address: u64,
  bytes,
  pattern: z.string().regex(/^([0-9a-f]{2}|[0-9a-f]{4}|[0-9a-f]{8})$/iu),
  stream: stream.optional(),
});
const copy = z.strictObject({
  do: z.literal("copy"),
  to: u64,
  from: u64,
  bytes,
  stream: stream.optional(),
});
const upload = z.strictObject({
  do: z.literal("upload"),
  address: u64,
  data,
  stream: stream.optional(),
});
/** A kernel that spins: what comes later on that stream is late. At most 10 s. */
const delay = z.strictObject({
  do: z.literal("delay"),
  microseconds: z.number().int().min(0).max(10_000_000),
  stream: stream.optional(),
});
/** What comes later on `stream` waits for what is on `for` now. */
const wait = z.strictObject({ do: z.literal("wait"), stream, for: stream });

const capturable = z.discriminatedUnion("do", [launch, fill, copy, upload, delay, wait]);

/**
 * One thing to do. Steps are queued on their stream ("call" where none is named) in their order;
 * `map`, `unmap_all`, `read`, `synchronize` and the end of the run wait. A fault of the device shows
 * at the first step that waits after it: put a `synchronize` behind a launch to know that it was that.
 */
export const stepSchema = z.discriminatedUnion("do", [
  ...capturable.options,
  /**
   * Backs a range of one slot with memory, in granules of 2 MiB. What is backed already stays as it
   * is. The first granule of a slot is never backed: it is the guard of the slot before.
   */
  z.strictObject({ do: z.literal("map"), address: u64, bytes }),
  z.strictObject({ do: z.literal("unmap_all"), slot: z.number().int().min(0) }),
  /** With `plain_allocations` only: memory of exactly that size, never written; returns `{address}`. */
  z.strictObject({ do: z.literal("allocate"), label: z.string().min(1).max(64), bytes }),
  /** Gives back all that `allocate` gave. */
  z.strictObject({ do: z.literal("free_all") }),
  /** What is there once the stream's earlier work is done. At most 64 MiB in one run. */
  z.strictObject({ do: z.literal("read"), address: u64, bytes, stream: stream.optional() }),
  /** Waits for one stream, or for all three. */
  z.strictObject({ do: z.literal("synchronize"), stream: stream.optional() }),
  /** The steps become a graph, captured on "call"; the name may be used again. `load` drops all graphs. */
  z.strictObject({
    do: z.literal("capture"),
    name: z.string().min(1).max(64),
    steps: z.array(capturable).readonly(),
  }),
  z.strictObject({
    do: z.literal("replay"),
    name: z.string().min(1).max(64),
    times: z.number().int().min(1).max(1_000_000).optional(),
  }),
]);

/** A step as TypeScript writes it: addresses may be bigint and data Uint8Array. */
export type Step = z.input<typeof stepSchema>;

const timeLimit = z.number().int().min(1).max(600_000);

export const requestSchema = z.discriminatedUnion("op", [
  z.strictObject({
    op: z.literal("hello"),
    device_index: z.number().int().min(0),
    base: u64,
    slots: z.number().int().min(1).max(64),
    slot_bytes: u64,
    /** For a runner under compute-sanitizer: no slots (the three above are not used), `allocate` instead. */
    plain_allocations: z.boolean().optional(),
  }),
  z.strictObject({
    op: z.literal("load"),
    module: z.string().min(1).max(64),
    image_path: z.string().optional(),
    image_base64: data.optional(),
    time_limit_ms: timeLimit.optional(),
  }),
  z.strictObject({
    op: z.literal("run"),
    time_limit_ms: timeLimit,
    steps: z.array(stepSchema).readonly(),
  }),
  z.strictObject({ op: z.literal("unload"), module: z.string().min(1).max(64) }),
  z.strictObject({ op: z.literal("bye") }),
]);

export type Request = z.input<typeof requestSchema>;

/**
 * A request as its line, what `requestSchema` makes of it. Not through the schema, which takes 30 us a
 * step: the runner refuses what is wrong, and a run may have a thousand steps.
 */
export function encodeRequest(id: number, request: Request): string {
  return `${JSON.stringify({ id, ...request }, asWritten)}\n`;
}

/** `this[key]` is the value before Buffer's own toJSON. */
function asWritten(this: Record<string, unknown>, key: string, value: unknown): unknown {
  const given = this[key];
  if (typeof given === "bigint") return `0x${given.toString(16)}`;
  return given instanceof Uint8Array ? base64(given) : value;
}

export const faultKinds = [
  "illegal_address",
  "misaligned_address",
  /** `trap`, an assert, an illegal instruction, or what the driver calls an unspecified launch failure. */
  "trap",
  "timed_out",
  /** With the driver's own name of the error. */
  "launch_failed",
  "out_of_memory",
  "bad_request",
  "module_load_failed",
  /** Only in answer to `hello`: no driver, no such GPU, or a driver that is too old. */
  "gpu_unavailable",
  /** The runner itself: it was killed, took too much memory, or has a bug. Nothing is known of the kernel. */
  "runner_failed",
  /** Said by the client: an earlier request ended the runner before this one began. */
  "not_run",
] as const;

const faultSchema = z.object({
  kind: z.enum(faultKinds),
  /** Index of the step at which it showed; inside of a capture that of the capture. */
  step: z.number().int().nullable(),
  message: z.string(),
  /** The context is lost: the runner ends after this reply. */
  exits: z.boolean(),
});

export type WorkerFault = z.infer<typeof faultSchema>;

const deviceSchema = z.object({
  index: z.number().int(),
  name: z.string(),
  uuid: z.string(),
  compute_capability: z.string(),
  sms: z.number().int(),
  l2_bytes: z.number().int(),
  memory_bytes: z.number().int(),
  memory_free_bytes: z.number().int(),
  driver_version: z.string().nullable(),
  /** The newest CUDA that the driver serves: "13.0". */
  cuda_driver_version: z.string(),
});

/** What the driver says of the GPU at the start of the runner. */
export type WorkerDevice = z.infer<typeof deviceSchema>;

const refusal = z.object({
  id: z.number().int().nullable(),
  ok: z.literal(false),
  fault: faultSchema,
});
const accepted = { id: z.number().int(), ok: z.literal(true) };

/** By the request's `op`. */
export const replySchemas = {
  hello: z.union([
    z.object({
      ...accepted,
      device: deviceSchema,
      base: u64,
      slots: z.number().int(),
      slot_bytes: u64,
      guarded: z.boolean(),
      pid: z.number().int(),
    }),
    refusal,
  ]),
  load: z.union([z.object({ ...accepted, load_ms: z.number(), log: z.string() }), refusal]),
  run: z.union([
    z.object({
      ...accepted,
      /** One for each step: null where it returns nothing, base64 of a `read`, the place of an `allocate`. */
      results: z.array(
        z.union([z.object({ data: z.string() }), z.object({ address: u64 })]).nullable(),
      ),
      /** On the device, from the first to the last of the run. */
      gpu_ms: z.number(),
    }),
    refusal,
  ]),
  unload: z.union([z.object(accepted), refusal]),
  bye: z.union([z.object(accepted), refusal]),
} as const;

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
