import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { requireDevice } from "../../tools/gpu/devices.ts";
import { Recorder, renderIsolation } from "../../tools/record/recorder.ts";
import { captureProblem } from "../../tools/record/stream-order.ts";
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
    ["exit(0)", 1, "host_code_failed", /ended its process with exit code 0 instead of returning/u],
    [
      "abort",
      2,
      "host_code_failed",
      /ended by SIGABRT\.\nIts last output:\nassertion of the library failed/u,
    ],
    [
      "a read through a device pointer",
      3,
      "host_code_failed",
      /crashed with SIGSEGV at the address 0x700012345000; it may dereference a device pointer: pointers are device addresses/u,
    ],
    ["a loop that does not end", 4, "host_code_failed", /did not return within 2\.0 s/u],
    ["closing every descriptor", 5, "result_forged", /closed the recorder's own descriptor/u],
    ["a forged reply", 7, "result_forged", /wrote to the recorder's own descriptor/u],
    [
      "closing the usual descriptors",
      19,
      "result_forged",
      /The host code closed descriptors that are not its own\./u,
    ],
    [
      "a word to the usual descriptors",
      35,
      "result_forged",
      /The host code wrote to descriptors that are not its own\./u,
    ],
    ["endless recursion", 8, "host_code_failed", /crashed with SIGSEGV/u],
    ["launches without end", 13, "host_code_failed", /more than 100000 runtime calls/u],
    [
      "a copy from device to host that waits",
      14,
      "not_capturable",
      /The host code called cudaMemcpy from device to host, which cannot be recorded/u,
    ],
    [
      "cudaMemcpyToSymbol",
      15,
      undefined,
      /The host code called cudaMemcpyToSymbol, which the stand-in runtime does not provide/u,
    ],
    ["SIGKILL to itself", 16, "host_code_failed", /ended by SIGKILL/u],
    [
      "64 GiB of host memory",
      17,
      "host_code_failed",
      /crashed with SIGSEGV at the address 0x0; a null pointer: host memory is limited to 4 GiB/u,
    ],
    ["threads without end", 31, "host_code_failed", /ended by SIGABRT|crashed with SIGSEGV/u],
    ["output without end", 34, "host_code_failed", /did not return within 2\.0 s/u],
  ] as const;

  /** What seccomp ends; without it the same things are not found. */
  const forbidden = [
    ["a fork", 9, /reached for other processes \(system call (clone|fork)\)/u],
    ["a file that it creates", 11, /opened the file "written-by-host-code" \(system call open/u],
    ["the judge's memory", 20, /opened the file "\/proc\/\d+\/mem" \(system call open/u],
    ["a socket", 21, /reached for the network \(system call socket\)/u],
    [
      "a command",
      22,
      /system call that is forbidden to it, with all signals blocked, as system\(\)/u,
    ],
    ["tracing the judge", 23, /reached for other processes \(system call ptrace\)/u],
    ["a signal to the judge", 24, /reached for other processes \(system call kill\)/u],
    ["a folder that it makes", 26, /changed files: "made-by-host-code" \(system call mkdir/u],
    ["a socket without the C library", 27, /reached for the network \(system call socket\)/u],
    ["a file, with all signals blocked", 28, /made a system call that is forbidden to it/u],
    ["the signal that tells of all this", 29, /other processes \(system call rt_sigaction\)/u],
    ["a library", 32, /opened the file ".*libcublas\.so\.13" \(system call open/u],
    ["another program", 33, /started the program "\/usr\/bin\/env" \(system call execve\)/u],
  ] as const;

  test.each(failures)(
    "%s is an error that says so, and the next call works",
    async (_, what, reason, message) => {
      await expect(recorder.call(hostileArguments(what))).rejects.toMatchObject({
        reason,
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

  describe("under seccomp", () => {
    test.each(forbidden)(
      "%s ends the call, by name, and the next call works",
      async (_, what, message) => {
        if (!recorder.isolation.calls) return console.warn("SKIPPED: no seccomp here");
        const startedMs = performance.now();
        await expect(recorder.call(hostileArguments(what))).rejects.toMatchObject({
          code: "recording_failed",
          reason: "forbidden_access",
          message: expect.stringMatching(message),
        });
        expect(performance.now() - startedMs).toBeLessThan(timeoutMs);
        await expectHealthy();
      },
    );

    test("a process that stops itself is ended at once", async () => {
      if (!recorder.isolation.calls) return console.warn("SKIPPED: no seccomp here");
      await expect(recorder.call(hostileArguments(25))).rejects.toMatchObject({
        reason: "host_code_failed",
        message: "The host code of hostile stopped its own process (system call tgkill).",
      });
      await expectHealthy();
    });
  });

  test("a launch by a thread after the return is found at the next call", async () => {
    expect((await recorder.call(hostileArguments(30))).launches).toHaveLength(1);
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expect(recorder.call(hostileArguments(0))).rejects.toMatchObject({
      reason: "wrong_stream",
      message: expect.stringMatching(/asked 1 times for device work after the entry point had/u),
    });
    await expectHealthy();
  });

  test("the caller's environment is not seen", async () => {
    process.env.KERNELWRIGHT_TEST_SECRET = "token";
    expect((await recorder.call(hostileArguments(12))).result).toBe(0);
    delete process.env.KERNELWRIGHT_TEST_SECRET;
  });

  test("threads, and what C++ libraries look up by themselves, are not held against it", async () => {
    expect((await recorder.call(hostileArguments(18))).result).toBe(0);
    await expectHealthy();
  });

  test("code that runs while the library is loaded is held to the same", async () => {
    if (typeof compiler === "string") return;
    if (!recorder.isolation.calls) return console.warn("SKIPPED: no seccomp here");
    const flags = ["-DAT_LOADING"];
    const at = await compileLibrary(compiler, build.folder, "hostile.cu", { flags, name: "loads" });
    const { signal } = new AbortController();
    const options = { entry: "hostile", device: requireDevice("H100"), signal, timeoutMs };
    await expect(Recorder.start({ ...at, ...options })).rejects.toMatchObject({
      reason: "forbidden_access",
      message: expect.stringMatching(
        /^The library's own code that runs while it is loaded opened the file "\/etc\/hostname"/u,
      ),
    });
  });

  test("the forms that a graph cannot capture are told from those that it can", async () => {
    const call = await recorder.call(hostileArguments(36));
    expect(call.operations.map((one) => [one.kind, "blocking" in one])).toEqual([
      ["launch", false],
      ["alloc", true],
      ["alloc", false],
      ["memset", true],
      ["copy", true],
      ["copy", false],
      ["free", false],
      ["free", true],
    ]);
    expect(captureProblem(call)).toMatch(/^cudaMalloc is called/u);
  });

  test("what is enforced is said in one sentence", () => {
    expect(renderIsolation({ calls: true, files: true })).toContain("(seccomp, Landlock)");
    expect(renderIsolation({ calls: false, files: true })).toContain("no seccomp");
    expect(renderIsolation(recorder.isolation)).toMatch(/^Host code runs in a process of its own/u);
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
