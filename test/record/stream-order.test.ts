import { expect, test } from "vitest";
import {
  callStream,
  type RecordedCall,
  type RecordedLaunch,
  type RecordedOperation,
} from "../../tools/record/recorder.ts";
import { captureProblem, streamOrder } from "../../tools/record/stream-order.ts";

const side = 0x5000n;
const other = 0x6000n;
const event = 0x7000n;
const joined = 0x8000n;

function launch(stream: bigint, kernel = "norm"): RecordedOperation {
  const shape = { grid: [1, 1, 1], block: [32, 1, 1] } satisfies Partial<RecordedLaunch>;
  const attributes = { cooperative: false, programmatic_stream_serialization: false, hints: [] };
  return {
    kind: "launch",
    kernel,
    ...{ ...shape, attributes, stream, params: [], dynamic_shared_bytes: 0 },
  };
}

const record = (stream: bigint, of = event): RecordedOperation => ({
  ...{ kind: "record_event", event: of, stream },
});
const wait = (stream: bigint, on = event): RecordedOperation => ({
  ...{ kind: "wait_event", event: on, stream },
});
const synchronize = (handle: bigint): RecordedOperation => ({
  ...{ kind: "synchronize", what: handle === 0n ? "device" : "stream_or_event", handle },
});

function call(...operations: RecordedOperation[]): RecordedCall {
  return { result: 0, result_name: "cudaSuccess", launches: [], operations };
}

const fork = [record(callStream), wait(side)];
const joinBack = [record(side, joined), wait(callStream, joined)];

test.each([
  ["work on the given stream", [launch(callStream), launch(callStream)]],
  ["a fork and a join through events", [...fork, launch(side), ...joinBack]],
  [
    "a fork through a third stream",
    [record(callStream), wait(other), record(other, 9n), wait(side, 9n), launch(side), ...joinBack],
  ],
  ["a host that waits on both sides", [synchronize(callStream), launch(side), synchronize(side)]],
  ["a host that waits for the device", [synchronize(0n), launch(side), synchronize(0n)]],
  [
    "a workspace from cudaMalloc",
    [
      { kind: "alloc", address: 1n, bytes: 8, stream: 0n, blocking: true } as const,
      launch(callStream),
    ],
  ],
] as const)("%s is in order", (_, operations) => {
  expect(streamOrder(call(...operations))).toBeUndefined();
});

test.each([
  ["the default stream", [launch(0n)], "norm is launched on the default stream, which does not"],
  ["a stream without a fork", [launch(side), ...joinBack], "on another stream, which does not"],
  ["a fork without a join", [...fork, launch(side)], "and the given stream does not wait for it"],
  [
    "work after the event that is waited for",
    [...fork, launch(side), ...joinBack, launch(side, "late")],
    "late is launched on another stream, and the given stream does not wait for it",
  ],
  [
    "a wait for an event before it is recorded",
    [wait(side), record(callStream), launch(side), ...joinBack],
    "which does not wait for the given stream",
  ],
  [
    "waiting on the host for the wrong stream",
    [...fork, launch(side), synchronize(other)],
    "and the given stream does not wait for it",
  ],
] as const)("%s is not in order", (_, operations, text) => {
  expect(streamOrder(call(...operations))).toContain(text);
});

test("what cannot be captured is named", () => {
  const memory = { address: 1n, bytes: 8, stream: callStream };
  expect(captureProblem(call(launch(callStream)))).toBeUndefined();
  expect(captureProblem(call({ kind: "alloc", ...memory }))).toBeUndefined();
  expect(captureProblem(call(...fork, launch(side), ...joinBack))).toBeUndefined();
  expect(captureProblem(call({ kind: "alloc", ...memory, blocking: true }))).toBe(
    "cudaMalloc is called, which is not stream-ordered",
  );
  expect(captureProblem(call(launch(callStream), synchronize(0n)))).toBe(
    "cudaDeviceSynchronize is called",
  );
  expect(captureProblem(call(launch(callStream), synchronize(event)))).toBe(
    "the host waits for a stream or an event",
  );
  expect(captureProblem(call(launch(0n)))).toBe("norm is launched on the default stream");
});
