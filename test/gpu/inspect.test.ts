import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { inspectGpu } from "../../tools/gpu/tool.ts";
import {
  bring,
  enterSandbox,
  hasKernelDriver,
  hasSystemCuda,
  realProgram,
  type Sandbox,
  writeProgram,
  writeToolkit,
} from "../toolchain/sandbox.ts";
import { useFakeDriver, whyNoFakeDriver } from "./fake-driver.ts";

test.skipIf(hasKernelDriver)(
  "no GPU is a normal answer, which says what works without",
  async () => {
    const sandbox = machine();
    const result = await inspect(sandbox);
    expect(result.summary).toMatch(/^No NVIDIA GPU here, which is fine: .*executed.*without one/u);
    expect(result.summary).toMatch(/CUDA compiler 13\.0\.88 is ready\.$/u);
    expect(result.gpus).toEqual([]);
    expect(result.warnings).toEqual([]);
    expect(result.next).toEqual([
      {
        tool: "create_kernel",
        arguments: '{"operator":"rmsnorm","name":"rmsnorm"}',
        why: expect.any(String),
      },
    ]);
  },
);

test("a GPU without torch is said in the first line, with the command that helps", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  useFakeDriver();
  const result = await inspect(sandbox);
  expect(result.summary).toContain(
    "2 GPUs (NVIDIA H200), but no torch built for CUDA: run python3 -m venv .venv && .venv/bin/python -m pip install torch",
  );
  expect(codesOf(result)).toEqual(["no_torch"]);
  expect(result.next[0]?.arguments).toContain('"archs":["sm_90"]');
});

test("torch in the workspace's .venv is found in less than 2 s, though its import takes 10", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  writeSlowTorch(sandbox, "13.2");
  useFakeDriver();
  const start = Date.now();
  const result = await inspect(sandbox);
  expect(Date.now() - start).toBeLessThan(2000);
  expect(result.summary).toMatch(
    /^2 GPUs \(NVIDIA H200\), torch 2\.15\.0 in .*\.venv\/bin\/python\./u,
  );
  expect(result.pythons[0]).toMatchObject({
    found_by: ".venv",
    torch: "2.15.0",
    torch_cuda: "13.2",
  });
  expect(codesOf(result)).toEqual([]);
});

test("a torch for the CPU is not one to compare with on a GPU", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  writeSlowTorch(sandbox, undefined);
  useFakeDriver();
  const result = await inspect(sandbox);
  expect(codesOf(result)).toEqual(["torch_without_cuda"]);
  expect(result.warnings[0]?.hint).toMatch(/\.venv\/bin\/python -m pip install/u);
});

test("other processes, heat and MIG are doubts about every time taken here", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  useFakeDriver(["BUSY", "MIG"]);
  const result = await inspect(sandbox);
  expect(codesOf(result).filter((code) => code !== "no_torch")).toEqual([
    "gpu_shared",
    "clocks_held_down",
    "mig",
    "clocks_held_down",
    "mig",
  ]);
  expect(result.warnings[0]?.message).toMatch(/^GPU 0 .* is used by .* 1, 64\.3 GiB and /u);
  expect(result.warnings[1]?.message).toContain("power_cap and thermal_hardware: 1200 of 1980 MHz");
});

test("a driver that does not answer is told from a machine without one", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  useFakeDriver(["CU_INIT_STATUS=803"]);
  const result = await inspect(sandbox);
  expect(codesOf(result)).toContain("driver_unreachable");
});

test.skipIf(hasKernelDriver)(
  "libraries of a driver that is not loaded are no GPU and no doubt",
  async (context) => {
    if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
    const sandbox = machine();
    useFakeDriver(["CU_INIT_STATUS=100", "NVML_STATUS=9"]);
    expect(codesOf(await inspect(sandbox))).toEqual([]);
  },
);

test.skipIf(hasSystemCuda)("a machine without compilers is told the command for each", async () => {
  const sandbox = enterSandbox();
  const result = await inspect(sandbox);
  expect(codesOf(result)).toEqual(["nvcc_missing", "host_compiler_missing", "python_missing"]);
  expect(result.warnings[0]?.hint).toMatch(/^Run: kernelwright setup\./u);
  expect(result.next).toEqual([]);
});

test.skipIf(hasKernelDriver)(
  "an older driver is a doubt about CUDA 13, with both ways out",
  async () => {
    const sandbox = machine();
    const line =
      "0, Tesla T4, 7.5, 15360, 3, 550.54.15, Enabled, [N/A], 300, 1590, 405, 5001, 70.00, 0:1E.0";
    writeProgram(
      path.join(sandbox.bin, "nvidia-smi"),
      `case "$1" in *driver_version) echo 550.54.15;; *) echo "${line}";; esac`,
    );
    const result = await inspect(sandbox);
    const warning = result.warnings.find(({ code }) => code === "driver_too_old");
    expect(warning?.message).toContain("Driver 550.54.15 runs code of CUDA 12");
    expect(warning?.hint).toMatch(/580 or newer, or install NVIDIA's package cuda-toolkit-12-9/u);
  },
);

test("a GPU that the compiler does not know is said with what it compiles for", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  const root = process.env.CUDA_HOME as string;
  writeProgram(
    path.join(root, "bin/nvcc"),
    'case "$1" in --version) echo "release 13.0, V13.0.88";; *) printf "sm_100\\nsm_120\\n";; esac',
  );
  useFakeDriver(["GPUS=1"]);
  const result = await inspect(sandbox);
  expect(result.warnings[0]).toMatchObject({
    code: "gpu_unsupported",
    message: expect.stringContaining(
      "is sm_90, which CUDA 13.0.88 does not compile for (sm_100 to sm_120)",
    ),
  });
});

test("the text for people shows the GPUs as a table and every doubt with its way out", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  useFakeDriver(["GPUS=1"]);
  const text = inspectGpu.render(await inspect(sandbox));
  expect(text).toMatch(
    /\n {2}0 {2}NVIDIA H200 {2}sm_90 {2}132 {2}140\.4 GiB {2}60\.0 MiB {2}4917 {2}345\/1980 MHz {2}700 W {2}ECC on, 31 C\n/u,
  );
  expect(text).toContain("driver 580.65.06, serves CUDA 13.0");
  expect(text).toMatch(/\nno_torch: .*\n {2}Run: /u);
});

test("eight busy GPUs fit in 8 kB", async (context) => {
  if (whyNoFakeDriver) context.skip(whyNoFakeDriver);
  const sandbox = machine();
  useFakeDriver(["GPUS=8"]);
  expect(JSON.stringify(await inspect(sandbox)).length).toBeLessThan(8192);
});

/** Compilers and a Python, no torch. */
function machine(): Sandbox {
  const sandbox = enterSandbox();
  bring(sandbox, "python3");
  for (const [name, says] of [
    ["g++", "echo 'g++ (GCC) 12.2.0'"],
    ["gcc", "exit 0"],
  ] as const) {
    writeProgram(path.join(sandbox.bin, name), says);
  }
  process.env.CUDA_HOME = path.join(sandbox.folder, "cuda");
  writeToolkit(process.env.CUDA_HOME, "13.0.88");
  return sandbox;
}

async function inspect(sandbox: Sandbox) {
  const { signal } = new AbortController();
  const context = {
    workspace: sandbox.folder,
    signal,
    progress: () => undefined,
    mayInstallCompiler: false,
  };
  return inspectGpu.output.parse(await inspectGpu.run({}, context));
}

function codesOf(result: Awaited<ReturnType<typeof inspect>>): string[] {
  return result.warnings.map(({ code }) => code);
}

function writeSlowTorch(sandbox: Sandbox, cuda: string | undefined): void {
  const folder = path.join(sandbox.folder, ".venv");
  execFileSync(realProgram("python3"), ["-m", "venv", "--without-pip", folder]);
  const [lib = ""] = readdirSync(path.join(folder, "lib"));
  const torch = path.join(folder, "lib", lib, "site-packages", "torch");
  mkdirSync(torch);
  writeFileSync(path.join(torch, "__init__.py"), "import time\ntime.sleep(10)\n");
  const value = cuda ? `'${cuda}'` : "None";
  writeFileSync(path.join(torch, "version.py"), `__version__ = '2.15.0'\ncuda = ${value}\n`);
}
