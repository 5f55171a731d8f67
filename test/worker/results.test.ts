import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import * as z from "zod";

const file = path.join(import.meta.dirname, "results/nvidia-h200-runner.json");
const scripts = ["prove_on_gpu.py", "prove_losses.py"];
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
  const text = scripts.map((name) => readFileSync(path.join(import.meta.dirname, name), "utf8"));
  const named = [...text.join("").matchAll(/ check\("([^"{]+)"/gu)];
  expect(named.length).toBeGreaterThan(20);
  expect(named.map(([, name]) => name).filter((name) => !((name as string) in checks))).toEqual([]);
  expect(times.hang_healthy_again_ms).toBeLessThan(2000);
});
