import { execFileSync, spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished, vi } from "vitest";
import { realProgram } from "../toolchain/sandbox.ts";

// A sandbox may have put a stand-in gcc on PATH by the time that the driver is built.
const realEnvironment = { ...process.env };

const source = path.resolve(import.meta.dirname, "../fixtures/gpu/fake_driver.c");

/** Why the driver's libraries cannot be stood in for on this machine; "" where they can. */
export const whyNoFakeDriver =
  process.platform !== "linux"
    ? "the stand-in driver is a Linux library"
    : spawnSync("gcc", ["--version"]).status === 0
      ? ""
      : "no gcc to build the stand-in driver with";

/**
 * Builds the stand-in for NVIDIA's two libraries with the given switches, and lets the probe of this
 * test find it before any real one. `without` leaves a library out.
 */
export function useFakeDriver(switches: readonly string[] = [], without?: "cuda" | "nvml"): void {
  const folder = mkdtempSync(path.join(tmpdir(), "kw-driver-"));
  const built = path.join(folder, "fake.so");
  const defines = switches.map((name) => `-D${name}`);
  execFileSync(realProgram("gcc"), ["-shared", "-fPIC", "-O1", ...defines, "-o", built, source], {
    env: realEnvironment,
  });
  if (without !== "cuda") copyFileSync(built, path.join(folder, "libcuda.so.1"));
  if (without !== "nvml") copyFileSync(built, path.join(folder, "libnvidia-ml.so.1"));
  vi.stubEnv("LD_LIBRARY_PATH", folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
}
