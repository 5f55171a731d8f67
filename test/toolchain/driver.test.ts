import { expect, test } from "vitest";
import { driverTooOld, parseKernelDriver } from "../../tools/toolchain/driver.ts";

// The first line of /proc/driver/nvidia/version, as both kinds of the kernel module write it.
const proprietary =
  "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024\n";
const open =
  "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder)\n";

test("the driver's version is read from the kernel's own words", () => {
  expect(parseKernelDriver(`${proprietary}GCC version: gcc 12.2.0\n`)).toBe("550.54.15");
  expect(parseKernelDriver(open)).toBe("580.65.06");
  expect(parseKernelDriver("")).toBeUndefined();
});

test("CUDA 13 needs driver 580, CUDA 12 does not, and no driver is none too old", () => {
  expect(driverTooOld("550.54.15", 13)).toBe(true);
  expect(driverTooOld("579.99", 13)).toBe(true);
  expect(driverTooOld("580.65.06", 13)).toBe(false);
  expect(driverTooOld("550.54.15", 12)).toBe(false);
  expect(driverTooOld(undefined, 13)).toBe(false);
});
