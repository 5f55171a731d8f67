import { expect, vi } from "vitest";
import { isAlive } from "../../tools/executors/alive.ts";
import { sharedWorker } from "../../tools/worker/client.ts";
import { fakeModule } from "./fake-driver.ts";
import {
  closedAfterwards,
  endOf,
  launch,
  limit,
  optionsOf,
  testWithDriver,
  useDriver,
  useFakeWorkers,
} from "./fake-worker.ts";

useFakeWorkers();

const taken = async (options = optionsOf(), idle = { idle_ms: 0 }) =>
  closedAfterwards(await sharedWorker(options, idle));

testWithDriver(
  "one caller after the other has the same warm process, cleared in between",
  async () => {
    const first = await taken(optionsOf(), { idle_ms: 60_000 });
    const { pid } = first;
    await first.load("candidate", fakeModule("fake_add"));
    const address = endOf(first, 0) - 256n;
    await first.run([{ do: "map", address, bytes: 256 }], limit);
    let second: Awaited<ReturnType<typeof taken>> | undefined;
    const waiting = taken().then((worker) => {
      second = worker;
    });
    expect((await first.run([], limit)).ok).toBe(true);
    expect(second).toBeUndefined();
    await first.close();
    await first.close();
    await waiting;
    expect(second?.pid).toBe(pid);
    expect(second?.restarts).toBe(0);
    await expect(first.run([], limit)).rejects.toThrow("after close");
    expect(await second?.run([launch("fake_add")], limit)).toMatchObject({
      fault: { message: 'step 0: no module "candidate" is loaded' },
    });
    expect(await second?.run([{ do: "read", address, bytes: 8 }], limit)).toMatchObject({
      fault: { message: expect.stringContaining("not mapped") },
    });
  },
);

testWithDriver("an idle worker is ended, and the next caller has a fresh one", async () => {
  const first = await taken(optionsOf(), { idle_ms: 50 });
  const pid = first.pid as number;
  await first.close();
  await vi.waitUntil(() => !isAlive(pid));
  const second = await taken();
  expect(second.pid).not.toBe(pid);
  expect(second.restarts).toBe(0);
  expect((await second.run([], limit)).ok).toBe(true);
});

testWithDriver("who gives up waiting does not let the next one in early", async () => {
  const first = await taken();
  const controller = new AbortController();
  const impatient = taken(optionsOf({ signal: controller.signal }));
  const third = taken();
  controller.abort();
  await expect(impatient).rejects.toMatchObject({ code: "cancelled" });
  const early = await Promise.race([third.then(() => "early"), wait(200)]);
  expect(early).toBe("waited");
  await first.close();
  expect((await (await third).run([], limit)).ok).toBe(true);
});

testWithDriver("a caller whose signal fires gives the worker up", async () => {
  const controller = new AbortController();
  const first = await taken(optionsOf({ signal: controller.signal }));
  await first.load("candidate", fakeModule("fake_hang"));
  const run = first.run([launch("fake_hang"), { do: "synchronize" }], { time_limit_ms: 60_000 });
  const next = taken();
  controller.abort();
  await expect(run).rejects.toMatchObject({ code: "cancelled" });
  const second = await next;
  expect((await second.run([], limit)).ok).toBe(true);
});

testWithDriver("a start that fails is tried again by the next caller", async () => {
  // Another device index: another worker than that of the tests above.
  useDriver("GPUS=1");
  await expect(taken(optionsOf({ device_index: 1 }))).rejects.toMatchObject({
    code: "gpu_unavailable",
  });
  useDriver("GPUS=2");
  const worker = await taken(optionsOf({ device_index: 1 }));
  expect(worker.device.name).toBe("Fake GPU 1");
});

function wait(ms: number): Promise<string> {
  return new Promise((resolve) => setTimeout(() => resolve("waited"), ms));
}
