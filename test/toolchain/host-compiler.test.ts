import path from "node:path";
import { expect, test } from "vitest";
import { findHostCompiler, requireHostCompiler } from "../../tools/toolchain/host-compiler.ts";
import { enterSandbox, type Sandbox, writeConfig, writeProgram } from "./sandbox.ts";

// conda-forge names the tool that built it before the compiler's own version.
const condaGcc = "g++ (crosstool-NG 1.26.0.97_6c9ef2d) 12.4.0";

test("g++ with its C compiler and its own version, not that of the package", async () => {
  const sandbox = enterSandbox();
  writeCompiler(sandbox, "g++", condaGcc);
  expect(await findHostCompiler()).toEqual({
    cxx: path.join(sandbox.bin, "g++"),
    cc: path.join(sandbox.bin, "gcc"),
    kind: "gcc",
    version: "12.4.0",
  });
});

test("a g++ that nvcc does not take gives way to an older one beside it", async () => {
  const sandbox = enterSandbox();
  writeCompiler(sandbox, "g++", "g++ (GCC) 16.1.1 20260501 (Red Hat 16.1.1-1)");
  writeCompiler(sandbox, "g++-14", "g++-14 (GCC) 14.3.0");
  expect(await findHostCompiler("13.0.88")).toMatchObject({
    cxx: path.join(sandbox.bin, "g++-14"),
    cc: path.join(sandbox.bin, "gcc-14"),
  });
  expect(await findHostCompiler("12.6.85")).toBeUndefined();
});

test("only one that is too new is said so, with the version that nvcc takes", async () => {
  const sandbox = enterSandbox();
  writeCompiler(sandbox, "g++", "g++ (GCC) 16.1.1");
  await expect(requireHostCompiler("13.0.88")).rejects.toMatchObject({
    code: "prerequisite_missing",
    message: expect.stringContaining("gcc 16.1.1, and nvcc 13.0.88 takes gcc up to 15"),
    hint: expect.stringMatching(/g\+\+[- ]15/u),
  });
});

test("config and NVCC_CCBIN come before g++", async () => {
  const sandbox = enterSandbox();
  writeCompiler(sandbox, "g++", condaGcc);
  writeCompiler(sandbox, "clang++", "Debian clang version 14.0.6");
  process.env.NVCC_CCBIN = "clang++";
  expect(await findHostCompiler()).toMatchObject({ kind: "clang", version: "14.0.6" });
  writeConfig(sandbox, `cxx: ${path.join(sandbox.bin, "g++")}\n`);
  expect(await findHostCompiler()).toMatchObject({ kind: "gcc" });
});

test("without any, the command that installs one is named", async () => {
  enterSandbox();
  await expect(requireHostCompiler()).rejects.toMatchObject({
    code: "prerequisite_missing",
    hint: expect.stringMatching(/^Run: (sudo )?\S+/u),
  });
});

function writeCompiler(sandbox: Sandbox, name: string, firstLine: string): void {
  writeProgram(path.join(sandbox.bin, name), `echo '${firstLine}'`);
  const cc = name.replace("clang++", "clang").replace("g++", "gcc");
  writeProgram(path.join(sandbox.bin, cc), "exit 0");
}
