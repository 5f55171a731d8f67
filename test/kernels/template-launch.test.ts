import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../../tools/build/compile.ts";
import { requireDevice } from "../../tools/gpu/devices.ts";
import {
  dtypeCodes,
  encodeArguments,
  rmsnormFields,
  roundingCodes,
} from "../../tools/kernel/operators.ts";
import { readProject } from "../../tools/kernel/project.ts";
import { packageData } from "../../tools/paths.ts";
import { Recorder } from "../../tools/record/recorder.ts";
import { compiler, requireNvcc } from "./nvcc.ts";

/** cudaError_t. */
const success = 0;
const invalidValue = 1;
const notSupported = 801;

const address = 0x7f0000000000n;
const fields = new Map<string, number | bigint>(
  Object.entries({
    out: address,
    x: address + 0x100000000n,
    weight: address + 0x200000000n,
    rows: 31,
    hidden_size: 4096,
    x_row_stride: 4096,
    out_row_stride: 4096,
    eps: 1e-6,
    dtype: dtypeCodes.bfloat16,
    weight_dtype: dtypeCodes.bfloat16,
    out_dtype: dtypeCodes.bfloat16,
    rounding: roundingCodes.llama,
  }),
);

type Values = Record<string, number | bigint>;

/** The arguments of an ordinary call, with `changes`; contiguous rows unless they say otherwise. */
function argumentsWith(changes: Values): Uint8Array {
  const size = changes.hidden_size ?? 4096;
  return encodeArguments(rmsnormFields, {
    ...Object.fromEntries(fields),
    x_row_stride: size,
    out_row_stride: size,
    ...changes,
  });
}

function float32(changes: Values = {}): Values {
  const { float32: code } = dtypeCodes;
  return { dtype: code, weight_dtype: code, out_dtype: code, ...changes };
}

const suite = compiler ? describe : describe.skip;

suite("the launcher of the rmsnorm template (needs a CUDA compiler: kernelwright setup)", () => {
  const recorders: Record<string, Recorder> = {};

  beforeAll(async () => {
    const signal = new AbortController().signal;
    const project = readProject(packageData("cuda-templates", "rmsnorm"));
    const { builds } = await compile(
      {
        main: project.main,
        include_folders: project.include_folders,
        defines: {},
        root: project.folder,
      },
      ["sm_90"],
      requireNvcc(),
      { workspace: project.folder, signal, progress: () => {}, mayInstallCompiler: false },
    );
    const build = builds[0];
    if (!build) throw new Error("the template did not compile");
    for (const device of ["T4", "H100"]) {
      recorders[device] = await Recorder.start({
        library: build.library,
        entry: project.entry,
        device: requireDevice(device),
        kernels: build.kernels.map((kernel) => ({
          ...kernel,
          param_bytes: [problemBytes],
          param_offsets: [0],
        })),
        signal,
        timeoutMs: 20_000,
      });
    }
  }, 120_000);

  afterAll(async () => {
    for (const recorder of Object.values(recorders)) await recorder.close();
  });

  async function call(changes: Values, device = "H100") {
    const recorder = recorders[device];
    if (!recorder) throw new Error(`no recorder for ${device}`);
    return recorder.call(argumentsWith(changes));
  }

  test.each<[string, Values, string, number, number]>([
    ["bf16 4096", {}, "row_in_registers", 31, 128],
    ["bf16 64: 8 lanes, 32 rows a block", { hidden_size: 64 }, "several_rows_per_warp", 1, 128],
    ["bf16 128: 16 rows a block", { hidden_size: 128, rows: 33 }, "several_rows_per_warp", 3, 128],
    ["bf16 256: a whole warp", { hidden_size: 256 }, "several_rows_per_warp", 4, 128],
    ["bf16 264, past it", { hidden_size: 264 }, "warp_per_row", 8, 128],
    ["bf16 1024", { hidden_size: 1024 }, "warp_per_row", 8, 128],
    ["bf16 1032, past it", { hidden_size: 1032 }, "row_in_registers", 31, 64],
    ["bf16 16384", { hidden_size: 16384 }, "row_in_registers", 31, 512],
    ["bf16 16392, past it", { hidden_size: 16392 }, "wide_row", 31, 1024],
    ["fp32 128", float32({ hidden_size: 128 }), "several_rows_per_warp", 4, 128],
    ["fp32 4096", float32(), "row_in_registers", 31, 256],
    ["fp32 8196", float32({ hidden_size: 8196 }), "wide_row", 31, 1024],
    ["one column", { hidden_size: 1 }, "any_shape", 31, 32],
    ["odd size", { hidden_size: 4097 }, "any_shape", 31, 256],
    ["unaligned x", { x: address + 0x100000002n }, "any_shape", 31, 256],
    ["unaligned out", { out: address + 8n }, "any_shape", 31, 256],
    ["unaligned weight", { weight: address + 0x200000004n }, "any_shape", 31, 256],
    ["odd row stride of x", { x_row_stride: 4097 }, "any_shape", 31, 256],
    ["odd row stride of out", { out_row_stride: 4100 }, "any_shape", 31, 256],
    ["odd group stride", { rows_per_group: 4, x_group_stride: 65540 }, "any_shape", 31, 256],
    ["group stride unused", { x_group_stride: 65540 }, "row_in_registers", 31, 128],
    ["no weight", { weight: 0 }, "row_in_registers", 31, 128],
    ["2^31 rows walk the largest grid", { rows: 2n ** 31n }, "row_in_registers", 2 ** 31 - 1, 128],
  ])("%s", async (_, changes, variant, blocks, threads) => {
    const { result, launches } = await call(changes);
    expect(result).toBe(success);
    expect(launches).toHaveLength(1);
    expect(launches[0]).toMatchObject({ grid: [blocks, 1, 1], block: [threads, 1, 1] });
    expect(launches[0]?.kernel).toContain(`rmsnorm_${variant}`);
  });

  test("a float32 result of narrower x needs rows of out aligned to 4 elements only", async () => {
    const promoted = { weight_dtype: dtypeCodes.float32, out_dtype: dtypeCodes.float32 };
    const { launches } = await call({ ...promoted, out_row_stride: 4100 });
    expect(launches[0]?.kernel).toContain("rmsnorm_row_in_registers");
  });

  test("what passes half of L2 is streamed: 8 MB on a T4, not on an H100", async () => {
    const streaming = async (device: string) => {
      const { launches } = await call({ rows: 1024 }, device);
      return launches[0]?.params[0]?.[streamingOffset];
    };
    expect(await streaming("T4")).toBe(1);
    expect(await streaming("H100")).toBe(0);
  });

  test.each<[string, Values]>([
    ["no rows", { rows: 0 }],
    ["no columns", { hidden_size: 0 }],
    ["no rows, and null pointers as torch gives for them", { rows: 0, x: 0, out: 0 }],
  ])("%s: success without a launch", async (_, changes) => {
    expect(await call(changes)).toMatchObject({ result: success, launches: [], operations: [] });
  });

  test.each<[string, Values, number]>([
    ["another size of the struct", { size: 8 }, invalidValue],
    ["x is null", { x: 0 }, invalidValue],
    ["out is null", { out: 0 }, invalidValue],
    ["negative rows", { rows: -1 }, invalidValue],
    ["negative hidden_size", { hidden_size: -1 }, invalidValue],
    ["a negative row stride", { x_row_stride: -4096 }, invalidValue],
    ["a negative group stride", { rows_per_group: 4, out_group_stride: -1 }, invalidValue],
    ["negative eps", { eps: -1e-6 }, invalidValue],
    ["eps is NaN", { eps: Number.NaN }, invalidValue],
    ["an unknown dtype", { dtype: 3 }, invalidValue],
    ["an unknown dtype of weight", { weight_dtype: -1 }, invalidValue],
    ["an unknown dtype of out", { out_dtype: 9 }, invalidValue],
    ["an unknown rounding", { rounding: 2 }, invalidValue],
    ["a float16 weight of bfloat16 x", { weight_dtype: dtypeCodes.float16 }, notSupported],
    ["a float32 result without a float32 weight", { out_dtype: dtypeCodes.float32 }, notSupported],
    ["a float16 result of bfloat16 x", { out_dtype: dtypeCodes.float16 }, notSupported],
    ["in place", { x: address }, notSupported],
  ])("%s: refused without a launch", async (_, changes, error) => {
    expect(await call(changes)).toMatchObject({ result: error, launches: [] });
  });
});

/** struct Problem of problem.cuh: its size, and the place of `streaming` in it. */
const problemBytes = 112;
const streamingOffset = 106;
