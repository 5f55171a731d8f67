import { type ByteReader, byteReader } from "./bytes.ts";

type Triple = [number, number, number];

/** One launch that the chosen device would accept. */
export interface RecordedLaunch {
  /** The mangled name, as in the library's PTX. */
  kernel: string;
  grid: Triple;
  block: Triple;
  /** Left out where the launch asks for none. */
  cluster?: Triple;
  dynamic_shared_bytes: number;
  /** The value of each kernel parameter, copied when the launch was made. */
  params: Uint8Array[];
  /** `callStream`, 0 for the default stream, or one that the host code created. */
  stream: bigint;
  attributes: LaunchAttributes;
}

export interface LaunchAttributes {
  cooperative: boolean;
  programmatic_stream_serialization: boolean;
  priority?: number;
  /** Given attributes that steer caches, scheduling or memory domains, never a result. */
  hints: string[];
}

/** A launch that the chosen device would refuse, with the code that the host code was given. */
export interface RefusedLaunch extends Omit<RecordedLaunch, "params"> {
  result: number;
  result_name: string;
  reason: string;
}

/** What the host code asked of the device, in the order in which it asked. */
export type RecordedOperation =
  | ({ kind: "launch" } & RecordedLaunch)
  | ({ kind: "refused_launch" } & RefusedLaunch)
  | ({ kind: "memset"; address: bigint; value: number; bytes: number } & MemoryWork)
  | ({ kind: "copy"; to: bigint; from: bigint; bytes: number } & MemoryWork)
  | ({ kind: "upload"; to: bigint; data: Uint8Array } & MemoryWork)
  | ({ kind: "alloc"; address: bigint; bytes: number } & MemoryWork)
  | ({ kind: "free"; address: bigint } & MemoryWork)
  | { kind: "synchronize"; what: "device" | "stream_or_event"; handle: bigint }
  | { kind: "record_event" | "wait_event"; event: bigint; stream: bigint };

export interface MemoryWork {
  stream: bigint;
  /** Asked for by cudaMalloc, cudaFree, cudaMemset or cudaMemcpy, not by their stream-ordered forms. */
  blocking?: true;
}

export interface RecordedCall {
  /** The cudaError_t that the entry point returned. */
  result: number;
  result_name: string;
  /** The accepted launches alone, in order. */
  launches: RecordedLaunch[];
  operations: RecordedOperation[];
}

/** The stream that the entry point is called with. It is not the default stream, and nothing is behind it. */
export const callStream = 0x5354524541000008n;

/** Reads what stand_in/main.c sends after a call. Throws RangeError where it is broken. */
export function readRecording(payload: Buffer): RecordedCall {
  const reply = byteReader(payload);
  const result = reply.i32();
  const resultName = reply.text();
  const count = reply.u32();
  const record = byteReader(Buffer.from(reply.blob()));
  // Each takes more than a byte: nothing is allocated for a count that cannot be.
  if (count > payload.length) throw new RangeError(`${count} operations`);
  const operations = Array.from({ length: count }, () => readOperation(record));
  return {
    result,
    result_name: resultName,
    launches: operations.flatMap((operation) => {
      if (operation.kind !== "launch") return [];
      const { kind: _, ...launch } = operation;
      return [launch];
    }),
    operations,
  };
}

/** Numbered as enum Operation in stand_in/stand_in.h. */
const readers: Readonly<Record<number, (record: ByteReader) => RecordedOperation>> = {
  1: (record) => ({ kind: "launch", ...readShape(record), params: readParams(record) }),
  2: (record) => ({
    kind: "refused_launch",
    ...readShape(record),
    result: record.i32(),
    result_name: record.text(),
    reason: record.text(),
  }),
  3: (record) => ({
    kind: "memset",
    address: record.u64(),
    value: record.u32(),
    bytes: Number(record.u64()),
    ...readMemoryWork(record),
  }),
  4: (record) => ({
    kind: "copy",
    to: record.u64(),
    from: record.u64(),
    bytes: Number(record.u64()),
    ...readMemoryWork(record),
  }),
  5: (record) => ({
    kind: "upload",
    to: record.u64(),
    ...readMemoryWork(record),
    data: record.blob(),
  }),
  6: (record) => ({
    kind: "alloc",
    address: record.u64(),
    bytes: Number(record.u64()),
    ...readMemoryWork(record),
  }),
  7: (record) => ({ kind: "free", address: record.u64(), ...readMemoryWork(record) }),
  8: (record) => ({
    kind: "synchronize",
    handle: record.u64(),
    what: record.u32() ? "device" : "stream_or_event",
  }),
  9: (record) => ({ kind: "record_event", event: record.u64(), stream: record.u64() }),
  10: (record) => ({ kind: "wait_event", event: record.u64(), stream: record.u64() }),
};

function readOperation(record: ByteReader): RecordedOperation {
  const number = record.u32();
  const read = readers[number];
  if (!read) throw new RangeError(`operation ${number}`);
  return read(record);
}

function readMemoryWork(record: ByteReader): MemoryWork {
  const stream = record.u64();
  return record.u32() ? { stream, blocking: true } : { stream };
}

const hintNames: Readonly<Record<number, string>> = {
  1: "access_policy_window",
  5: "cluster_scheduling_policy",
  9: "memory_sync_domain_map",
  10: "memory_sync_domain",
  11: "preferred_cluster_dimension",
  14: "preferred_shared_memory_carveout",
  16: "nvlink_centric_scheduling",
};

function readShape(record: ByteReader): Omit<RecordedLaunch, "params"> {
  const kernel = record.text();
  const grid = readTriple(record);
  const block = readTriple(record);
  const cluster = readTriple(record);
  const flags = record.u32();
  const priority = record.i32();
  const hints = record.u32();
  return {
    kernel,
    grid,
    block,
    ...(flags & 1 ? { cluster } : {}),
    dynamic_shared_bytes: Number(record.u64()),
    stream: record.u64(),
    attributes: {
      cooperative: (flags & 2) !== 0,
      programmatic_stream_serialization: (flags & 4) !== 0,
      ...(flags & 8 ? { priority } : {}),
      hints: Object.entries(hintNames).flatMap(([bit, name]) =>
        (hints >>> Number(bit)) & 1 ? [name] : [],
      ),
    },
  };
}

function readTriple(record: ByteReader): Triple {
  return [record.u32(), record.u32(), record.u32()];
}

function readParams(record: ByteReader): Uint8Array[] {
  return Array.from({ length: record.u32() }, () => record.blob());
}
