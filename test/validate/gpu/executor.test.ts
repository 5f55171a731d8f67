import { expect, test } from "vitest";
import { rmsnormFields } from "../../../tools/kernel/operators.ts";
import { callStream, type RecordedOperation } from "../../../tools/record/recorder.ts";
import { onGpu } from "../../../tools/validate/gpu/executor.ts";
import type { CaseOutcome } from "../../../tools/validate/outcome.ts";
import type { WorkItem } from "../../../tools/validate/work.ts";
import type { GpuWorker, WorkerFault } from "../../../tools/worker/client.ts";
import { kernelCase } from "../cases.ts";

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

/** A runner in which every launch ends in the fault, which costs it its context. */
function faulty(kind: WorkerFault["kind"]) {
  const did: string[] = [];
  const worker = {
    restarts: 0,
    base: 1n << 44n,
    slot_bytes: 1n << 36n,
    device: { memory_free_bytes: 2 ** 37 },
    async load(module: string) {
      did.push(`load ${module}`);
      return { load_ms: 1, log: "" };
    },
    async run() {
      did.push("run");
      worker.restarts += 1;
      return { ok: false as const, fault: { kind, step: 3, message: kind, exits: true } };
    },
  };
  return { did, worker: worker as unknown as GpuWorker };
}

async function outcomesOf(worker: GpuWorker, items: readonly WorkItem[], signal?: AbortSignal) {
  const outcomes: CaseOutcome[] = [];
  const build = { cubin: "norm.cubin", ptx: "norm.ptx" } as never;
  await onGpu({ worker, build, code: "cubin", fields: rmsnormFields })({
    items,
    signal: signal ?? new AbortController().signal,
    record: async () => ({
      state: "recorded",
      result: 0,
      result_name: "cudaSuccess",
      operations: [launch],
      kept: [],
    }),
    onOutcome(index, outcome) {
      outcomes[index] = outcome;
    },
  });
  return outcomes;
}

const items = Array.from(
  { length: 12 },
  (_, seed): WorkItem => ({ one: kernelCase({ seed }), check: "values" }),
);

test("after a fault that costs the context the module is loaded anew before the next case", async () => {
  const { did, worker } = faulty("illegal_address");
  const outcomes = await outcomesOf(worker, items.slice(0, 2));
  expect(did).toEqual(["load candidate", "run", "load candidate", "run"]);
  expect(outcomes).toMatchObject([
    { state: "faulted", fault: { kind: "illegal_address" } },
    { state: "faulted", fault: { kind: "illegal_address" } },
  ]);
});

test.each([
  ["timed_out", 2, "has hung 2 times"],
  ["illegal_address", 8, "has cost the GPU's context 8 times"],
] as const)(
  "a kernel that ends in %s is launched %i times, and then no more",
  async (kind, times, why) => {
    const { did, worker } = faulty(kind);
    const outcomes = await outcomesOf(worker, items);
    expect(did.filter((what) => what === "run").length).toBe(times);
    expect(outcomes.filter(({ state }) => state === "faulted").length).toBe(times);
    expect(outcomes.at(-1)).toMatchObject({
      state: "not_executed",
      message: expect.stringContaining(why),
    });
  },
);

test("repeated calls come first, on a module that has counted no call yet", async () => {
  const { worker } = faulty("trap");
  const mixed: WorkItem[] = [items[0] as WorkItem, { one: kernelCase(), check: "calls" }];
  const seen: number[] = [];
  await onGpu({ worker, build: {} as never, code: "cubin", fields: rmsnormFields })({
    items: mixed,
    signal: new AbortController().signal,
    async record(index) {
      seen.push(index);
      return { state: "not_recorded", code: "recording_failed", message: "", hint: "" };
    },
    onOutcome() {},
  });
  expect(seen).toEqual([1, 0]);
});

test("a later call that faults is explained on a runner that has the module again", async () => {
  const { did, worker } = faulty("illegal_address");
  const outcomes = await outcomesOf(worker, [{ one: kernelCase(), check: "calls" }]);
  expect(outcomes).toMatchObject([{ state: "faulted", fault: { kind: "first_call_wrong" } }]);
  await outcomesOf(worker, items.slice(0, 1));
  expect(did).toEqual(["load candidate", "run", "load candidate", "run"]);
});

test("a cancelled run launches nothing more", async () => {
  const { did, worker } = faulty("trap");
  await expect(outcomesOf(worker, items, AbortSignal.abort())).rejects.toMatchObject({
    code: "cancelled",
  });
  expect(did).toEqual([]);
});
