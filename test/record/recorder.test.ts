import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type DeviceLimits, requireDevice } from "../../tools/gpu/devices.ts";
import { callStream, Recorder } from "../../tools/record/recorder.ts";
import { buildFolder, compileLibrary, compilerOrReason, type TestLibrary } from "./library.ts";

const compiler = await compilerOrReason();
const build = buildFolder();
afterAll(build.remove);

const outAddress = 0x7000_1234_5600n;
const xAddress = 0x7000_ffff_0000n;

/** struct Arguments of sources/launchers.cu. */
function launcherArguments(what: number, n = 1000): Uint8Array {
  const bytes = Buffer.alloc(32);
  bytes.writeInt32LE(what, 0);
  bytes.writeInt32LE(n, 4);
  bytes.writeBigUInt64LE(outAddress, 8);
  bytes.writeBigUInt64LE(xAddress, 16);
  bytes.writeFloatLE(0.75, 24);
  return bytes;
}

vi.setConfig({ testTimeout: 30_000 });

describe.skipIf(typeof compiler === "string")("the recorder", () => {
  const libraries: Record<string, TestLibrary> = {};

  beforeAll(async () => {
    if (typeof compiler === "string") return;
    for (const arch of ["75", "80", "90"]) {
      libraries[arch] = await compileLibrary(compiler, build.folder, "launchers.cu", { arch });
    }
  }, 120_000);

  async function recordCall(what: number, device: DeviceLimits = requireDevice("H100"), n = 1000) {
    const recorder = await startRecorder(device);
    try {
      return await recorder.call(launcherArguments(what, n));
    } finally {
      await recorder.close();
    }
  }

  async function startRecorder(device: DeviceLimits): Promise<Recorder> {
    const library = libraries[device.arch.replace("sm_", "")];
    if (!library) throw new Error(`no test library for ${device.arch}`);
    const { signal } = new AbortController();
    return Recorder.start({ ...library, entry: "launchers", device, signal, timeoutMs: 10_000 });
  }

  test("a <<<>>> launch of a template in an anonymous namespace is recorded with its arguments", async () => {
    const call = await recordCall(0);
    expect(call).toMatchObject({ result: 0, result_name: "cudaSuccess" });
    expect(call.launches).toHaveLength(1);
    const [launch] = call.launches;
    expect(launch).toMatchObject({
      kernel: expect.stringMatching(/^_ZN.*scaledIfLi256EEE?v/u),
      grid: [4, 1, 1],
      block: [256, 1, 1],
      dynamic_shared_bytes: 0,
      stream: callStream,
      attributes: { cooperative: false, programmatic_stream_serialization: false, hints: [] },
    });
    expect(launch?.cluster).toBeUndefined();
    const params = launch?.params.map((bytes) => Buffer.from(bytes));
    expect(params?.map((bytes) => bytes.length)).toEqual([8, 8, 4, 4]);
    expect(params?.[0]?.readBigUInt64LE()).toBe(outAddress);
    expect(params?.[1]?.readBigUInt64LE()).toBe(xAddress);
    expect(params?.[2]?.readInt32LE()).toBe(1000);
    expect(params?.[3]?.readFloatLE()).toBe(0.75);
  });

  test("grids and blocks of three dimensions, structs by value and kernels without parameters are recorded in order", async () => {
    const { launches } = await recordCall(1);
    expect(
      launches.map(({ grid, block, dynamic_shared_bytes, stream }) => ({
        grid,
        block,
        dynamic_shared_bytes,
        stream,
      })),
    ).toEqual([
      { grid: [1, 2, 3], block: [8, 4, 2], dynamic_shared_bytes: 16, stream: 0n },
      { grid: [1, 1, 1], block: [1, 1, 1], dynamic_shared_bytes: 0, stream: callStream },
      { grid: [2, 1, 1], block: [3, 1, 1], dynamic_shared_bytes: 0, stream: callStream },
    ]);
    const params = launches[1]?.params.map((bytes) => Buffer.from(bytes));
    expect(params?.map((bytes) => bytes.length)).toEqual([8, 16, 1]);
    expect(params?.[1]?.readInt32LE(0)).toBe(7);
    expect(params?.[1]?.readDoubleLE(8)).toBe(0.5);
    expect(params?.[2]?.[0]).toBe(200);
    expect(launches[2]?.params).toEqual([]);
  });

  test("a launcher that asks for occupancy picks the grid that fits the chosen device", async () => {
    const grids = [];
    for (const name of ["T4", "A100", "H100"]) {
      const call = await recordCall(2, requireDevice(name));
      grids.push(call.launches[0]?.grid[0]);
    }
    // Blocks of 512 threads: 2 of them fill a multiprocessor of 1024 threads, 4 one of 2048.
    expect(grids).toEqual([40 * 2, 108 * 4, 132 * 4]);
  });

  test("cudaOccupancyMaxPotentialBlockSize, which is compiled into the library, finds the device's answers", async () => {
    const shapes = [];
    for (const name of ["T4", "A100", "H100"]) {
      const { launches } = await recordCall(9, requireDevice(name));
      shapes.push([launches[0]?.grid[0], launches[0]?.block[0]]);
    }
    expect(shapes).toEqual([
      [40, 1024],
      [108 * 2, 1024],
      [132 * 2, 1024],
    ]);
  });

  test("more shared memory than the device has is refused where it is asked for, and granted elsewhere", async () => {
    expect(await recordCall(11, requireDevice("T4"))).toMatchObject({
      result_name: "cudaErrorInvalidValue",
      operations: [],
    });
    const { launches } = await recordCall(11, requireDevice("A100"));
    expect(launches).toMatchObject([{ dynamic_shared_bytes: 102400 }]);
  });

  test("a call of 50,000 launches is recorded whole", async () => {
    const { launches } = await recordCall(10, requireDevice("H100"), 50_000);
    expect(launches).toHaveLength(50_000);
    expect(launches.at(-1)?.grid).toEqual([50_000, 1, 1]);
  });

  test("cudaLaunchKernelEx is recorded with cluster, programmatic serialization and priority", async () => {
    const { launches, result } = await recordCall(3);
    expect(result).toBe(0);
    expect(launches).toMatchObject([
      {
        grid: [4, 1, 1],
        cluster: [2, 1, 1],
        dynamic_shared_bytes: 96,
        attributes: { cooperative: false, programmatic_stream_serialization: true, priority: -3 },
      },
    ]);
  });

  test("a cluster launch is refused on a device without clusters, and recorded as refused", async () => {
    const call = await recordCall(3, requireDevice("A100"));
    expect(call).toMatchObject({ result: 801, result_name: "cudaErrorNotSupported", launches: [] });
    expect(call.operations).toMatchObject([
      {
        kind: "refused_launch",
        cluster: [2, 1, 1],
        reason: "clusters need compute capability 9.0",
      },
    ]);
  });

  test("stream-ordered memory, memsets, copies and uploads are recorded in order", async () => {
    const { operations, launches } = await recordCall(4);
    expect(operations.map((operation) => operation.kind)).toEqual([
      ...["alloc", "alloc", "memset", "upload", "upload", "copy", "launch"],
      ...["synchronize", "free", "free"],
    ]);
    const [first, second, memset, upload, guessed, copy] = operations;
    if (first?.kind !== "alloc" || second?.kind !== "alloc") throw new Error("no allocations");
    expect(first).toMatchObject({ bytes: 1000, stream: callStream });
    expect(first.address % 256n).toBe(0n);
    expect(second.address).toBeGreaterThan(first.address + 1000n);
    expect(memset).toMatchObject({ address: first.address, value: 0xff, bytes: 1000 });
    expect(upload).toMatchObject({ to: first.address });
    expect(upload?.kind === "upload" && new Float32Array(upload.data.buffer)).toEqual(
      new Float32Array([1, 2, 3]),
    );
    expect(guessed).toEqual(upload);
    expect(copy).toMatchObject({ to: outAddress, from: first.address, bytes: 8 });
    expect(Buffer.from(launches[0]?.params[0] ?? []).readBigUInt64LE()).toBe(first.address);
  });

  test("a launch of something that is no kernel is refused with the device's code", async () => {
    const call = await recordCall(5);
    expect(call).toMatchObject({ result: 400, result_name: "cudaErrorInvalidResourceHandle" });
    expect(call.operations).toMatchObject([{ kind: "refused_launch", kernel: "" }]);
  });

  test("an error that a call leaves behind is not seen by the next, while static variables are kept", async () => {
    const recorder = await startRecorder(requireDevice("H100"));
    const refused = await recorder.call(launcherArguments(6));
    expect(refused.operations).toMatchObject([
      {
        kind: "refused_launch",
        result_name: "cudaErrorInvalidValue",
        reason: expect.stringContaining("grid is 0"),
      },
    ]);
    expect((await recorder.call(launcherArguments(7))).result).toBe(0);
    expect((await recorder.call(launcherArguments(8))).result).toBe(1);
    expect((await recorder.call(launcherArguments(8))).result).toBe(2);
    await recorder.close();
  });

  test("within a call, good calls after a refused launch leave its error in place", async () => {
    const call = await recordCall(12);
    expect(call.result_name).toBe("cudaErrorInvalidValue");
    expect(call.operations.map((operation) => operation.kind)).toEqual([
      "refused_launch",
      "launch",
    ]);
  });

  test("a kernel that is not among the given facts is an error that names it", async () => {
    const { signal } = new AbortController();
    const library = libraries[90]?.library ?? "";
    const recorder = await Recorder.start({
      ...{ library, entry: "launchers", device: requireDevice("H100"), kernels: [] },
      ...{ signal, timeoutMs: 10_000 },
    });
    await expect(recorder.call(launcherArguments(0))).rejects.toMatchObject({
      code: "recording_failed",
      message: expect.stringMatching(/kernel _ZN.*scaled.*, which is not in the library's PTX/u),
    });
    await recorder.close();
  });

  test("structures are written to the size that NVIDIA's header gives them, and not a byte further", async () => {
    if (typeof compiler === "string") return;
    const built = await compileLibrary(compiler, build.folder, "layout.cu");
    const { signal } = new AbortController();
    const recorder = await Recorder.start({
      ...{ ...built, entry: "layout", device: requireDevice("H100"), signal, timeoutMs: 10_000 },
    });
    const { operations } = await recorder.call(Buffer.alloc(8));
    await recorder.close();
    const [upload] = operations;
    if (upload?.kind !== "upload") throw new Error("no upload");
    const [properties, sizeofProperties, attributes, sizeofAttributes] = new Int32Array(
      upload.data.buffer,
    );
    expect(properties).toBe(sizeofProperties);
    expect(attributes).toBe(sizeofAttributes);
  }, 60_000);

  test("300 calls made at once come back in order, in well under a millisecond each", async () => {
    const recorder = await startRecorder(requireDevice("H100"));
    await recorder.call(launcherArguments(0));
    const start = performance.now();
    const calls = await Promise.all(
      Array.from({ length: 300 }, (_, index) =>
        recorder.call(launcherArguments(0, (index + 1) * 256)),
      ),
    );
    const perCallMs = (performance.now() - start) / 300;
    expect(calls.map((call) => call.launches[0]?.grid[0])).toEqual(
      calls.map((_, index) => index + 1),
    );
    console.info(`recorder: ${(perCallMs * 1000).toFixed(0)} us a call`);
    expect(perCallMs).toBeLessThan(5);
    await recorder.close();
  });
});
