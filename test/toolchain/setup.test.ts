import path from "node:path";
import { expect, test } from "vitest";
import { renderSetup, setUp, setup } from "../../tools/toolchain/setup.ts";
import { bringPrerequisites, writeFakeUv } from "./fake-downloaders.ts";
import { enterSandbox, hasSystemCuda, type Sandbox, writeConfig, writeToolkit } from "./sandbox.ts";

test.runIf(process.platform === "linux" && !hasSystemCuda)(
  "installs the compiler once, and says so in the last lines",
  async () => {
    const sandbox = enterSandbox();
    bringPrerequisites(sandbox);
    writeFakeUv(sandbox);
    const first = await setUp(contextFor(sandbox));
    expect(first.text).toMatch(/13\.0\.88 in .*, installed now\n/u);
    expect(first.text).toMatch(/\nReady to compile kernels \(.*\)\.$/u);
    const second = await setUp(contextFor(sandbox));
    expect(second.result).toMatchObject({ ready: true, installed: false });
    expect(second.text).not.toContain("installed now");
  },
);

test.skipIf(hasSystemCuda)("--check installs nothing", async () => {
  const sandbox = enterSandbox();
  bringPrerequisites(sandbox);
  writeFakeUv(sandbox);
  const result = await setup(contextFor(sandbox), { check: true });
  expect(result).toMatchObject({ ready: false, installed: false });
  await expect(setUp(contextFor(sandbox), { check: true })).rejects.toMatchObject({
    code: "compiler_missing",
    hint: "Run: kernelwright setup",
  });
});

test.skipIf(hasSystemCuda)(
  "on an empty machine all commands are named, in the order to run them",
  async () => {
    const sandbox = enterSandbox();
    await expect(setUp(contextFor(sandbox))).rejects.toMatchObject({
      code: "prerequisite_missing",
      message: expect.stringContaining("Not ready: a C++ compiler for nvcc, Python 3 and NVIDIA's"),
      hint: expect.stringMatching(/^Run: .*(g\+\+|gcc).* && .*python.* && kernelwright setup$/u),
    });
  },
);

test("a compiler without a C++ compiler is not ready, and Python is not asked for then", async () => {
  const sandbox = enterSandbox();
  const root = path.join(sandbox.folder, "cuda");
  writeToolkit(root, "13.0.88");
  const result = await setup(contextFor(sandbox), { cuda_home: root });
  expect(result.ready).toBe(false);
  expect(result.missing.map(({ what }) => what)).toEqual(["a C++ compiler for nvcc"]);
  expect(renderSetup(result)).toMatch(
    /^CUDA compiler {2}13\.0\.88 in .*cuda\nC\+\+ compiler {3}missing/u,
  );
});

test("a config that names an unusable compiler is an error, not a download", async () => {
  const sandbox = enterSandbox();
  bringPrerequisites(sandbox);
  writeFakeUv(sandbox);
  writeConfig(sandbox, "cuda_home: /nowhere\n");
  await expect(setUp(contextFor(sandbox))).rejects.toMatchObject({ code: "compiler_unusable" });
});

function contextFor(sandbox: Sandbox) {
  const { signal } = new AbortController();
  return { workspace: sandbox.folder, signal, progress: () => undefined };
}
