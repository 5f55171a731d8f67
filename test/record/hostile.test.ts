import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { requireDevice } from "../../tools/gpu/devices.ts";
import { Recorder } from "../../tools/record/recorder.ts";
import { buildFolder, compileLibrary, compilerOrReason, type TestLibrary } from "./library.ts";

const compiler = await compilerOrReason();
const build = buildFolder();
afterAll(build.remove);

/** struct Arguments of sources/hostile.cu, with a device address that nothing is mapped at. */
function hostileArguments(what: number): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeInt32LE(what, 0);
  bytes.writeBigUInt64LE(0x7000_1234_5000n, 8);
  return bytes;
}

// Each test starts processes and waits for some of them to be ended.
vi.setConfig({ testTimeout: 30_000 });

describe.skipIf(typeof compiler === "string")("host code that misbehaves", () => {
  let built: TestLibrary;
  let recorder: Recorder;
  const timeoutMs = 2000;

  beforeAll(async () => {
    if (typeof compiler === "string") return;
    built = await compileLibrary(compiler, build.folder, "hostile.cu");
  }, 120_000);

  beforeEach(async () => {
    const { signal } = new AbortController();
    recorder = await Recorder.start({
      ...{ ...built, entry: "hostile", device: requireDevice("H100"), signal, timeoutMs },
    });
    return () => recorder.close();
  });

  async function expectHealthy() {
    const call = await recorder.call(hostileArguments(0));
    expect(call.result).toBe(0);
    expect(call.launches).toHaveLength(1);
  }

  const failures = [
    ["exit(0)", 1, "recording_failed", /ended its process with exit code 0 instead of returning/u],
    [
      "abort",
      2,
      "recording_failed",
      /ended by SIGABRT\.\nIts last output:\nassertion of the library failed/u,
    ],
    [
      "a read through a device pointer",
      3,
      "recording_failed",
      /crashed with SIGSEGV at the address 0x700012345000; it may dereference a device pointer: pointers are device addresses/u,
    ],
    ["a loop that does not end", 4, "timed_out", /did not return within 2\.0 s/u],
    ["closing every descriptor", 5, "recording_failed", /closed the recorder's own descriptor/u],
    ["a forged reply", 7, "recording_failed", /wrote to the recorder's own descriptor/u],
    ["endless recursion", 8, "recording_failed", /crashed with SIGSEGV/u],
    ["an exit with a grandchild that holds the pipes", 10, "recording_failed", /exit code 5/u],
    ["launches without end", 13, "recording_failed", /more than 100000 runtime calls/u],
    [
      "a copy from device to host",
      14,
      "recording_failed",
      /The host code called cudaMemcpy from device to host, which cannot be recorded/u,
    ],
    [
      "cudaMemcpyToSymbol",
      15,
      "recording_failed",
      /The host code called cudaMemcpyToSymbol, which the stand-in runtime does not provide/u,
    ],
    ["SIGKILL to itself", 16, "recording_failed", /ended by SIGKILL/u],
    ["64 GiB of host memory", 17, "recording_failed", /crashed with SIGSEGV/u],
  ] as const;

  test.each(failures)(
    "%s is an error that says so, and the next call works",
    async (_, what, code, message) => {
      await expect(recorder.call(hostileArguments(what))).rejects.toMatchObject({
        code,
        message: expect.stringMatching(message),
        hint: expect.stringMatching(/then run build_kernel and make the same call again/u),
      });
      await expectHealthy();
    },
  );

  test("a flood of output does not disturb the record", async () => {
    expect((await recorder.call(hostileArguments(6))).launches).toHaveLength(1);
    await expectHealthy();
  });

  test("closing the usual descriptors does not disturb the record", async () => {
    expect((await recorder.call(hostileArguments(19))).launches).toHaveLength(1);
    await expectHealthy();
  });

  test("a forked child that returns from the entry point does not answer twice", async () => {
    expect((await recorder.call(hostileArguments(9))).launches).toHaveLength(1);
    await expectHealthy();
    await expectHealthy();
  });

  test("no file can be written, and the caller's environment is not seen", async () => {
    process.env.KERNELWRIGHT_TEST_SECRET = "token";
    expect((await recorder.call(hostileArguments(11))).result).toBe(0);
    expect((await recorder.call(hostileArguments(12))).result).toBe(0);
    delete process.env.KERNELWRIGHT_TEST_SECRET;
  });

  test("the judge's memory, other processes, files and networks are out of reach; threads are not", async () => {
    expect((await recorder.call(hostileArguments(18))).result).toBe(0);
  });

  test("cancelling ends a call that does not return, and nothing is left behind", async () => {
    const before = recordFolders();
    const controller = new AbortController();
    const cancelled = await Recorder.start({
      ...{ ...built, entry: "hostile", device: requireDevice("H100"), timeoutMs: 60_000 },
      signal: controller.signal,
    });
    const call = cancelled.call(hostileArguments(4));
    setTimeout(() => controller.abort(), 50);
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
    await expect(cancelled.call(hostileArguments(0))).rejects.toMatchObject({ code: "cancelled" });
    await cancelled.close();
    expect(recordFolders()).toEqual(before);
  });
});

function recordFolders(): string[] {
  return readdirSync(tmpdir()).filter((name) => name.startsWith("kernelwright-record-"));
}
