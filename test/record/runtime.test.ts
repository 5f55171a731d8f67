import { existsSync, mkdtempSync, readdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { standInRuntime } from "../../tools/record/runtime.ts";
import { findHostCompiler } from "../../tools/toolchain/host-compiler.ts";

const compiler = await findHostCompiler();
if (!compiler) console.warn("SKIPPED: no C compiler was found to build the stand-in runtime with");

vi.setConfig({ testTimeout: 30_000 });

describe.skipIf(!compiler || process.platform !== "linux")("the stand-in runtime", () => {
  let cache: string;

  beforeEach(() => {
    cache = mkdtempSync(path.join(tmpdir(), "kernelwright-test-cache-"));
    vi.stubEnv("XDG_CACHE_HOME", cache);
  });

  afterEach(async () => {
    vi.unstubAllEnvs();
    await rm(cache, { recursive: true, force: true });
  });

  test("is built once for callers that ask at once, and leaves nothing half-made", async () => {
    const [first, second] = await Promise.all([standInRuntime(), standInRuntime()]);
    expect(second).toBe(first);
    const folders = readdirSync(path.join(cache, "kernelwright", "record"));
    expect(folders).toHaveLength(1);
    expect(path.basename(path.dirname(first.executable))).toBe(folders[0]);
  });

  test("is built again after the cache was cleaned away", async () => {
    const first = await standInRuntime();
    await rm(path.join(cache, "kernelwright"), { recursive: true });
    const second = await standInRuntime();
    expect(second.executable).toBe(first.executable);
    expect(existsSync(second.executable)).toBe(true);
  });

  test("offers the runtime's functions under their names, and nothing of its own", async () => {
    const { provided } = await standInRuntime();
    expect([...provided].filter((name) => /^(__)?cuda/u.test(name)).length).toBeGreaterThan(55);
    expect(provided).toContain("cudaLaunchKernelExC");
    for (const own of ["refuse", "find_kernel", "record_begin", "device", "cudaDeviceReset"]) {
      expect(provided).not.toContain(own);
    }
  });
});
