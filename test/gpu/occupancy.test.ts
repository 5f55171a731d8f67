import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { runLocally } from "../../tools/executors/local.ts";
import { devices, requireDevice } from "../../tools/gpu/devices.ts";
import { occupancy } from "../../tools/gpu/occupancy.ts";
import { findHostCompiler } from "../../tools/toolchain/host-compiler.ts";
import { compilerOrReason, fixtures } from "../build/compiler.ts";

const compiler = await compilerOrReason();
const needs = { threads_per_block: 256, registers_per_thread: 32, shared_bytes: 0 };

test("a block that leaves room for eight of them on an H100 fills it with warps", () => {
  expect(occupancy(requireDevice("H100"), needs)).toEqual({
    blocks_per_sm: 8,
    warps_per_sm: 64,
    occupancy_pct: 100,
    limited_by: "threads",
  });
});

test("what limits is named: registers, shared memory, the number of blocks", () => {
  const h100 = requireDevice("H100");
  expect(occupancy(h100, { ...needs, registers_per_thread: 80 }).limited_by).toBe("registers");
  expect(occupancy(h100, { ...needs, shared_bytes: 100_000 }).limited_by).toBe("shared");
  expect(occupancy(h100, { ...needs, threads_per_block: 32 }).limited_by).toBe("blocks");
});

test("a block that cannot be launched fits zero times", () => {
  const t4 = requireDevice("T4");
  expect(occupancy(t4, { ...needs, threads_per_block: 1056 }).blocks_per_sm).toBe(0);
  expect(occupancy(t4, { ...needs, shared_bytes: 65_537 }).blocks_per_sm).toBe(0);
  const heavy = { threads_per_block: 1024, registers_per_thread: 65, shared_bytes: 0 };
  expect(occupancy(t4, heavy).blocks_per_sm).toBe(0);
});

test.skipIf(typeof compiler === "string")(
  "blocks per SM equal those of NVIDIA's cuda_occupancy.h on every device of the table",
  async () => {
    if (typeof compiler === "string") return;
    const cxx = (await findHostCompiler())?.cxx ?? "g++";
    const folder = mkdtempSync(path.join(tmpdir(), "kernelwright-occupancy-"));
    try {
      const program = path.join(folder, "reference");
      const source = path.join(fixtures, "occupancy-reference.cpp");
      const include = ["-I", path.join(compiler.root, "include")];
      const timeoutMs = 60_000;
      await runLocally([cxx, "-O1", ...include, source, "-o", program], { timeoutMs });
      const cases = everyCase();
      const input = cases.map((one) => one.line).join("\n");
      const { stdout } = await runLocally([program], { input, timeoutMs });
      const expected = stdout.trim().split("\n").map(Number);
      expect(expected).toHaveLength(cases.length);
      const wrong = cases.filter((one, i) => one.blocks !== expected[i]);
      expect(wrong).toEqual([]);
      expect(new Set(expected).size).toBeGreaterThan(10);
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
);

function everyCase() {
  const cases: { line: string; blocks: number }[] = [];
  for (const device of devices) {
    for (const threads of [1, 32, 33, 96, 128, 160, 256, 384, 512, 768, 1000, 1024]) {
      for (const registers of [8, 16, 24, 32, 33, 40, 56, 64, 65, 80, 96, 128, 168, 255]) {
        for (const shared of [0, 1, 128, 1024, 5000, 16_384, 48_000, 49_152, 60_000, 100_000]) {
          const optin = shared > device.shared_per_block_bytes;
          const limits = [
            ...device.compute_capability.split("."),
            device.max_threads_per_sm,
            device.max_threads_per_block,
            device.max_blocks_per_sm,
            device.registers_per_sm,
            device.registers_per_block,
            device.shared_per_sm_bytes,
            device.shared_per_block_bytes,
            device.shared_per_block_optin_bytes,
            device.reserved_shared_per_block_bytes,
          ];
          const [fixed, dynamic] = optin ? [0, shared] : [shared, 0];
          const line = [...limits, threads, registers, fixed, dynamic].join(" ");
          const block = {
            threads_per_block: threads,
            registers_per_thread: registers,
            shared_bytes: shared,
          };
          const blocks = occupancy(device, block).blocks_per_sm;
          cases.push({ line, blocks });
        }
      }
    }
  }
  return cases;
}
