import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, vi } from "vitest";
import { isAlive } from "../../tools/executors/alive.ts";
import { GpuWorker } from "../../tools/worker/client.ts";
import { fakeDriver, fakeModule } from "./fake-driver.ts";
import {
  launch,
  limit,
  optionsOf,
  started,
  testWithDriver,
  useDriver,
  useFakeWorkers,
} from "./fake-worker.ts";

useFakeWorkers();

const ends = [
  ["fake_exit", "runner_failed", /exit code 3/u],
  ["fake_crash", "runner_failed", /SIGSEGV/u],
  ["fake_close", "runner_failed", /./u],
  ["fake_stop", "timed_out", /did not answer in time/u],
] as const;
testWithDriver.each(ends)(
  "%s ends in a fault within the time limit, and the next run works",
  async (kernel, kind, message) => {
    const worker = await started();
    await worker.load("candidate", fakeModule(kernel));
    const before = worker.pid as number;
    const start = Date.now();
    const reply = await worker.run([launch(kernel)], { time_limit_ms: 300 });
    expect(reply).toMatchObject({
      ok: false,
      fault: { kind, message: expect.stringMatching(message) },
    });
    expect(Date.now() - start).toBeLessThan(5000);
    expect((await worker.run([], limit)).ok).toBe(true);
    expect(worker.restarts).toBe(1);
    expect(isAlive(before)).toBe(false);
  },
);

testWithDriver("16 MiB printed by a kernel do not reach the replies", async () => {
  const worker = await started();
  await worker.load("candidate", fakeModule("fake_print"));
  expect(await worker.run([launch("fake_print")], limit)).toMatchObject({ ok: true });
  expect(worker.restarts).toBe(0);
});

testWithDriver("a runner that takes all memory is ended at its limit", async () => {
  const worker = await started({ memory_limit_bytes: 256 * 1024 ** 2 });
  await worker.load("candidate", fakeModule("fake_eat"));
  const reply = await worker.run([launch("fake_eat")], { time_limit_ms: 20_000 });
  expect(reply).toMatchObject({
    fault: { kind: "runner_failed", message: expect.stringContaining("more host memory") },
  });
  expect((await worker.run([], limit)).ok).toBe(true);
});

testWithDriver("kill -9 in a run and between runs costs a restart, no more", async () => {
  const worker = await started();
  await worker.load("candidate", fakeModule("fake_hang"));
  const run = worker.run([launch("fake_hang"), { do: "synchronize" }], { time_limit_ms: 20_000 });
  setTimeout(() => process.kill(worker.pid as number, "SIGKILL"), 200);
  expect(await run).toMatchObject({ fault: { kind: "runner_failed", message: /SIGKILL/u } });
  expect((await worker.run([], limit)).ok).toBe(true);
  const idle = worker.pid as number;
  process.kill(idle, "SIGKILL");
  await vi.waitUntil(() => !isAlive(idle));
  await vi.waitUntil(() => worker.restarts === 2);
  expect((await worker.run([], limit)).ok).toBe(true);
  expect(worker.restarts).toBe(2);
});

testWithDriver("no driver, no GPU, no such GPU and no Python are said in a ToolError", async () => {
  const why = async (options: Parameters<typeof optionsOf>[0] = {}) =>
    GpuWorker.start(optionsOf(options)).then(
      () => "started",
      (error) => `${error.code}: ${error.message}`,
    );
  expect(await why({ device_index: 1 })).toBe(
    "gpu_unavailable: The GPU cannot be used: device_index 1: the driver shows 1 GPUs.",
  );
  expect(await why({ python: "/no/such/python" })).toMatch(
    /^gpu_unavailable: .*Python could not be started: .*ENOENT/u,
  );
  useDriver("CU_INIT_STATUS=803");
  expect(await why()).toMatch(/^gpu_unavailable: .*CUDA_ERROR_SYSTEM_DRIVER_MISMATCH \(803\)/u);
  useDriver("CU_INIT_STATUS=100");
  expect(await why()).toMatch(/^gpu_unavailable: .*CUDA_ERROR_NO_DEVICE \(100\)/u);
  vi.stubEnv("LD_LIBRARY_PATH", "/no/such/folder");
  expect(await why()).toMatch(/^gpu_unavailable: .*cannot be loaded: libcuda\.so\.1|^started/u);
});

testWithDriver("a GPU that computes wrongly is not used", async () => {
  useDriver("BAD_PROBE");
  await expect(GpuWorker.start(optionsOf())).rejects.toMatchObject({
    code: "gpu_unhealthy",
    message: expect.stringContaining("element 77 is"),
    hint: expect.stringContaining("nvidia-smi"),
  });
  expect(runners()).toEqual([]);
});

testWithDriver("a driver that hangs at the start is left when the call is cancelled", async () => {
  useDriver("HELLO_HANGS");
  const controller = new AbortController();
  const start = GpuWorker.start(optionsOf({ signal: controller.signal }));
  setTimeout(() => controller.abort(), 500);
  await expect(start).rejects.toMatchObject({ code: "cancelled" });
  expect(runners()).toEqual([]);
});

testWithDriver("a cancelled run ends its process and throws", async () => {
  const controller = new AbortController();
  const worker = await started({ signal: controller.signal });
  await worker.load("candidate", fakeModule("fake_hang"));
  const run = worker.run([launch("fake_hang"), { do: "synchronize" }], { time_limit_ms: 20_000 });
  setTimeout(() => controller.abort(), 100);
  await expect(run).rejects.toMatchObject({ code: "cancelled" });
  await expect(worker.run([], limit)).rejects.toMatchObject({ code: "cancelled" });
  expect(runners()).toEqual([]);
});

testWithDriver(
  "without management of address space the slots are small and unguarded",
  async () => {
    useDriver("NO_VMM");
    const worker = await started();
    expect(worker.guarded).toBe(false);
    // 80 % of the stand-in's 4 GiB, for 16 slots, in steps of 2 MiB.
    expect(worker.slot_bytes).toBe(204n << 20n);
  },
);

testWithDriver.each(["SIGTERM", "SIGKILL", "exit"] as const)(
  "nothing is left behind when our process ends by %s in the middle of a run",
  async (how) => {
    const child = spawn(
      process.execPath,
      ["--import", "tsx", "--input-type=module", "-e", busy(how)],
      {
        cwd: path.resolve(import.meta.dirname, "../.."),
        env: { ...process.env, LD_LIBRARY_PATH: fakeDriver() },
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    const [text] = (await once(child.stdout, "data")) as [Buffer];
    const pid = Number(text.toString());
    expect(isAlive(pid)).toBe(true);
    if (how !== "exit") child.kill(how);
    await vi.waitUntil(() => !isAlive(pid), { timeout: 5000 });
  },
);

testWithDriver("a worker that is idle does not keep its process", () => {
  const script = `
    import { GpuWorker } from "./tools/worker/client.ts";
    const { signal } = new AbortController();
    const worker = await GpuWorker.start({ python: "python3", device_index: 0, signal });
    console.log((await worker.run([], { time_limit_ms: 1000 })).ok);`;
  const output = execFileSync(
    process.execPath,
    ["--import", "tsx", "--input-type=module", "-e", script],
    {
      cwd: path.resolve(import.meta.dirname, "../.."),
      env: { ...process.env, LD_LIBRARY_PATH: fakeDriver() },
      timeout: 10_000,
    },
  );
  expect(output.toString()).toBe("true\n");
});

function busy(how: string): string {
  return `
    import { GpuWorker } from "./tools/worker/client.ts";
    const { signal } = new AbortController();
    const worker = await GpuWorker.start({ python: "python3", device_index: 0, signal });
    await worker.load("candidate", { bytes: Buffer.from(".version 6.3 fake_hang") });
    const step = ${JSON.stringify({ ...launch("fake_hang"), params: [] })};
    void worker.run([step, { do: "synchronize" }], { time_limit_ms: 60000 });
    console.log(worker.pid);
    if ("${how}" === "exit") setTimeout(() => process.exit(0), 300);`;
}

/** Process ids of runners that this process has started and that are still there. */
function runners(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/u.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        const parent = /^PPid:\s+([0-9]+)$/mu.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return Number(parent?.[1]) === process.pid && command.includes("gpu_worker");
      } catch {
        return false;
      }
    });
}
