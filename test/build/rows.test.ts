import { expect, test } from "vitest";
import type { BuildResult } from "../../tools/build/result.ts";
import { fitInAnswer } from "../../tools/build/rows.ts";

type Row = BuildResult["kernels"][number];

const row: Row = {
  arch: "sm_120",
  kernel: "rmsnorm_several_rows_per_warp<__nv_bfloat16, float, 4, 2>",
  registers_per_thread: 128,
  spill_bytes: 1000,
  stack_frame_bytes: 1000,
  static_shared_bytes: 49_152,
  max_threads: 1024,
  occupancy_pct: 66.7,
  limited_by: "registers",
  global_load_bits: [16, 32, 64, 128],
  global_store_bits: [16, 32, 64, 128],
  cache_hints: "load CONSTANT 16, load EF 4, store EF 12",
  shuffles: 10,
  barriers: 2,
  special_functions: "RCP 6, RSQ 2",
  instructions: 1234,
};

function largeResult(kernels: number, diagnostics: number): BuildResult {
  const archs = ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"];
  return {
    summary: "x".repeat(300),
    status: "done",
    verdict: diagnostics > 0 ? "failed" : "passed",
    kernel: "kernels/qwen3-rmsnorm",
    compiler: "CUDA 13.0.88 in /usr/local/cuda",
    compile_ms: 10_000,
    cached: false,
    builds_folder: "/home/somebody/.cache/kernelwright/builds",
    build_ids: archs.map((arch) => `${arch}-0123456789abcdef`),
    archs: archs.map((arch) => ({
      arch,
      build_id: `${arch}-0123456789abcdef`,
      cached: false,
      build_ms: 10_000,
      kernels: 16,
      max_registers_per_thread: 255,
      spill_bytes: 1000,
      min_occupancy_pct: 12.5,
    })),
    kernels: Array.from({ length: kernels }, () => row),
    kernel_count: kernels,
    changes: Array.from({ length: 200 }, () => ({
      arch: "sm_120",
      kernel: row.kernel,
      what: "static shared bytes",
      before: 10_000,
      after: 20_000,
    })),
    change_count: 200,
    diagnostics: Array.from({ length: diagnostics }, () => ({
      severity: "error" as const,
      message: `no instance of overloaded function ${"x".repeat(1000)}`,
      file: "rmsnorm_cuda/kernels.cuh",
      line: 100,
      column: 20,
      excerpt: "y".repeat(400),
      hint: "z".repeat(150),
      notes: ["n".repeat(500), "n".repeat(500), "n".repeat(500), "and 8 more"],
      archs,
    })),
    diagnostic_count: diagnostics,
    warnings: Array.from({ length: 5 }, () => ({
      code: "spills",
      message: "m".repeat(200),
      hint: "h".repeat(150),
    })),
    artifacts: [{ path: "kernels/qwen3-rmsnorm/.kernelwright/build.json", bytes: 100_000 }],
    next: [{ tool: "build_kernel", arguments: "{}", why: "w".repeat(80) }],
  };
}

test.each([
  [112, 0],
  [24, 200],
  [0, 200],
])(
  "a result of %i kernels and %i diagnostics fits into 8 kB and keeps the counts",
  (kernels, diagnostics) => {
    const full = largeResult(kernels, diagnostics);
    const result = fitInAnswer(full);
    expect(Buffer.byteLength(JSON.stringify(result))).toBeLessThanOrEqual(8000);
    expect(result.diagnostics.length).toBeLessThanOrEqual(20);
    expect(result.kernel_count).toBe(kernels);
    expect(result.diagnostic_count).toBe(diagnostics);
    if (diagnostics > 0) expect(result.diagnostics[0]?.excerpt).toBe(full.diagnostics[0]?.excerpt);
    else expect(result.kernels.length).toBeGreaterThan(3);
  },
);

test("a result that is small enough is not cut", () => {
  const full = { ...largeResult(3, 1), changes: [] };
  expect(fitInAnswer(full).kernels).toHaveLength(3);
  expect(fitInAnswer(full).diagnostics[0]?.excerpt).toHaveLength(400);
});
