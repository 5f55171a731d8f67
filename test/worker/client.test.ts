import { expect } from "vitest";
import { isAlive } from "../../tools/executors/alive.ts";
import type { Step } from "../../tools/worker/client.ts";
import { fakeModule } from "./fake-driver.ts";
import {
  bytesOf,
  endOf,
  launch,
  limit,
  started,
  testWithDriver,
  u32,
  u64,
  useFakeWorkers,
} from "./fake-worker.ts";

useFakeWorkers();

testWithDriver("a worker says which device it drives and where its slots lie", async () => {
  const worker = await started();
  expect(worker.device).toMatchObject({
    name: "Fake GPU 0",
    uuid: "GPU-a0a0a0a0-a0a0-a0a0-a0a0-a0a0a0a0a0a0",
    compute_capability: "9.0",
    sms: 132,
    cuda_driver_version: "13.0",
  });
  expect(worker.base).toBe(0x1000_0000_0000n);
  expect(worker.slot_bytes).toBe(0x10_0000_0000n);
  expect(worker.guarded).toBe(true);
  expect(worker.restarts).toBe(0);
});

testWithDriver("what is filled, uploaded, copied and computed is read", async () => {
  const worker = await started();
  await worker.load("candidate", fakeModule("fake_add"));
  const at = endOf(worker, 0) - 4096n;
  const reply = await worker.run(
    [
      { do: "map", address: at, bytes: 4096 },
      { do: "fill", address: at, bytes: 8, pattern: "7fc0" },
      { do: "upload", address: at + 8n, data: new Uint8Array([1, 0, 0, 0]) },
      { do: "copy", to: at + 12n, from: at + 8n, bytes: 4 },
      launch("fake_add", [u64(at + 12n), u32(41)]),
      { do: "read", address: at, bytes: 16 },
    ],
    { time_limit_ms: 1000 },
  );
  expect(reply).toMatchObject({ ok: true, results: [null, null, null, null, null, {}] });
  expect(bytesOf(reply, 5)).toEqual([
    ...[0xc0, 0x7f, 0xc0, 0x7f, 0xc0, 0x7f, 0xc0, 0x7f],
    ...[1, 0, 0, 0, 42, 0, 0, 0],
  ]);
});

testWithDriver(
  "a graph is replayed as often as asked, with the memory of that moment",
  async () => {
    const worker = await started();
    await worker.load("candidate", fakeModule("fake_add"));
    const at = endOf(worker, 1) - 256n;
    const steps: Step[] = [
      { do: "map", address: at, bytes: 256 },
      { do: "fill", address: at, bytes: 4, pattern: "00000000" },
      { do: "capture", name: "g", steps: [launch("fake_add", [u64(at), u32(3)])] },
      { do: "read", address: at, bytes: 4 },
      { do: "replay", name: "g", times: 5 },
      { do: "read", address: at, bytes: 4 },
    ];
    const reply = await worker.run(steps, { time_limit_ms: 1000 });
    expect(bytesOf(reply, 3)).toEqual([0, 0, 0, 0]);
    expect(bytesOf(reply, 5)).toEqual([15, 0, 0, 0]);
    // A load drops the graphs: they may hold kernels of the module that went.
    await worker.load("candidate", fakeModule("fake_add"));
    const again = await worker.run([{ do: "replay", name: "g" }], { time_limit_ms: 1000 });
    expect(again).toMatchObject({
      ok: false,
      fault: { kind: "bad_request", step: 0, exits: false },
    });
  },
);

testWithDriver("the call waits for a delayed producer only where it is told to", async () => {
  const worker = await started();
  await worker.load("candidate", fakeModule("fake_store", "fake_copy"));
  const at = endOf(worker, 0) - 256n;
  const late = (wait: Step[]): Step[] => [
    { do: "map", address: at, bytes: 256 },
    { do: "fill", address: at, bytes: 256, pattern: "00" },
    { do: "synchronize" },
    { do: "delay", microseconds: 50_000, stream: "side" },
    { ...launch("fake_store", [u64(at), u32(7)]), stream: "side" },
    ...wait,
    launch("fake_copy", [u64(at + 4n), u64(at)]),
    { do: "read", address: at + 4n, bytes: 1 },
  ];
  const waits = await worker.run(late([{ do: "wait", stream: "call", for: "side" }]), limit);
  expect(bytesOf(waits, 7)).toEqual([7]);
  const hurries = await worker.run(late([]), limit);
  expect(bytesOf(hurries, 6)).toEqual([0]);
  expect(hurries.ok && hurries.gpu_ms).toBeGreaterThan(45);
});

const lost = [
  ["fake_misaligned", "misaligned_address"],
  ["fake_trap", "trap"],
  ["fake_assert", "trap"],
] as const;
testWithDriver.each(lost)(
  "%s is a result, and the next run is on a fresh context",
  async (kernel, kind) => {
    const worker = await started();
    await worker.load("candidate", fakeModule(kernel, "fake_store"));
    const before = worker.pid;
    const reply = await worker.run([launch(kernel, []), { do: "synchronize" }], limit);
    expect(reply).toMatchObject({ ok: false, fault: { kind, exits: true } });
    // At once: a caller that loads its module again at every restart looks here first.
    expect(worker.restarts).toBe(1);
    const next = await worker.run([], limit);
    expect(next.ok).toBe(true);
    expect(worker.restarts).toBe(1);
    expect(worker.pid).not.toBe(before);
    expect(isAlive(before as number)).toBe(false);
  },
);

testWithDriver("a store beyond the end of a slot faults", async () => {
  const worker = await started();
  await worker.load("candidate", fakeModule("fake_store"));
  const end = endOf(worker, 3);
  const map: Step = { do: "map", address: end - 256n, bytes: 256 };
  const inside = await worker.run([map, launch("fake_store", [u64(end - 4n), u32(1)])], limit);
  expect(inside.ok).toBe(true);
  const beyond = await worker.run([launch("fake_store", [u64(end), u32(1)])], limit);
  expect(beyond).toMatchObject({ ok: false, fault: { kind: "illegal_address", exits: true } });
});

testWithDriver("after a restart the judge's module is there, a candidate's is not", async () => {
  const worker = await started();
  await worker.load("judge", fakeModule("fake_store"));
  await worker.load("candidate", fakeModule("fake_trap"));
  await worker.run([launch("fake_trap", [])], limit);
  const at = endOf(worker, 0) - 256n;
  const steps: Step[] = [
    { do: "map", address: at, bytes: 256 },
    { ...launch("fake_store", [u64(at), u32(5)]), module: "judge" },
    { do: "read", address: at, bytes: 1 },
  ];
  expect(bytesOf(await worker.run(steps, limit), 2)).toEqual([5]);
  expect(await worker.run([launch("fake_trap", [])], limit)).toMatchObject({
    fault: { kind: "bad_request", message: 'step 0: no module "candidate" is loaded' },
  });
  expect(worker.restarts).toBe(1);
});

testWithDriver.each(["fake_hang", "fake_block"])(
  "%s ends at its time limit, whether the driver comes back or not",
  async (kernel) => {
    const worker = await started();
    await worker.load("candidate", fakeModule(kernel));
    const start = Date.now();
    const reply = await worker.run([launch(kernel, []), { do: "synchronize" }], {
      time_limit_ms: 300,
    });
    expect(reply).toMatchObject({ ok: false, fault: { kind: "timed_out", exits: true } });
    expect(Date.now() - start).toBeLessThan(1500);
    expect((await worker.run([], limit)).ok).toBe(true);
  },
);

testWithDriver("refused work costs neither the context nor what is loaded and mapped", async () => {
  const worker = await started();
  await worker.load("candidate", fakeModule("fake_large", "fake_store"));
  const refusals: [Step, string, string][] = [
    [launch("fake_large", []), "launch_failed", "CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES (701)"],
    [launch("fake_trap", []), "launch_failed", 'no kernel "fake_trap"'],
    [launch("fake_store", [u64(0n)]), "bad_request", "params of 8 bytes; the kernel takes 8, 4"],
    [{ do: "map", address: endOf(worker, 0) - (8n << 30n), bytes: 2 ** 33 }, "out_of_memory", ""],
    [{ do: "map", address: endOf(worker, 0), bytes: 1 }, "bad_request", "are a guard"],
    [{ do: "map", address: endOf(worker, 0) - 1n, bytes: 2 }, "bad_request", "in one slot"],
    [{ do: "map", address: 4096n, bytes: 2 }, "bad_request", "in one slot"],
    [{ do: "read", address: endOf(worker, 0) - 8n, bytes: 8 }, "bad_request", "are not mapped"],
  ];
  for (const [step, kind, message] of refusals) {
    const reply = await worker.run([step], limit);
    expect(reply).toMatchObject({
      ok: false,
      fault: { kind, step: 0, message: expect.stringContaining(message), exits: false },
    });
  }
  expect(worker.restarts).toBe(0);
});

testWithDriver("calls made at once are answered in order; behind a fault none is run", async () => {
  const worker = await started();
  const load = worker.load("candidate", fakeModule("fake_add", "fake_trap"));
  const at = endOf(worker, 0) - 256n;
  const map: Step[] = [
    { do: "map", address: at, bytes: 256 },
    { do: "fill", address: at, bytes: 4, pattern: "00" },
  ];
  const add: Step[] = [
    launch("fake_add", [u64(at), u32(1)]),
    { do: "read", address: at, bytes: 1 },
  ];
  const replies = await Promise.all([
    worker.run(map, limit),
    worker.run(add, limit),
    worker.run(add, limit),
    worker.run([launch("fake_trap", [])], limit),
    worker.run(add, limit),
  ]);
  await load;
  expect(bytesOf(replies[1], 1)).toEqual([1]);
  expect(bytesOf(replies[2], 1)).toEqual([2]);
  expect(replies[3]).toMatchObject({ fault: { kind: "trap" } });
  expect(replies[4]).toMatchObject({ fault: { kind: "not_run" } });
});

testWithDriver("a module that cannot be loaded is refused with the driver's words", async () => {
  const worker = await started();
  const faulty = (text: string) => ({ bytes: Buffer.from(text) });
  await expect(worker.load("candidate", faulty(".version 6.3 mistake"))).rejects.toMatchObject({
    fault: {
      kind: "module_load_failed",
      message: expect.stringMatching(/CUDA_ERROR_INVALID_PTX \(218\)\n.*line 5; fatal: mistake/su),
    },
  });
  await expect(worker.load("candidate", faulty(".version 6.3 other_arch"))).rejects.toThrow(
    /CUDA_ERROR_NO_BINARY_FOR_GPU/u,
  );
  await expect(worker.load("candidate", faulty("no image"))).rejects.toThrow(/neither PTX/u);
  await expect(worker.load("candidate", { path: "/dev/zero" })).rejects.toThrow(/no file of up/u);
  await expect(worker.load("candidate", { path: "/no/such" })).rejects.toThrow(/No such file/u);
  const { log } = await worker.load("candidate", fakeModule("fake_add"));
  expect(log).toBe("fake: compiled");
});

testWithDriver("a module that failed to load leaves none of that name behind", async () => {
  const worker = await started();
  await worker.load("candidate", fakeModule("fake_print"));
  await worker.load("candidate", { bytes: Buffer.from("x") }).catch(() => {});
  // The mutant: an old candidate would be judged in place of the new one.
  const reply = await worker.run([launch("fake_print", [])], limit);
  expect(reply).toMatchObject({ fault: { message: 'step 0: no module "candidate" is loaded' } });
});
