import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { findPython, requirePython, searchPythons } from "../../tools/toolchain/python.ts";
import {
  bring,
  enterSandbox,
  realProgram,
  type Sandbox,
  writeConfig,
  writeProgram,
} from "./sandbox.ts";

test("the order is the workspace's .venv, VIRTUAL_ENV, CONDA_PREFIX, config, PATH", async () => {
  const sandbox = enterSandbox();
  bring(sandbox, "python3");
  const python = realProgram("python3");
  const at = (name: string) => path.join(sandbox.folder, name);
  for (const name of [".venv", "virtual", "conda", "configured"]) {
    writeProgram(path.join(at(name), "bin", "python"), `exec ${python} "$@"`);
  }
  process.env.VIRTUAL_ENV = at("virtual");
  process.env.CONDA_PREFIX = at("conda");
  writeConfig(sandbox, `python: ${at("configured")}/bin/python\n`);
  const { pythons } = await searchPythons(sandbox.folder);
  expect(pythons.map((one) => one.found_by)).toEqual([
    ".venv",
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "config",
    "PATH",
  ]);
  expect((await findPython(sandbox.folder))?.python).toBe(`${at(".venv")}/bin/python`);
});

test("torch and what it is compared with are read from metadata; torch is not imported", async () => {
  const sandbox = enterSandbox();
  const packages = makeEnvironment(sandbox);
  writeDistribution(packages, "torch", "2.15.0+cu132");
  writeDistribution(packages, "liger_kernel", "0.8.1");
  writeDistribution(packages, "triton", "3.8.0");
  writeTorch(
    packages,
    "from typing import Optional\n__version__ = '2.15.0+cu132'\ncuda: Optional[str] = '13.2'\nhip: Optional[str] = None\n",
  );
  const start = Date.now();
  const found = await findPython(sandbox.folder);
  expect(Date.now() - start).toBeLessThan(2000);
  expect(found).toMatchObject({
    found_by: ".venv",
    packages: { torch: "2.15.0+cu132", "liger-kernel": "0.8.1", triton: "3.8.0" },
    torch_cuda: "13.2",
  });
});

test("a torch for the CPU has no CUDA, and one without metadata still has a version", async () => {
  const sandbox = enterSandbox();
  const packages = makeEnvironment(sandbox);
  writeTorch(packages, "__version__ = '2.15.0+cpu'\ncuda = None\nhip = None\n");
  const found = await findPython(sandbox.folder);
  expect(found?.packages).toEqual({ torch: "2.15.0+cpu" });
  expect(found).not.toHaveProperty("torch_cuda");
});

test("a Python that is too old or does not run is refused with the reason", async () => {
  const sandbox = enterSandbox();
  const old = '{"version": "3.6.9", "packages": {}, "torch_cuda": null, "torch_hip": null}';
  writeProgram(path.join(sandbox.folder, ".venv/bin/python"), `echo '${old}'`);
  writeProgram(path.join(sandbox.bin, "python3"), "echo 'dyld: broken' >&2; exit 6");
  const { pythons, refused } = await searchPythons(sandbox.folder);
  expect(pythons).toEqual([]);
  expect(refused.map((one) => one.reason)).toEqual([
    "it is Python 3.6.9, and 3.8 is needed",
    "it ended with exit code 6: dyld: broken",
  ]);
  await expect(requirePython(sandbox.folder)).rejects.toMatchObject({
    code: "prerequisite_missing",
    message: expect.stringContaining("dyld: broken"),
    hint: expect.stringMatching(/^Run: .*python/u),
  });
});

/** A real virtual environment at <workspace>/.venv; returns where its packages lie. */
function makeEnvironment(sandbox: Sandbox): string {
  const folder = path.join(sandbox.folder, ".venv");
  execFileSync(realProgram("python3"), ["-m", "venv", "--without-pip", folder]);
  const [lib = ""] = readdirSync(path.join(folder, "lib"));
  return path.join(folder, "lib", lib, "site-packages");
}

function writeDistribution(packages: string, name: string, version: string): void {
  const folder = path.join(packages, `${name}-${version}.dist-info`);
  mkdirSync(folder);
  const metadata = `Metadata-Version: 2.1\nName: ${name}\nVersion: ${version}\n`;
  writeFileSync(path.join(folder, "METADATA"), metadata);
}

/** A torch whose import takes 10 s, as the real one's may. */
function writeTorch(packages: string, version: string): void {
  mkdirSync(path.join(packages, "torch"));
  writeFileSync(path.join(packages, "torch/__init__.py"), "import time\ntime.sleep(10)\n");
  writeFileSync(path.join(packages, "torch/version.py"), version);
}
