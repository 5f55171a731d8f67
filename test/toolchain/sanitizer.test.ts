import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  findSanitizer,
  requireSanitizer,
  searchSanitizer,
} from "../../tools/toolchain/sanitizer.ts";
import { installSanitizer, sanitizerRoot } from "../../tools/toolchain/sanitizer-install.ts";
import { wheelPlatform } from "../../tools/toolchain/wheels.ts";
import {
  bring,
  enterSandbox,
  hasSystemCuda,
  type Sandbox,
  writeConfig,
  writeProgram,
} from "./sandbox.ts";

/** Says what compute-sanitizer 2025.3.1 says. */
function writeSanitizer(file: string, version = "2025.3.1.0"): void {
  writeProgram(
    file,
    `echo "NVIDIA (R) Compute Sanitizer"
echo "Copyright (c) 2020-2025 NVIDIA Corporation"
echo "Version ${version} (build 36400806) (public-release)"`,
  );
}

const context = () => ({
  signal: new AbortController().signal,
  progress: () => undefined,
  mayInstallCompiler: false,
});

test("the order is config, CUDA_HOME, PATH, the user's cache; bin and the toolkit's own folder count", async () => {
  const sandbox = enterSandbox();
  const at = (...parts: string[]) => path.join(sandbox.folder, ...parts);
  writeSanitizer(at("config", "compute-sanitizer", "compute-sanitizer"), "1.0");
  writeSanitizer(at("home", "bin", "compute-sanitizer"), "2.0");
  writeSanitizer(path.join(sandbox.bin, "compute-sanitizer"), "3.0");
  writeSanitizer(path.join(sanitizerRoot(), "bin", "compute-sanitizer"), "4.0");
  writeConfig(sandbox, `cuda_home: ${at("config")}\n`);
  process.env.CUDA_HOME = at("home");

  expect(await findSanitizer()).toEqual({
    program: at("config", "compute-sanitizer", "compute-sanitizer"),
    version: "1.0",
    found_by: "config",
  });
  writeConfig(sandbox, "");
  expect(await findSanitizer()).toMatchObject({ version: "2.0", found_by: "CUDA_HOME" });
  delete process.env.CUDA_HOME;
  expect(await findSanitizer()).toMatchObject({ version: "3.0", found_by: "PATH" });
  process.env.PATH = path.join(sandbox.folder, "empty");
  if (!hasSystemCuda) {
    expect(await findSanitizer()).toMatchObject({ version: "4.0", found_by: "user_cache" });
  }
});

test("one that does not run is refused by name, and the next is taken", async () => {
  const sandbox = enterSandbox();
  const broken = path.join(sandbox.folder, "home", "bin", "compute-sanitizer");
  writeProgram(broken, "exit 1");
  writeSanitizer(path.join(sandbox.bin, "compute-sanitizer"));
  process.env.CUDA_HOME = path.join(sandbox.folder, "home");
  const { sanitizer, refused } = await searchSanitizer();
  expect(sanitizer?.found_by).toBe("PATH");
  expect(refused).toEqual([{ program: broken, reason: "it does not tell its version" }]);
});

test.skipIf(hasSystemCuda)("without one the error says how to get it", async () => {
  enterSandbox();
  await expect(requireSanitizer(context())).rejects.toMatchObject({
    code: "prerequisite_missing",
    hint: expect.stringContaining("kernelwright setup --sanitizer"),
  });
});

/** A `uv` that writes a tree like the wheel's; each run is a line in uv-runs.txt. */
function writeFakeUv(sandbox: Sandbox, version = 'echo "Version 2026.3.0.0 (build 1)"'): void {
  writeProgram(
    path.join(sandbox.bin, "uv"),
    `[ "$1" = "--version" ] && exit 0
echo run >> "${sandbox.bin}/uv-runs.txt"
while [ $# -gt 0 ]; do
  if [ "$1" = --target ]; then TREE="$2"; fi
  if [ "$1" = -r ]; then cp "$2" "${sandbox.bin}/requirements.txt"; fi
  shift
done
mkdir -p "$TREE/nvidia/cu13/bin"
printf '#!/bin/sh\\n%s\\n' '${version}' > "$TREE/nvidia/cu13/bin/compute-sanitizer"`,
  );
}

const noWheels = "reason" in wheelPlatform();

test.skipIf(noWheels)("it is installed once, by hash, whole or not at all", async () => {
  const sandbox = enterSandbox();
  bring(sandbox, "python3");
  writeFakeUv(sandbox);
  const runs = () => readFileSync(path.join(sandbox.bin, "uv-runs.txt"), "utf8").trim().split("\n");
  await Promise.all([installSanitizer(context()), installSanitizer(context())]);
  await installSanitizer(context());
  expect(runs()).toEqual(["run"]);
  expect(readFileSync(path.join(sandbox.bin, "requirements.txt"), "utf8")).toMatch(
    /^nvidia-cuda-sanitizer-api==[\d.]+ --hash=sha256:[0-9a-f]{64}\n$/u,
  );
  if (!hasSystemCuda) {
    expect(await findSanitizer()).toMatchObject({ version: "2026.3.0.0", found_by: "user_cache" });
  }
});

test.skipIf(noWheels)("one that does not start here is not kept", async () => {
  const sandbox = enterSandbox();
  bring(sandbox, "python3");
  writeFakeUv(sandbox, "exit 1");
  await expect(installSanitizer(context())).rejects.toMatchObject({ code: "install_failed" });
  expect(existsSync(sanitizerRoot())).toBe(false);
});

test.skipIf(noWheels)("a download that fails names the sanitizer, not the compiler", async () => {
  const sandbox = enterSandbox();
  bring(sandbox, "python3");
  writeProgram(
    path.join(sandbox.bin, "uv"),
    `[ "$1" = "--version" ] && exit 0; echo "error: Connection refused" >&2; exit 1`,
  );
  await expect(installSanitizer(context())).rejects.toMatchObject({
    code: "network_unavailable",
    message: expect.stringContaining("compute-sanitizer could not be downloaded"),
    hint: expect.stringContaining("kernelwright setup --sanitizer"),
  });
});
