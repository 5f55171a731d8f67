import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runLocally } from "../../tools/executors/local.ts";
import { type DeviceLimits, requireDevice } from "../../tools/gpu/devices.ts";
import { packageData } from "../../tools/paths.ts";
import { requireHostCompiler } from "../../tools/toolchain/host-compiler.ts";
import { buildFolder, compilerOrReason, sources } from "./library.ts";

const compiler = await compilerOrReason();
const build = buildFolder();
afterAll(build.remove);

describe.skipIf(typeof compiler === "string")("the stand-in's occupancy", () => {
  const program = path.join(build.folder, "compare_occupancy");

  beforeAll(async () => {
    if (typeof compiler === "string") return;
    const standIn = packageData("tools", "record", "stand_in");
    const { cc } = await requireHostCompiler();
    const result = await runLocally(
      [
        ...[cc, "-O1", "-std=gnu11", "-I", standIn, "-I", sources],
        ...["-I", path.join(compiler.root, "include"), "-o", program],
        ...["compare_occupancy.c", "nvidia_occupancy.c"].map((file) => path.join(sources, file)),
        path.join(standIn, "occupancy.c"),
      ],
      { timeoutMs: 60_000 },
    );
    expect(result.stderr).toBe("");
  }, 60_000);

  const names = ["T4", "A100", "A10", "L4", "H100", "B200", "Thor", "RTX5090", "GB10"];

  test.each(names)("is that of NVIDIA's calculator on a %s, for 200,000 kernels", async (name) => {
    const result = await runLocally([program, ...limits(requireDevice(name))], {
      timeoutMs: 60_000,
    });
    const [, compared, different] = /compared (\d+) different (\d+)/u.exec(result.stdout) ?? [];
    expect({ different, stdout: result.stdout.split("\n").slice(0, 5) }).toMatchObject({
      different: "0",
    });
    expect(Number(compared)).toBeGreaterThan(200_000);
  });
});

function limits(device: DeviceLimits): string[] {
  return [
    ...device.compute_capability.split("."),
    ...[device.sms, device.max_threads_per_block, device.max_threads_per_sm],
    ...[device.max_blocks_per_sm, device.registers_per_block, device.registers_per_sm],
    ...[device.shared_per_block_bytes, device.shared_per_block_optin_bytes],
    ...[device.shared_per_sm_bytes, device.reserved_shared_per_block_bytes],
  ].map(String);
}
