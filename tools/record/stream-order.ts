import { callStream, type RecordedCall, type RecordedOperation } from "./recording.ts";

/** For each stream, how many of its operations are surely over. */
type Clock = Map<bigint, number>;

/** "The work before the call", as if it were a stream with one operation. */
const before = -1n;

/** The default stream, and the two that cudaStreamLegacy and cudaStreamPerThread name. */
const defaultStreams: readonly bigint[] = [0n, 1n, 2n];

/**
 * Says what of a call is not ordered with the stream that the entry point was given: work that does
 * not wait for what came before, or that nothing waits for. Undefined: all of it is in order.
 * Fork and join through events is in order, and so is waiting on the host. The default stream is a
 * stream of its own: streams created without blocking, as PyTorch's are, are not ordered with it.
 */
export function streamOrder(call: Pick<RecordedCall, "operations">): string | undefined {
  const streams = new Map<bigint, Clock>([[callStream, new Map([[before, 1]])]]);
  const events = new Map<bigint, Clock>();
  /** What the host has waited for: nothing that it asks for later starts before that is over. */
  const host: Clock = new Map();
  const last = new Map<bigint, string>();
  const clockOf = (stream: bigint): Clock => {
    const clock = streams.get(stream) ?? new Map();
    streams.set(stream, clock);
    return clock;
  };
  for (const operation of call.operations) {
    if (operation.kind === "alloc" && operation.blocking) continue;
    if (operation.kind === "free" && operation.blocking) {
      // cudaFree waits for the whole device.
      for (const clock of streams.values()) join(host, clock);
    } else if (operation.kind === "record_event") {
      events.set(operation.event, join(new Map(clockOf(operation.stream)), host));
    } else if (operation.kind === "wait_event") {
      join(clockOf(operation.stream), events.get(operation.event));
    } else if (operation.kind === "synchronize") {
      const everything = [...streams.values()];
      const one = streams.get(operation.handle) ?? events.get(operation.handle);
      for (const clock of operation.what === "device" ? everything : [one]) join(host, clock);
    } else if (operation.kind !== "refused_launch") {
      const clock = join(clockOf(operation.stream), host);
      const what = describe(operation);
      if (!clock.has(before)) {
        return `${what} on ${nameOf(operation.stream)}, which does not wait for the given stream`;
      }
      clock.set(operation.stream, (clock.get(operation.stream) ?? 0) + 1);
      last.set(operation.stream, what);
    }
  }
  const end = join(clockOf(callStream), host);
  for (const [stream, what] of last) {
    if ((end.get(stream) ?? 0) < (clockOf(stream).get(stream) ?? 0)) {
      return `${what} on ${nameOf(stream)}, and the given stream does not wait for it`;
    }
  }
  return undefined;
}

/**
 * Says why a call cannot be captured in a CUDA graph: the host waits for the device, allocates or
 * copies in the forms that do, or uses the default stream. Undefined: nothing speaks against it.
 * A workspace that is allocated once belongs to the first call: ask about a later one.
 */
export function captureProblem(call: Pick<RecordedCall, "operations">): string | undefined {
  for (const operation of call.operations) {
    if (operation.kind === "synchronize") {
      return operation.what === "device"
        ? "cudaDeviceSynchronize is called"
        : "the host waits for a stream or an event";
    }
    if ("blocking" in operation && operation.blocking) {
      const name = blockingNames[operation.kind as keyof typeof blockingNames];
      return `${name} is called, which is not stream-ordered`;
    }
    if ("stream" in operation && defaultStreams.includes(operation.stream)) {
      return `${describe(operation)} on the default stream`;
    }
  }
  return undefined;
}

const blockingNames = {
  alloc: "cudaMalloc",
  free: "cudaFree",
  memset: "cudaMemset",
  copy: "cudaMemcpy",
  upload: "cudaMemcpy",
} as const;

const verbs: Readonly<Record<RecordedOperation["kind"], string>> = {
  launch: "is launched",
  refused_launch: "is launched",
  memset: "a memset is done",
  copy: "a copy is done",
  upload: "an upload is done",
  alloc: "memory is allocated",
  free: "memory is freed",
  synchronize: "the host waits",
  record_event: "an event is recorded",
  wait_event: "an event is waited for",
};

function describe(operation: RecordedOperation): string {
  const verb = verbs[operation.kind];
  return "kernel" in operation ? `${operation.kernel} ${verb}` : verb;
}

function nameOf(stream: bigint): string {
  if (stream === callStream) return "the given stream";
  return defaultStreams.includes(stream) ? "the default stream" : "another stream";
}

function join(clock: Clock, other: Clock | undefined): Clock {
  for (const [stream, count] of other ?? []) {
    if (count > (clock.get(stream) ?? 0)) clock.set(stream, count);
  }
  return clock;
}
