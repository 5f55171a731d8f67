import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished, vi } from "vitest";

/** A home, a cache and a PATH of its own: nothing of the machine is found that a test did not put there. */
export interface Sandbox {
  folder: string;
  /** The only folder on PATH. */
  bin: string;
  cache: string;
  configFile: string;
}

/** Takes effect for this process until the test ends. */
export function enterSandbox(): Sandbox {
  const folder = mkdtempSync(path.join(tmpdir(), "kw-toolchain-"));
  const bin = path.join(folder, "bin");
  mkdirSync(bin);
  const environment = {
    PATH: bin,
    XDG_CACHE_HOME: path.join(folder, "cache"),
    XDG_CONFIG_HOME: path.join(folder, "config"),
  };
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const cleared = ["CUDA_HOME", "CUDA_PATH", "CXX", "NVCC_CCBIN", "VIRTUAL_ENV", "CONDA_PREFIX"];
  for (const name of cleared) vi.stubEnv(name, undefined);
  onTestFinished(() => {
    vi.unstubAllEnvs();
    rmSync(folder, { recursive: true, force: true });
  });
  const configFile = path.join(environment.XDG_CONFIG_HOME, "kernelwright", "config.yaml");
  return { folder, bin, cache: path.join(environment.XDG_CACHE_HOME, "kernelwright"), configFile };
}

/** Makes real programs of this machine known on the sandbox's PATH. */
export function bring(sandbox: Sandbox, ...names: string[]): void {
  for (const name of names) symlinkSync(realProgram(name), path.join(sandbox.bin, name));
}

/** A stand-in toolkit whose nvcc says what CUDA's does for `version`; each run is a line in runs.txt. */
export function writeToolkit(
  root: string,
  version: string,
  tools: readonly string[] = ["ptxas", "cuobjdump", "nvdisasm"],
): void {
  writeProgram(
    path.join(root, "bin", "nvcc"),
    `echo "$1" >> "${root}/runs.txt"
case "$1" in
--version) echo "Cuda compilation tools, release 0.0, V${version}" ;;
--list-gpu-code) printf 'sm_75\\nsm_90\\nsm_100\\nsm_80\\n' ;;
esac`,
  );
  for (const tool of tools) writeProgram(path.join(root, "bin", tool), "exit 0");
}

/** A shell script; it finds the system's own small tools. */
export function writeProgram(file: string, body: string): void {
  mkdirSync(path.dirname(file), { recursive: true });
  rmSync(file, { force: true });
  writeFileSync(file, `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
  chmodSync(file, 0o755);
}

export function writeConfig(sandbox: Sandbox, text: string): void {
  mkdirSync(path.dirname(sandbox.configFile), { recursive: true });
  writeFileSync(sandbox.configFile, text);
}

/** Places that no sandbox can hide; tests about finding nothing skip where they exist. */
export const hasSystemCuda = ["/usr/local/cuda"].some((folder) => existsSync(folder));
export const hasKernelDriver = existsSync("/proc/driver/nvidia/version");

/** Where the program really is: a shim (pyenv) looks for more than its own file. */
export function realProgram(name: string): string {
  if (name === "python3") {
    const code = "import sys; print(sys.executable)";
    return execFileSync("python3", ["-c", code], { env: realEnvironment, encoding: "utf8" }).trim();
  }
  const found = execFileSync("/bin/sh", ["-c", `command -v ${name}`], {
    env: realEnvironment,
    encoding: "utf8",
  });
  return found.trim();
}

const realEnvironment = { ...process.env };
