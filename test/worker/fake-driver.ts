import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll } from "vitest";

const source = path.resolve(import.meta.dirname, "../fixtures/worker/fake_driver.c");

/** Why the driver cannot be stood in for on this machine; "" where it can. */
export const whyNoFakeDriver =
  process.platform !== "linux"
    ? "the stand-in driver is a Linux library"
    : spawnSync("gcc", ["--version"]).status === 0
      ? ""
      : "no gcc to build the stand-in driver with";

const built = new Map<string, string>();

/** A folder with a libcuda.so.1 in it that has the given switches; put it on LD_LIBRARY_PATH. */
export function fakeDriver(switches: readonly string[] = []): string {
  const key = switches.join(" ");
  const found = built.get(key);
  if (found) return found;
  const folder = mkdtempSync(path.join(tmpdir(), "kw-fake-cuda-"));
  const output = path.join(folder, "libcuda.so.1");
  const defines = switches.map((name) => `-D${name}`);
  execFileSync("gcc", ["-shared", "-fPIC", "-O1", ...defines, "-o", output, source]);
  built.set(key, folder);
  return folder;
}

/** Call once in a test file that uses fakeDriver. */
export function removeFakeDrivers(): void {
  afterAll(() => {
    for (const folder of built.values()) rmSync(folder, { recursive: true, force: true });
    built.clear();
  });
}

/** PTX as far as the stand-in reads it: a module has the kernels that its text names. */
export function fakeModule(...kernels: string[]): { bytes: Uint8Array } {
  const entries = kernels.map((name) => `.visible .entry ${name}() { ret; }`);
  return { bytes: Buffer.from([".version 6.3", ...entries].join("\n")) };
}
