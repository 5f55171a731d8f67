import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { findCompiler, requireCompiler, searchCompiler } from "../../tools/toolchain/compiler.ts";
import { toolchainRoot } from "../../tools/toolchain/wheels.ts";
import {
  bring,
  enterSandbox,
  hasKernelDriver,
  hasSystemCuda,
  type Sandbox,
  writeConfig,
  writeProgram,
  writeToolkit,
} from "./sandbox.ts";

test("the order is argument, config, CUDA_HOME, PATH, the user's cache", async () => {
  const sandbox = enterSandbox();
  const at = (name: string) => path.join(sandbox.folder, name);
  for (const name of ["argument", "config", "home", "path"]) writeToolkit(at(name), "13.0.88");
  writeToolkit(toolchainRoot(), "13.0.88");
  writeConfig(sandbox, `cuda_home: ${at("config")}\n`);
  process.env.CUDA_HOME = at("home");
  process.env.PATH = at("path/bin");

  const found = async (cuda_home?: string) => (await findCompiler({ cuda_home }))?.found_by;
  expect(await found(at("argument"))).toBe("argument");
  expect(await found()).toBe("config");
  writeConfig(sandbox, "");
  expect(await found()).toBe("CUDA_HOME");
  delete process.env.CUDA_HOME;
  expect(await found()).toBe("PATH");
  process.env.PATH = sandbox.bin;
  if (!hasSystemCuda) expect(await found()).toBe("user_cache");
});

test("what is found names its version, its tools and its archs in order", async () => {
  const sandbox = enterSandbox();
  const root = path.join(sandbox.folder, "cuda");
  writeToolkit(root, "12.6.85");
  expect(await findCompiler({ cuda_home: root })).toEqual({
    root,
    nvcc: path.join(root, "bin/nvcc"),
    ptxas: path.join(root, "bin/ptxas"),
    cuobjdump: path.join(root, "bin/cuobjdump"),
    nvdisasm: path.join(root, "bin/nvdisasm"),
    version: "12.6.85",
    found_by: "argument",
    archs: ["sm_75", "sm_80", "sm_90", "sm_100"],
  });
});

test("nvcc runs once: its answer is kept until the file changes", async () => {
  const sandbox = enterSandbox();
  const root = path.join(sandbox.folder, "cuda");
  writeToolkit(root, "13.0.88");
  const runs = () => readFileSync(path.join(root, "runs.txt"), "utf8").trim().split("\n").length;
  await findCompiler({ cuda_home: root });
  await findCompiler({ cuda_home: root });
  expect(runs()).toBe(2);
  writeToolkit(root, "13.2.10");
  expect((await findCompiler({ cuda_home: root }))?.version).toBe("13.2.10");
  expect(runs()).toBe(4);
});

describe("a compiler that cannot be used is refused with the reason", () => {
  test("one that is too old, and the next place is looked at", async () => {
    const { bin } = withCudaHome((root) => writeToolkit(root, "11.8.89"));
    writeToolkit(path.dirname(bin), "13.0.88");
    const { compiler, refused } = await searchCompiler();
    expect(compiler?.found_by).toBe("PATH");
    expect(refused[0]?.reason).toBe("it is CUDA 11.8.89, and 12.0 or newer is needed");
  });

  test("one that does not run", async () => {
    withCudaHome((root) => {
      writeToolkit(root, "13.0.88");
      writeProgram(path.join(root, "bin/nvcc"), "echo 'libstdc++.so.6: cannot open' >&2; exit 127");
    });
    const { refused } = await searchCompiler();
    expect(refused[0]?.reason).toBe(
      "nvcc --version ended with exit code 127: libstdc++.so.6: cannot open",
    );
  });

  test("one that the system cannot start, since its loader is missing", async () => {
    withCudaHome((root) => {
      writeToolkit(root, "13.0.88");
      writeFileSync(path.join(root, "bin/nvcc"), "#!/nowhere/loader\n");
    });
    const { refused } = await searchCompiler();
    expect(refused[0]?.reason).toMatch(/bin\/nvcc" cannot be run/u);
  });

  test("a folder without one", async () => {
    const { folder } = withCudaHome(() => undefined);
    const { refused } = await searchCompiler();
    expect(refused[0]?.reason).toBe(`it has no executable ${folder}/home/bin/nvcc`);
  });

  test("one without the SASS tools, unless they lie elsewhere on PATH", async () => {
    const sandbox = withCudaHome((root) => writeToolkit(root, "12.6.85", ["ptxas"]));
    const { refused } = await searchCompiler();
    expect(refused[0]?.reason).toMatch(
      /^it lacks cuobjdump and nvdisasm \(NVIDIA's packages cuda-cuobjdump-12-6 cuda-nvdisasm-12-6/u,
    );
    for (const tool of ["cuobjdump", "nvdisasm"]) {
      writeProgram(path.join(sandbox.bin, tool), "exit 0");
    }
    const { compiler } = await searchCompiler();
    expect(compiler?.found_by).toBe("CUDA_HOME");
    expect(compiler?.nvdisasm).toBe(path.join(sandbox.bin, "nvdisasm"));
  });

  test("the ptxas of another toolkit does not stand in for a missing one", async () => {
    withCudaHome((root) => writeToolkit(root, "12.6.85", ["cuobjdump", "nvdisasm"]));
    writeToolkit(toolchainRoot(), "13.0.88");
    const { compiler, refused } = await searchCompiler();
    expect(refused[0]?.reason).toMatch(/^it lacks ptxas/u);
    if (!hasSystemCuda) expect(compiler?.found_by).toBe("user_cache");
  });
});

test("one that was named and cannot be used is an error, not a reason to take another", async () => {
  const sandbox = enterSandbox();
  writeToolkit(toolchainRoot(), "13.0.88");
  writeConfig(sandbox, "cuda_home: /nowhere\n");
  await expect(findCompiler()).rejects.toMatchObject({
    code: "compiler_unusable",
    message: expect.stringContaining("/nowhere"),
    hint: expect.stringContaining(sandbox.configFile),
  });
  await expect(findCompiler({ cuda_home: "/nothing" })).rejects.toMatchObject({
    code: "compiler_unusable",
    message: expect.stringContaining("/nothing"),
  });
});

test.skipIf(hasSystemCuda)(
  "without any, an agent is told what to run and what was refused",
  async () => {
    withCudaHome((root) => writeToolkit(root, "11.8.89"));
    await expect(requireCompiler(contextFor("/"))).rejects.toMatchObject({
      code: "compiler_missing",
      message: expect.stringContaining("CUDA_HOME): it is CUDA 11.8.89"),
      hint: expect.stringMatching(/kernelwright setup.*install_compiler: true/u),
    });
  },
);

test.skipIf(hasKernelDriver)("an older driver is given the CUDA 12 that it serves", async () => {
  const sandbox = withCudaHome((root) => writeToolkit(root, "13.0.88"));
  writeProgram(path.join(sandbox.bin, "nvidia-smi"), "echo 550.54.15");
  expect((await findCompiler())?.version).toBe("13.0.88");
  writeToolkit(sandbox.folder, "12.9.86");
  expect((await findCompiler())?.version).toBe("12.9.86");
  writeProgram(path.join(sandbox.bin, "nvidia-smi"), "echo 580.65.06");
  expect((await findCompiler())?.version).toBe("13.0.88");
});

test("a relative cuda_home is one of the workspace's", async () => {
  const sandbox = enterSandbox();
  bring(sandbox, "g++");
  writeToolkit(path.join(sandbox.folder, "tools/cuda"), "13.0.88");
  const compiler = await requireCompiler(contextFor(sandbox.folder), { cuda_home: "tools/cuda" });
  expect(compiler.root).toBe(path.join(sandbox.folder, "tools/cuda"));
});

function withCudaHome(write: (root: string) => void): Sandbox {
  const sandbox = enterSandbox();
  const root = path.join(sandbox.folder, "home");
  process.env.CUDA_HOME = root;
  write(root);
  return sandbox;
}

function contextFor(workspace: string) {
  const signal = new AbortController().signal;
  return { workspace, signal, progress: () => undefined, mayInstallCompiler: false };
}
