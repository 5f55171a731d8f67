import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requireDevice } from "../../tools/gpu/devices.ts";
import { readElf } from "../../tools/record/elf.ts";
import { checkLibrary } from "../../tools/record/library.ts";
import { Recorder } from "../../tools/record/recorder.ts";
import { buildFolder, compileLibrary, compilerOrReason, type TestLibrary } from "./library.ts";

const compiler = await compilerOrReason();
const build = buildFolder();
afterAll(build.remove);

describe.skipIf(typeof compiler === "string")("a library that cannot be recorded", () => {
  async function compile(name: string, flags: readonly string[], cudart?: string) {
    if (typeof compiler === "string") throw new Error(compiler);
    return compileLibrary(compiler, build.folder, "unsupported.cu", {
      name,
      flags,
      ...(cudart ? { cudart } : {}),
    });
  }

  let lazy: TestLibrary;
  beforeAll(async () => {
    if (typeof compiler !== "string") lazy = await compile("lazy", []);
  }, 60_000);

  function start({ library, kernels }: TestLibrary, entry = "unsupported") {
    const { signal } = new AbortController();
    return Recorder.start({
      library,
      kernels,
      entry,
      device: requireDevice("H100"),
      signal,
      timeoutMs: 5000,
    });
  }

  test("an unsupported runtime call is an error that names it, when it is made", async () => {
    const recorder = await start(lazy);
    const args = (branch: number) => Buffer.from(Int32Array.of(branch).buffer);
    expect((await recorder.call(args(0))).launches).toHaveLength(1);
    await expect(recorder.call(args(1))).rejects.toMatchObject({
      code: "recording_failed",
      message: "The host code called cudaDeviceReset, which the stand-in runtime does not provide.",
    });
    await expect(recorder.call(args(2))).rejects.toMatchObject({
      message: expect.stringContaining("called cudaDeviceGetAttribute for attribute 33"),
    });
    expect((await recorder.call(args(0))).launches).toHaveLength(1);
    await recorder.close();
  }, 60_000);

  test("with immediate binding the same call is named when the library is loaded", async () => {
    const library = await compile("now", ["-Xlinker", "-z,now"]);
    await expect(start(library)).rejects.toMatchObject({
      code: "recording_failed",
      message: "The host code called cudaDeviceReset, which the stand-in runtime does not provide.",
    });
  }, 60_000);

  test("a statically linked runtime is refused by name, before any code of the library runs", async () => {
    if (typeof compiler === "string") return;
    const library = await compile("static", ["-L", path.join(compiler.root, "lib")], "static");
    await expect(start(library)).rejects.toMatchObject({
      code: "recording_failed",
      message: expect.stringMatching(/static-90\.so has the CUDA runtime linked in statically/u),
      hint: expect.stringContaining("-cudart none"),
    });
  }, 60_000);

  test("one linked with the shared runtime is refused by the name of that library", async () => {
    if (typeof compiler === "string") return;
    const flags = ["-L", path.join(compiler.root, "lib"), "-l:libcudart.so.13"];
    await expect(start(await compile("shared", flags))).rejects.toMatchObject({
      message: expect.stringMatching(/is linked with libcudart\.so\.13/u),
    });
  }, 60_000);

  test('a missing entry point is refused, and one without extern "C" is recognised', async () => {
    await expect(start(lazy, "rmsnorm")).rejects.toMatchObject({
      message: expect.stringMatching(/exports no entry point rmsnorm \(it exports .*unsupported/u),
    });
    await expect(start(lazy, "forgotten")).rejects.toMatchObject({
      message: expect.stringMatching(
        /exports _Z9forgotten\w+ but not forgotten: the entry point is not extern "C"/u,
      ),
      hint: expect.stringContaining('extern "C" cudaError_t forgotten('),
    });
  }, 60_000);

  test("the functions that a library may call and the stand-in lacks are known without loading it", async () => {
    const provided = new Set(["__cudaRegisterFatBinary", "cudaGetLastError"]);
    const missing = await checkLibrary(lazy.library, "unsupported", provided);
    expect(missing).toContain("cudaDeviceReset");
    expect(missing).not.toContain("cudaGetLastError");
    expect(missing.filter((symbol) => !/^(__)?cuda/u.test(symbol))).toEqual([]);
  }, 60_000);
});

describe("the ELF reader", () => {
  test("takes a program of this machine apart", async () => {
    const elf = readElf(await readFile(process.execPath));
    expect(elf?.needed).toContain("libc.so.6");
    expect(elf?.sections).toContain(".text");
    expect(elf?.undefined.size).toBeGreaterThan(50);
  });

  test("what is no ELF file is refused with its size", async () => {
    const file = path.join(build.folder, "text.so");
    await writeFile(file, "not a library");
    await expect(checkLibrary(file, "entry", new Set())).rejects.toMatchObject({
      message: expect.stringContaining("is not a 64-bit ELF shared library (13 bytes)"),
    });
    await expect(checkLibrary(`${file}x`, "entry", new Set())).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test("a file that is cut short is refused, not crashed on", async () => {
    const whole = await readFile(process.execPath);
    const file = path.join(build.folder, "cut.so");
    await writeFile(file, whole.subarray(0, 5000));
    await expect(checkLibrary(file, "entry", new Set())).rejects.toMatchObject({
      code: "recording_failed",
    });
  });
});
