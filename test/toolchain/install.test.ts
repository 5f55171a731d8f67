import { type ChildProcess, spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Progress } from "../../tools/tool.ts";
import { findCompiler } from "../../tools/toolchain/compiler.ts";
import { installCompiler } from "../../tools/toolchain/install.ts";
import {
  downloadBytes,
  requirements,
  toolchainFolder,
  toolchainRoot,
} from "../../tools/toolchain/wheels.ts";
import { bringPrerequisites, writeFailing, writeFakePip, writeFakeUv } from "./fake-downloaders.ts";
import {
  enterSandbox,
  hasKernelDriver,
  realProgram,
  type Sandbox,
  writeProgram,
} from "./sandbox.ts";

const isLinux = process.platform === "linux";

describe.runIf(isLinux)("installing the compiler", () => {
  test("leaves a toolchain with both links, found in the user's cache, and nothing beside it", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox);
    const compiler = await install();
    expect(compiler).toMatchObject({ found_by: "user_cache", version: "13.0.88" });
    expect(readlinkSync(path.join(compiler.root, "lib64"))).toBe("lib");
    expect(readlinkSync(path.join(compiler.root, "lib/libcudart.so"))).toBe("libcudart.so.13");
    expect(readdirSync(path.dirname(toolchainFolder())).sort()).toEqual(
      [path.basename(toolchainFolder()), "proofs"].sort(),
    );
  });

  test("asks for pinned versions by hash, without their dependencies", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox);
    await install();
    const words = readFileSync(path.join(sandbox.bin, "uv-runs.txt"), "utf8");
    for (const word of ["--require-hashes", "--no-deps", "--only-binary :all:"]) {
      expect(words).toContain(word);
    }
    const lines = readFileSync(path.join(sandbox.bin, "requirements.txt"), "utf8").trim();
    for (const line of lines.split("\n")) {
      expect(line).toMatch(/^nvidia-[a-z-]+==[\d.]+ --hash=sha256:[0-9a-f]{64}$/u);
    }
    expect(lines.split("\n")).toHaveLength(7);
  });

  test("a second time downloads nothing", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox);
    await install();
    await install();
    expect(runsOf(sandbox)).toBe(1);
  });

  test("uses pip where there is no uv, and shows the bytes as they come", async () => {
    const sandbox = installable();
    writeFakePip(sandbox, { seconds: 1.3 });
    const seen: Progress[] = [];
    await install(seen);
    const messages = seen.map(({ message }) => message);
    expect(messages.some((message) => message.includes("with pip: 38.1 MiB of 10"))).toBe(true);
    expectMonotonic(seen);
  });

  test("a uv that is only a shim of one is left aside", async () => {
    const sandbox = installable();
    writeProgram(path.join(sandbox.bin, "uv"), "echo 'pyenv: uv: command not found' >&2; exit 127");
    writeFakePip(sandbox);
    expect((await install()).found_by).toBe("user_cache");
  });

  test("shows what the real uv says as bytes that only grow", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox, { says: "uv-installed.txt" });
    const seen: Progress[] = [];
    await install(seen);
    const messages = seen.map(({ message }) => message).join("\n");
    expect(messages).toMatch(/with uv: 0 B of 10\d\.\d MiB/u);
    expect(messages).toMatch(/with uv: 10\d\.\d MiB of 10\d\.\d MiB/u);
    expectMonotonic(seen);
  });

  test("a compiler that does not compile the probe is not kept", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox, { compile: "echo 'probe.cu(1): error: no' >&2; exit 2" });
    await expect(install()).rejects.toMatchObject({
      code: "install_failed",
      message: expect.stringContaining("nvcc ended with exit code 2. probe.cu(1): error: no"),
    });
    expect(existsSync(toolchainFolder())).toBe(false);
  });

  test("a toolchain that was damaged is replaced by a whole one", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox);
    await install();
    rmSync(path.join(toolchainRoot(), "bin", "nvdisasm"));
    await install();
    expect(existsSync(path.join(toolchainRoot(), "bin", "nvdisasm"))).toBe(true);
    expect(runsOf(sandbox)).toBe(2);
  });

  test("cancelling ends the downloader and leaves nothing", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox, { seconds: 30 });
    const cancel = new AbortController();
    const installing = installCompiler({ signal: cancel.signal, progress: () => undefined });
    installing.catch(() => undefined);
    await until(() => partsOf(sandbox).length > 0 && runsOf(sandbox) > 0);
    cancel.abort();
    await expect(installing).rejects.toMatchObject({ code: "cancelled" });
    expect(partsOf(sandbox)).toEqual([]);
    expect(existsSync(`${toolchainFolder()}.lock`)).toBe(false);
  });
});

describe.runIf(isLinux)("several processes", () => {
  test("two that start at once: one downloads, both have the compiler", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox, { seconds: 1 });
    const both = await Promise.all([ended(startInstaller()), ended(startInstaller())]);
    expect(both.map(({ stdout }) => stdout.trim())).toEqual([toolchainRoot(), toolchainRoot()]);
    expect(runsOf(sandbox)).toBe(1);
    expect(both.map(({ stderr }) => stderr).join("")).toMatch(
      /Waiting for process \d+ on .*, which is installing the CUDA compiler/u,
    );
  });

  test("one that is killed halfway leaves no toolchain, and the next one takes over at once", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox, { seconds: 4 });
    const installer = startInstaller();
    await until(() => runsOf(sandbox) > 0 && existsSync(`${toolchainFolder()}.lock`));
    await sleep(200);
    installer.kill("SIGKILL");
    await ended(installer);
    expect(partsOf(sandbox)).toHaveLength(1);
    expect(await findCompiler()).toBeUndefined();

    writeFakeUv(sandbox);
    const start = Date.now();
    expect((await install()).root).toBe(toolchainRoot());
    expect(Date.now() - start).toBeLessThan(3000);
    expect(partsOf(sandbox)).toEqual([]);
  });
});

describe.runIf(isLinux)("what fails is said with what to do", () => {
  const cases: [string, "uv" | "pip", string, string, RegExp][] = [
    ["uv without a network", "uv", "uv-no-network.txt", "network_unavailable", /name resolution/u],
    ["uv at a dead proxy", "uv", "uv-refused-by-proxy.txt", "network_unavailable", /refused/u],
    ["pip without a network", "pip", "pip-no-network.txt", "network_unavailable", /name resolut/u],
    ["pip at a dead proxy", "pip", "pip-refused-by-proxy.txt", "network_unavailable", /refused/u],
    ["uv, another file", "uv", "uv-wrong-hash.txt", "install_failed", /sha256 is not the pinned/u],
    ["pip, another file", "pip", "pip-wrong-hash.txt", "install_failed", /sha256 is not the pinn/u],
    ["uv on a full disk", "uv", "uv-disk-full.txt", "disk_full", /No space left/u],
    ["pip on a full disk", "pip", "pip-disk-full.txt", "disk_full", /No space left/u],
  ];
  test.each(cases)("%s", async (_name, downloader, fixture, code, message) => {
    const sandbox = installable();
    writeFailing(sandbox, downloader, fixture);
    await expect(install()).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });
    expect(partsOf(sandbox)).toEqual([]);
    expect(existsSync(toolchainFolder())).toBe(false);
  });

  test("without a network the hint says what to install by hand and where it is looked for", async () => {
    const sandbox = installable();
    writeFailing(sandbox, "uv", "uv-no-network.txt");
    await expect(install()).rejects.toMatchObject({
      hint: expect.stringMatching(/CUDA toolkit 12 or 13.*CUDA_HOME.*\/usr\/local\/cuda.*Or copy/u),
    });
  });

  test("no C++ compiler is said before anything is downloaded", async () => {
    const sandbox = enterSandbox();
    writeFakeUv(sandbox);
    await expect(install()).rejects.toMatchObject({
      code: "prerequisite_missing",
      hint: expect.stringMatching(/g\+\+|gcc/u),
    });
    expect(runsOf(sandbox)).toBe(0);
  });

  test("neither uv nor a Python", async () => {
    const sandbox = installable();
    rmSync(path.join(sandbox.bin, "python3"));
    await expect(install()).rejects.toMatchObject({
      code: "prerequisite_missing",
      message: expect.stringContaining("No Python 3.8 or newer"),
    });
  });

  test("a cache that cannot be written", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox);
    writeFileSync(path.join(sandbox.folder, "cache"), "a file where the folder should be");
    await expect(install()).rejects.toMatchObject({
      code: "install_failed",
      hint: expect.stringContaining("XDG_CACHE_HOME"),
    });
  });

  test("a Python without pip and without ensurepip, as Debian's may be", async () => {
    const sandbox = installable();
    const real = realProgram("python3");
    const script = `case "$2" in pip|venv) exit 1;; esac; exec ${real} "$@"`;
    writeProgram(path.join(sandbox.bin, "python3"), script);
    await expect(install()).rejects.toMatchObject({
      code: "prerequisite_missing",
      message: expect.stringContaining("has no pip"),
      hint: expect.stringMatching(/^Run: .*pip.* \(or put uv on PATH\)$/u),
    });
  });

  test.skipIf(hasKernelDriver)("a driver that serves CUDA 12 only", async () => {
    const sandbox = installable();
    writeFakeUv(sandbox);
    writeProgram(path.join(sandbox.bin, "nvidia-smi"), "echo 550.54.15");
    await expect(install()).rejects.toMatchObject({
      code: "compiler_missing",
      message: expect.stringContaining("driver 550.54.15"),
      hint: expect.stringContaining("cuda-toolkit-12-9"),
    });
  });
});

test("the real wheels, really installed", { timeout: 600_000 }, async (context) => {
  if (process.env.KERNELWRIGHT_TEST_INSTALL !== "1") {
    context.skip("downloads 104 MiB; set KERNELWRIGHT_TEST_INSTALL=1 to run it");
  }
  installable();
  expect((await install()).archs).toContain("sm_90");
});

test("both platforms have a hash for every wheel", () => {
  for (const platform of ["linux-x86_64", "linux-aarch64"]) {
    expect(requirements(platform)).not.toContain("undefined");
    expect(downloadBytes(platform)).toBeGreaterThan(100e6);
  }
});

function installable(): Sandbox {
  const sandbox = enterSandbox();
  bringPrerequisites(sandbox);
  return sandbox;
}

function install(seen: Progress[] = []) {
  const { signal } = new AbortController();
  return installCompiler({ signal, progress: (progress) => seen.push(progress) });
}

function startInstaller(): ChildProcess {
  const script = path.resolve(import.meta.dirname, "../fixtures/toolchain/install-compiler.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script], { env: process.env });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  return child;
}

async function ended(child: ChildProcess): Promise<{ stdout: string; stderr: string }> {
  const output = { stdout: "", stderr: "" };
  child.stdout?.on("data", (chunk) => (output.stdout += chunk));
  child.stderr?.on("data", (chunk) => (output.stderr += chunk));
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once("close", resolve));
  }
  return output;
}

function expectMonotonic(seen: readonly Progress[]): void {
  const done = seen.map((progress) => progress.done);
  expect(done).toEqual([...done].sort((a, b) => a - b));
  expect(done.at(-1)).toBeLessThan(1);
}

function runsOf(sandbox: Sandbox): number {
  const file = path.join(sandbox.bin, "uv-runs.txt");
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n").length : 0;
}

function partsOf(sandbox: Sandbox): string[] {
  const folder = path.join(sandbox.cache, "toolchains");
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder).filter((name) => name.includes(".part-"));
}

async function until(holds: () => boolean): Promise<void> {
  const end = Date.now() + 15_000;
  while (!holds()) {
    if (Date.now() > end) throw new Error("waited 15 s in vain");
    await sleep(20);
  }
}
