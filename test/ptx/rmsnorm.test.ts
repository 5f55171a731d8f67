import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fromBf16, fromF16, toBf16, toF16 } from "../../tools/ptx/arithmetic/halves.ts";
import { Machine, type PtxFault, type PtxModule, parsePtx } from "../../tools/ptx/index.ts";
import { bytesOf, pointer } from "./helpers/snippet.ts";

const eps = 1e-6;
const formats = {
  bfloat16: { bytes: 2, mangled: "13__nv_bfloat16", mantissa: 7, least: -133 },
  float16: { bytes: 2, mangled: "6__half", mantissa: 10, least: -24 },
  float32: { bytes: 4, mangled: "f", mantissa: 23, least: -149 },
} as const;
type Dtype = keyof typeof formats;

function read(arch: string): PtxModule {
  return parsePtx(
    readFileSync(new URL(`../fixtures/ptx/rmsnorm.${arch}.ptx`, import.meta.url), "utf8"),
  );
}

function encode(dtype: Dtype, values: readonly number[]): Uint8Array {
  if (dtype === "float32") return bytesOf(Float32Array.from(values));
  return bytesOf(Uint16Array.from(values, dtype === "bfloat16" ? toBf16 : toF16));
}

function decode(dtype: Dtype, bytes: Uint8Array): number[] {
  const { buffer } = bytes.slice();
  if (dtype === "float32") return [...new Float32Array(buffer)];
  return [...new Uint16Array(buffer)].map(dtype === "bfloat16" ? fromBf16 : fromF16);
}

/** Sums of four uniform numbers: close enough to normal, and the same everywhere. */
function inputs(count: number, scale: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    let sum = 0;
    for (let i = 0; i < 4; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) | 0;
      sum += (state >>> 8) / 2 ** 24 - 0.5;
    }
    return sum * scale * Math.sqrt(3);
  });
}

/** Runs a kernel and returns the largest error in ulps of the output, and the share beyond half an ulp. */
function measure(
  module: PtxModule,
  kernel: string,
  dtype: Dtype,
  rows: number,
  hidden: number,
  options: {
    threads?: number;
    dynamic_shared_bytes?: number;
    scale?: number;
    all_vector?: boolean;
  } = {},
): { max_ulp: number; beyond_half: number; out: Uint8Array } {
  const { bytes, mantissa, least } = formats[dtype];
  const machine = new Machine(module, { all_vector: options.all_vector ?? false });
  const x = encode(dtype, inputs(rows * hidden, options.scale ?? 1, 1));
  const weight = encode(
    dtype,
    inputs(hidden, 0.3, 2).map((value) => 1 + value),
  );
  const px = machine.alloc(x.length, { label: "x", read_only: true });
  const pw = machine.alloc(weight.length, { label: "weight", read_only: true });
  const out = machine.alloc(rows * hidden * bytes, { label: "out" });
  machine.write(px, x);
  machine.write(pw, weight);
  machine.launch({
    kernel,
    grid: [rows, 1, 1],
    block: [options.threads ?? 128, 1, 1],
    dynamic_shared_bytes: options.dynamic_shared_bytes ?? 0,
    params: [
      pointer(out),
      pointer(px),
      pointer(pw),
      pointer(BigInt(hidden)),
      bytesOf(Int32Array.of(hidden)),
      bytesOf(Float32Array.of(eps)),
    ],
  });
  const [xs, ws, got] = [
    decode(dtype, x),
    decode(dtype, weight),
    decode(dtype, machine.read(out, rows * hidden * bytes)),
  ];
  let maxUlp = 0;
  let beyond = 0;
  for (let row = 0; row < rows; row++) {
    const values = xs.slice(row * hidden, (row + 1) * hidden);
    const mean = values.reduce((sum, value) => sum + value * value, 0) / hidden;
    const rstd = 1 / Math.sqrt(mean + Math.fround(eps));
    values.forEach((value, c) => {
      const expected = value * rstd * (ws[c] ?? 0);
      const exponent = Math.max(
        Math.floor(Math.log2(Math.abs(expected) || 1e-300)) - mantissa,
        least,
      );
      const error = Math.abs((got[row * hidden + c] ?? Number.NaN) - expected) / 2 ** exponent;
      if (!(error <= maxUlp)) maxUlp = error;
      if (!(error <= 0.5)) beyond++;
    });
  }
  return {
    max_ulp: maxUlp,
    beyond_half: beyond / (rows * hidden),
    out: machine.read(out, rows * hidden * bytes),
  };
}

function find(module: PtxModule, name: string, dtype: Dtype): string {
  const { mangled } = formats[dtype];
  const found = [...module.kernels.keys()].find((kernel) => kernel.includes(`${name}I${mangled}`));
  if (found === undefined) throw new Error(`no ${name} for ${dtype}`);
  return found;
}

/** One rounding at the end (facts on numerics): 0.51 ulp and at most 1e-3 beyond half for 16-bit outputs, 8 ulp for float32. */
function bound(dtype: Dtype): number {
  return dtype === "float32" ? 8 : 0.51;
}

describe.each(["sm_75", "sm_80", "sm_90"])("RMSNorm compiled for %s", (arch) => {
  const module = read(arch);

  test("the module says what it holds", () => {
    expect(module.target).toBe(arch);
    expect(module.kernels.size).toBe(6);
    const kernel = module.kernels.get(find(module, "rmsnorm_row", "bfloat16"));
    expect(kernel?.static_shared_bytes).toBe(16);
    expect(kernel?.params.map(({ offset, bytes }) => [offset, bytes])).toEqual([
      [0, 8],
      [8, 8],
      [16, 8],
      [24, 8],
      [32, 4],
      [36, 4],
    ]);
  });

  test.each(["bfloat16", "float16", "float32"] as const)("row in registers, %s", (dtype) => {
    const kernel = find(module, "rmsnorm_row", dtype);
    for (const hidden of [64, 1000, 4096]) {
      const { max_ulp, beyond_half } = measure(module, kernel, dtype, 3, hidden);
      expect(max_ulp, `${hidden}`).toBeLessThanOrEqual(bound(dtype));
      if (dtype !== "float32") expect(beyond_half).toBeLessThanOrEqual(1e-3);
    }
  });

  test.each(["bfloat16", "float32"] as const)("any hidden size, %s", (dtype) => {
    const kernel = find(module, "rmsnorm_any", dtype);
    for (const hidden of [1, 3, 127, 515]) {
      const { max_ulp } = measure(module, kernel, dtype, 2, hidden, {
        threads: 64,
        dynamic_shared_bytes: 256,
      });
      expect(max_ulp, `${hidden}`).toBeLessThanOrEqual(bound(dtype));
    }
  });

  test("lanes that are scheduled freely give the same bits as lanes that go together", () => {
    const row = find(module, "rmsnorm_row", "float16");
    const together = measure(module, row, "float16", 2, 1000);
    expect(measure(module, row, "float16", 2, 1000, { all_vector: true }).out).toEqual(
      together.out,
    );
    const any = find(module, "rmsnorm_any", "float32");
    const options = { threads: 64, dynamic_shared_bytes: 256 };
    const first = measure(module, any, "float32", 2, 131, options);
    expect(measure(module, any, "float32", 2, 131, { ...options, all_vector: true }).out).toEqual(
      first.out,
    );
  });

  test("tiny inputs, where the eps decides", () => {
    const { max_ulp } = measure(
      module,
      find(module, "rmsnorm_row", "bfloat16"),
      "bfloat16",
      2,
      1024,
      { scale: 1e-4 },
    );
    expect(max_ulp).toBeLessThanOrEqual(0.51);
  });

  test("a wrong launch is found: hidden_size 0 fails the assertion, with the source's text", () => {
    const kernel = find(module, "rmsnorm_any", "float32");
    expect(() =>
      measure(module, kernel, "float32", 1, 0, { threads: 32, dynamic_shared_bytes: 128 }),
    ).toThrow(/assertion "hidden_size > 0" failed/u);
  });

  test("too little dynamic shared memory is found, with thread and line", () => {
    const kernel = find(module, "rmsnorm_any", "float32");
    expect(() =>
      measure(module, kernel, "float32", 1, 64, { threads: 64, dynamic_shared_bytes: 64 }),
    ).toThrow(
      /store of 4 bytes at shared memory \+ 64 \(shared memory is 64 bytes\) in .* thread \(16,0,0\) at rmsnorm\.cu:\d+/u,
    );
  });

  test("a store past the end names buffer, offset, size, thread and line", () => {
    const kernel =
      [...module.kernels.keys()].find((name) => name.includes("store_past_the_end")) ?? "";
    const machine = new Machine(module);
    const out = machine.alloc(128, { label: "out" });
    try {
      machine.launch({
        kernel,
        grid: [1, 1, 1],
        block: [32, 1, 1],
        dynamic_shared_bytes: 0,
        params: [pointer(out), bytesOf(Int32Array.of(8))],
      });
      expect.unreachable();
    } catch (error) {
      expect((error as PtxFault).finding).toMatchObject({
        kind: "out_of_bounds",
        thread: [24, 0, 0],
        source_file: "rmsnorm.cu",
      });
      expect((error as PtxFault).message).toContain(
        "store of 4 bytes at out + 128 (allocation is 128 bytes)",
      );
    }
  });
});
