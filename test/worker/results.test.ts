import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import * as z from "zod";

const file = path.join(import.meta.dirname, "results/nvidia-h200-runner.json");
const script = path.join(import.meta.dirname, "prove_on_gpu.py");
const schema = z.object({
  device: z.string(),
  driver_version: z.string(),
  date: z.iso.date(),
  times: z.record(z.string(), z.number()),
  checks: z.record(z.string(), z.boolean()),
});

test("everything that prove_on_gpu.py looks at held on the H200", () => {
  const { device, checks, times } = schema.parse(JSON.parse(readFileSync(file, "utf8")));
  expect(device).toBe("NVIDIA H200");
  expect(Object.entries(checks).filter(([, held]) => !held)).toEqual([]);
  // What the script checks by a fixed name was checked: the file is not of an older script.
  const named = [...readFileSync(script, "utf8").matchAll(/ check\("([^"{]+)"/gu)];
  expect(named.length).toBeGreaterThan(20);
  expect(named.map(([, name]) => name).filter((name) => !((name as string) in checks))).toEqual([]);
  expect(times.hang_healthy_again_ms).toBeLessThan(2000);
});
