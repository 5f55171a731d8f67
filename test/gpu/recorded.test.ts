import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { requireDevice } from "../../tools/gpu/devices.ts";
import { limitsOf } from "../../tools/gpu/limits.ts";
import { parseProbe } from "../../tools/gpu/query.ts";

/** What probe.py printed on an H200 (driver 580.159.04, 2026-11-22). */
const recorded = new URL("../fixtures/gpu/h200-probe.json", import.meta.url);

test("what a real H200 said of itself is read whole, and is what the table says of it", () => {
  const query = parseProbe(readFileSync(recorded, "utf8"));
  const [gpu] = query?.gpus ?? [];
  expect(gpu?.name).toBe("NVIDIA H200");
  const limits = gpu && limitsOf(gpu);
  // The bus width differs by card (6016 here), and so do usable memory and bandwidth.
  const { memory_bus_bits, memory_bytes, peak_gbps, ...table } = requireDevice("H200");
  expect(limits).toMatchObject(table);
  expect((limits?.peak_gbps ?? 0) / peak_gbps).toBeCloseTo(1, 1);
  expect(memory_bus_bits - (limits?.memory_bus_bits ?? 0)).toBeLessThanOrEqual(128);
  expect((limits?.memory_bytes ?? 0) / memory_bytes).toBeCloseTo(1, 1);
});
