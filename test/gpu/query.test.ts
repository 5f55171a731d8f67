import path from "node:path";
import { describe, expect, test } from "vitest";
import { limitsOf, peakGbps } from "../../tools/gpu/limits.ts";
import { type Gpu, parseProbe, queryGpus } from "../../tools/gpu/query.ts";
import { enterSandbox, hasKernelDriver, writeProgram } from "../toolchain/sandbox.ts";
import { useFakeDriver, whyNoFakeDriver } from "./fake-driver.ts";

describe("the probe asks the driver's libraries", () => {
  test("for each GPU's limits and state, matched by PCI bus", async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    useFakeDriver();
    const query = await queryGpus();
    expect(query).toMatchObject({
      asked: "driver",
      driver_version: "580.65.06",
      cuda_driver_version: "13.0",
      errors: [],
    });
    expect(query.gpus).toHaveLength(2);
    expect(query.gpus[1]).toEqual({
      index: 1,
      name: "NVIDIA H200",
      compute_capability: "9.0",
      sms: 132,
      memory_bytes: 150754820096,
      memory_used_bytes: 600000000,
      l2_bytes: 62914560,
      shared_per_block_bytes: 49152,
      shared_per_block_optin_bytes: 232448,
      shared_per_sm_bytes: 233472,
      reserved_shared_per_block_bytes: 1024,
      registers_per_sm: 65536,
      registers_per_block: 65536,
      max_threads_per_sm: 2048,
      max_threads_per_block: 1024,
      max_blocks_per_sm: 32,
      warp_size: 32,
      memory_bus_bits: 6144,
      memory_clock_khz: 3201000,
      memory_clock_mhz: 3201,
      sm_clock_mhz: 345,
      max_sm_clock_mhz: 1980,
      power_limit_w: 700,
      power_w: 77.25,
      temperature_c: 31,
      busy_pct: 0,
      slowed_by: [],
      ecc: true,
      mig: false,
      integrated: false,
      pci_bus_id: "0000:5E:00.0",
      processes: [],
    });
  });

  test("for other processes, on the GPU that they are on", async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    useFakeDriver(["BUSY"]);
    const [first, second] = (await queryGpus()).gpus;
    expect(first?.memory_used_bytes).toBe(70000000000);
    expect(first?.processes?.[0]).toMatchObject({ pid: 1, memory_bytes: 69000000000 });
    expect(first?.processes?.[1]).not.toHaveProperty("memory_bytes");
    expect(first?.slowed_by).toEqual(["power_cap", "thermal_hardware"]);
    expect(second?.processes).toEqual([]);
  });

  test("under MIG for the part that CUDA shows, not for the whole GPU", async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    useFakeDriver(["MIG", "GPUS=1"]);
    const [gpu] = (await queryGpus()).gpus;
    expect(gpu).toMatchObject({ name: "NVIDIA H200 MIG 1g.18gb", mig: true, sms: 16 });
  });

  test("an older driver tells less, and the rest is left out", async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    useFakeDriver(["OLD_NVML"]);
    const [gpu] = (await queryGpus()).gpus;
    expect(gpu).toMatchObject({ sms: 132, power_limit_w: 700 });
    for (const name of ["mig", "processes", "slowed_by"]) expect(gpu).not.toHaveProperty(name);
  });

  test("without the management library CUDA's facts stand alone", async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    useFakeDriver([], "nvml");
    const query = await queryGpus();
    if (!hasKernelDriver) expect(query).not.toHaveProperty("driver_version");
    expect(query.gpus[0]).toMatchObject({ name: "NVIDIA H200", l2_bytes: 62914560 });
  });

  test("GPUs that CUDA cannot open are shown with the reason", async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    useFakeDriver(["CU_INIT_STATUS=803"]);
    const query = await queryGpus();
    expect(query.errors).toEqual(["cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"]);
    expect(query.gpus.map((gpu) => gpu.name)).toEqual(["NVIDIA H200", "NVIDIA H200"]);
    expect(query.gpus[0]).not.toHaveProperty("sms");
  });

  test("no device is an answer", async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    useFakeDriver(["CU_INIT_STATUS=100", "NVML_STATUS=9"]);
    const query = await queryGpus();
    expect(query.gpus).toEqual([]);
    expect(query.errors).toEqual([
      "nvmlInit: Driver Not Loaded (9)",
      "cuInit: CUDA_ERROR_NO_DEVICE (100)",
    ]);
  });
});

test("without Python nvidia-smi is asked, and what it does not know is left out", async () => {
  const sandbox = enterSandbox();
  writeProgram(
    path.join(sandbox.bin, "nvidia-smi"),
    `echo "0, Tesla T4, 7.5, 15360, 3, 580.65.06, Enabled, [N/A], 300, 1590, 405, 5001, 70.00, 00000000:00:1E.0"`,
  );
  expect(await queryGpus()).toEqual({
    asked: "nvidia-smi",
    driver_version: "580.65.06",
    errors: [],
    gpus: [
      {
        index: 0,
        name: "Tesla T4",
        compute_capability: "7.5",
        memory_bytes: 15360 * 1024 * 1024,
        memory_used_bytes: 3 * 1024 * 1024,
        ecc: true,
        sm_clock_mhz: 300,
        max_sm_clock_mhz: 1590,
        memory_clock_mhz: 405,
        memory_clock_khz: 5001000,
        power_limit_w: 70,
        pci_bus_id: "00000000:00:1E.0",
      },
    ],
  });
});

test("a machine without Python and without nvidia-smi has no GPU that we know of", async () => {
  enterSandbox();
  expect(await queryGpus()).toEqual({ asked: "nobody", errors: [], gpus: [] });
});

test("anything but the probe's own object is no answer", () => {
  expect(parseProbe("")).toBeUndefined();
  expect(parseProbe("Traceback (most recent call last):")).toBeUndefined();
  expect(parseProbe('{"gpus": [{"name": 3}], "errors": []}')).toBeUndefined();
});

describe("limits of a present GPU", () => {
  const h200: Gpu = {
    index: 0,
    name: "NVIDIA H200",
    compute_capability: "9.0",
    sms: 132,
    memory_clock_khz: 3201000,
    memory_bus_bits: 6144,
  };

  test("are the driver's words, and the arch's table where it says nothing", () => {
    expect(limitsOf({ ...h200, sms: 16 })).toMatchObject({
      name: "H200",
      arch: "sm_90",
      sms: 16,
      shared_per_block_optin_bytes: 232448,
      peak_gbps: 4917,
    });
    expect(limitsOf({ ...h200, compute_capability: "7.0" })).toBeUndefined();
  });

  test("bandwidth comes from clock and bus, but not on integrated GPUs, whose clock may mean another thing", () => {
    expect(peakGbps(h200)).toBe(4917);
    expect(peakGbps({ ...h200, integrated: true })).toBeUndefined();
    expect(peakGbps({ ...h200, memory_clock_khz: 0 })).toBeUndefined();
  });
});
