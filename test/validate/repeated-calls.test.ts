import { expect, test } from "vitest";
import { callStream, type RecordedOperation } from "../../tools/record/recorder.ts";
import type { FaultReport } from "../../tools/validate/outcome.ts";
import type { Recorded, Recording } from "../../tools/validate/recording.ts";
import { type CallStage, judgeCalls } from "../../tools/validate/repeated-calls.ts";
import { kernelCase, measuredOutcome } from "./cases.ts";

const one = kernelCase({ layout: "contiguous", inputs: "std_1", seed: 5 });

/** What a device does in one call: what is in `out` afterwards, where the inputs were drawn from `seed`. */
type Device = (call: { seed: number; place: number; calls: number; replayed: boolean }) => string;

/** Right is an output that names its inputs' seed. */
const right: Device = ({ seed }) => `values of ${seed}`;

const launch: RecordedOperation = {
  kind: "launch",
  kernel: "norm",
  grid: [1, 1, 1],
  block: [32, 1, 1],
  dynamic_shared_bytes: 0,
  params: [],
  stream: callStream,
  attributes: { cooperative: false, programmatic_stream_serialization: false, hints: [] },
};

function recorded(operations: RecordedOperation[] = [launch]): Recorded {
  return { state: "recorded", result: 0, result_name: "cudaSuccess", operations, kept: [] };
}

interface Setting {
  device?: Device;
  /** Of the n-th call of the entry point, from 1. */
  host?: (calls: number) => Recording;
  fault?: (calls: number) => FaultReport | undefined;
}

async function judged({ device = right, host = () => recorded(), fault }: Setting) {
  let drawn = { seed: 0, place: 0 };
  let out = "poison";
  let calls = 0;
  const stage: CallStage = {
    async draw(place, seed) {
      drawn = { seed, place };
      out = "poison";
      return new Uint8Array();
    },
    async perform(_, replayed) {
      calls += 1;
      const found = fault?.(calls);
      if (!found) out = device({ ...drawn, calls, replayed });
      return found;
    },
    async measure() {
      const isRight = out === `values of ${drawn.seed}` || out === "other bits";
      const bad = isRight ? 0 : out === "nearly right" ? 3 : 640;
      const unwritten = out === "poison" ? 640 : 0;
      return measuredOutcome({ bad_count: bad, not_written_count: unwritten }).measurement;
    },
    output: async () => Buffer.from(out),
  };
  let hostCalls = 0;
  const outcome = await judgeCalls(one, stage, async () => {
    hostCalls += 1;
    return host(hostCalls);
  });
  return outcome.state === "faulted" ? outcome.fault : outcome;
}

test("a kernel that does the same work in every call is right, and was called a dozen times", async () => {
  let most = 0;
  const device: Device = (call) => {
    most = Math.max(most, call.calls);
    return right(call);
  };
  expect(await judged({ device })).toMatchObject({ state: "measured" });
  expect(most).toBeGreaterThanOrEqual(12);
});

const memory = new Map<string, string>();
const remembering =
  (key: (call: Parameters<Device>[0]) => string): Device =>
  (call) => {
    if (call.calls === 1) memory.clear();
    const known = memory.get(key(call));
    memory.set(key(call), known ?? right(call));
    return known ?? right(call);
  };

const cheats: [string, string, Setting][] = [
  ["remembers results by address", "stale_result", { device: remembering((c) => `${c.place}`) }],
  ["writes nothing where it has seen the address", "stale_result", { host: hostWithMemory() }],
  [
    "gives up after its third call",
    "later_calls_wrong",
    { device: (call) => (call.calls > 3 ? "poison" : right(call)) },
  ],
  [
    "gives up after ten calls",
    "later_calls_wrong",
    { device: (call) => (call.calls > 10 ? "garbage" : right(call)) },
  ],
  [
    "is right at the first addresses alone",
    "address_dependent",
    { device: (call) => (call.place === 1 ? "garbage" : right(call)) },
  ],
  [
    "gives other bits from run to run",
    "nondeterministic",
    { device: (call) => (call.calls === 2 ? "other bits" : right(call)) },
  ],
  [
    "is right but in a replay",
    "stale_result",
    { device: (call) => (call.replayed ? `values of ${one.seed}` : right(call)) },
  ],
  [
    "synchronises from the second call on",
    "not_capturable",
    {
      host: (calls) =>
        recorded(
          calls === 1 ? [launch] : [launch, { kind: "synchronize", what: "device", handle: 0n }],
        ),
    },
  ],
  [
    "is inaccurate now and then",
    "inaccurate_call",
    { device: (call) => (call.calls === 6 ? "nearly right" : right(call)) },
  ],
  ["is wrong from the start", "first_call_wrong", { device: () => "garbage" }],
  [
    "faults in its fifth call",
    "later_calls_wrong",
    { fault: (calls) => (calls >= 5 ? { kind: "trap", message: "trap" } : undefined) },
  ],
];

/** Host code that launches once for each pair of addresses: the judge has two. */
function hostWithMemory(): (calls: number) => Recording {
  // The first, and the one at the other addresses, which comes when the second was found wrong.
  return (calls) => recorded(calls === 1 || calls === 3 ? [launch] : []);
}

test.each(cheats)("a kernel that %s is found out: %s", async (_, kind, setting) => {
  expect(await judged(setting)).toMatchObject({ kind });
});

test("a workspace that the first call allocates does not speak against capture", async () => {
  const alloc: RecordedOperation = {
    kind: "alloc",
    address: 1n << 40n,
    bytes: 4096,
    stream: 0n,
    blocking: true,
  };
  const host = (calls: number) => recorded(calls === 1 ? [alloc, launch] : [launch]);
  // The default stream is not what this test is about.
  expect(await judged({ host })).not.toMatchObject({ kind: "not_capturable" });
});

test("what cannot be executed or recorded gives no verdict on the calls", async () => {
  const unsupported = { kind: "unsupported", message: "wgmma is not known" };
  expect(await judged({ fault: () => unsupported })).toMatchObject({
    state: "not_executed",
    message: "wgmma is not known",
  });
  const lost = { state: "not_recorded", code: "timed_out", message: "", hint: "" } as const;
  expect(await judged({ host: () => lost })).toEqual(lost);
});
