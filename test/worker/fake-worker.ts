import { afterEach, beforeEach, test, vi } from "vitest";
import { GpuWorker, type GpuWorkerOptions } from "../../tools/worker/client.ts";
import { fakeDriver, removeFakeDrivers, whyNoFakeDriver } from "./fake-driver.ts";

export const testWithDriver = test.skipIf(whyNoFakeDriver !== "");
export const limit = { time_limit_ms: 2000 };

const open: GpuWorker[] = [];

/** Call once in a test file: each test has the stand-in driver, and no worker outlives its test. */
export function useFakeWorkers(): void {
  removeFakeDrivers();
  if (whyNoFakeDriver) console.warn(`SKIPPED tests of the GPU worker: ${whyNoFakeDriver}`);
  beforeEach(() => {
    if (!whyNoFakeDriver) useDriver();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((worker) => worker.close()));
    vi.unstubAllEnvs();
  });
}

export function useDriver(...switches: string[]): void {
  vi.stubEnv("LD_LIBRARY_PATH", fakeDriver(switches));
}

export async function started(options: Partial<GpuWorkerOptions> = {}): Promise<GpuWorker> {
  return closedAfterwards(await GpuWorker.start(optionsOf(options)));
}

export function optionsOf(options: Partial<GpuWorkerOptions> = {}): GpuWorkerOptions {
  const { signal } = new AbortController();
  return { python: "python3", device_index: 0, signal, ...options };
}

export function closedAfterwards(worker: GpuWorker): GpuWorker {
  open.push(worker);
  return worker;
}

export function endOf(worker: GpuWorker, slot: number): bigint {
  return worker.base + BigInt(slot + 1) * worker.slot_bytes;
}

export function launch(kernel: string, params: Uint8Array[] = []) {
  return {
    do: "launch" as const,
    module: "candidate",
    kernel,
    grid: [1, 1, 1] as [number, number, number],
    block: [1, 1, 1] as [number, number, number],
    dynamic_shared_bytes: 0,
    params,
  };
}

export function u32(value: number): Uint8Array {
  return new Uint8Array(new Uint32Array([value]).buffer);
}

export function u64(value: bigint): Uint8Array {
  return new Uint8Array(new BigUint64Array([value]).buffer);
}

/** What the step at that index read. */
export function bytesOf(reply: unknown, at: number): number[] {
  const { results } = reply as { results: ({ data: Uint8Array } | null)[] };
  return [...(results[at]?.data ?? [])];
}
