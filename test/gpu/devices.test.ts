import { expect, test } from "vitest";
import { deviceForArch, devices, requireDevice } from "../../tools/gpu/devices.ts";

const archs = [
  ["sm_75", "T4"],
  ["sm_80", "A100"],
  ["sm_86", "A10"],
  ["sm_89", "L4"],
  ["sm_90", "H100"],
  ["sm_90a", "H100"],
  ["sm_100", "B200"],
  ["sm_103", "B300"],
  ["sm_110", "Thor"],
  ["sm_120", "RTX5090"],
  ["sm_121", "GB10"],
] as const;

test.each(archs)("%s is stood for by %s", (arch, name) => {
  expect(deviceForArch(arch).name).toBe(name);
});

test("an arch without a device of its own has the nearest older one of its major version", () => {
  expect(deviceForArch("sm_88").compute_capability).toBe("8.7");
  expect(() => deviceForArch("sm_70")).toThrowError(
    expect.objectContaining({ code: "invalid_argument", hint: expect.stringContaining("sm_75") }),
  );
});

test("a device is known however its name is written", () => {
  for (const name of ["RTX4090", "rtx 4090", "NVIDIA RTX-4090"]) {
    expect(requireDevice(name).name).toBe("RTX4090");
  }
  expect(() => requireDevice("V100")).toThrowError(
    expect.objectContaining({
      message: 'No device is called "V100".',
      hint: expect.stringMatching(/T4, A100, .* and GB10/u),
    }),
  );
});

test("every device's limits fit together", () => {
  for (const device of devices) {
    expect(device.shared_per_block_optin_bytes + device.reserved_shared_per_block_bytes).toBe(
      device.shared_per_sm_bytes,
    );
    expect(device.max_threads_per_sm % device.warp_size).toBe(0);
    expect(device.max_blocks_per_sm * device.warp_size).toBeLessThanOrEqual(
      device.max_threads_per_sm,
    );
    expect(new Set(devices.map((one) => one.name)).size).toBe(devices.length);
  }
});
