import { readFile } from "node:fs/promises";
import { runLocally } from "../executors/local.ts";
import { findProgram } from "./programs.ts";

/** CUDA 13 needs a driver of this branch or newer (NVIDIA's table of minor-version compatibility). */
export const firstDriverOfCuda13 = 580;

/**
 * The version of the NVIDIA kernel driver ("580.65.06"), or undefined on a machine without one.
 * The kernel's own file first, since it costs nothing; nvidia-smi where there is none (WSL, Windows).
 */
export async function findDriver(
  kernelFile = "/proc/driver/nvidia/version",
): Promise<string | undefined> {
  const fromKernel = await readFile(kernelFile, "utf8").catch(() => "");
  const version = parseKernelDriver(fromKernel);
  if (version) return version;
  const smi = findProgram("nvidia-smi");
  if (!smi) return undefined;
  const asked = await runLocally([smi, "--query-gpu=driver_version", "--format=csv,noheader"], {
    timeoutMs: 3000,
  });
  return asked.exit_code === 0 ? /^\d+\.[\d.]+/mu.exec(asked.stdout)?.[0] : undefined;
}

/** From the line "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar ...". */
export function parseKernelDriver(text: string): string | undefined {
  return /^NVRM version:.*?\s(\d{3,}\.\d+(?:\.\d+)?)\s/mu.exec(text)?.[1];
}

/** True where code of this CUDA major version cannot run: a driver is there and is too old. */
export function driverTooOld(driver: string | undefined, cudaMajor: number): boolean {
  return (
    driver !== undefined && cudaMajor >= 13 && Number.parseInt(driver, 10) < firstDriverOfCuda13
  );
}
