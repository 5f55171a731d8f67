import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { type Finding, Machine, PtxFault, parsePtx } from "../../../tools/ptx/index.ts";
import { bytesOf, pointer } from "../helpers/snippet.ts";

const [rows, hidden] = [3, 4096];
/** Small floats in every format: 0x3f.. is near 1 as bf16 and fp16, and as the upper half of a float32. */
const x = Uint16Array.from(
  { length: rows * hidden * 2 },
  (_, i) => 0x3c00 + (Math.imul(i, 40503) & 0xff),
);

interface Ran {
  out: Uint8Array;
  warnings: readonly Finding[];
  finding: Finding | undefined;
}

/** Runs an RMSNorm kernel of the fixtures, as nvcc compiled it, on three rows of 4096. */
function runKernel(text: string, kernel: string, checks: boolean): Ran {
  const machine = new Machine(parsePtx(text), { checks });
  const size = kernel.includes("If") ? 4 : 2;
  const px = machine.alloc(rows * hidden * size, { label: "x", read_only: true });
  const weight = machine.alloc(hidden * size, { label: "weight", read_only: true });
  const out = machine.alloc(rows * hidden * size, { label: "out" });
  machine.write(px, bytesOf(x).subarray(0, rows * hidden * size));
  machine.write(weight, bytesOf(x).subarray(0, hidden * size));
  let finding: Finding | undefined;
  try {
    machine.launch({
      kernel,
      grid: [rows, 1, 1],
      block: [128, 1, 1],
      dynamic_shared_bytes: kernel.includes("any") ? 4096 : 0,
      params: [
        pointer(out),
        pointer(px),
        pointer(weight),
        pointer(BigInt(hidden)),
        bytesOf(Int32Array.of(hidden)),
        bytesOf(Float32Array.of(1e-6)),
      ],
    });
  } catch (error) {
    if (!(error instanceof PtxFault)) throw error;
    finding = error.finding;
  }
  return { out: machine.read(out, rows * hidden * size), warnings: machine.warnings, finding };
}

describe.each(["sm_75", "sm_80", "sm_90"])("kernels that nvcc compiled for %s", (arch) => {
  const file = new URL(`../../fixtures/ptx/rmsnorm.${arch}.ptx`, import.meta.url);
  const text = readFileSync(file, "utf8");
  const kernels = [...parsePtx(text).kernels.keys()].filter((name) => name.includes("rmsnorm"));

  test.each(kernels)(
    "%s: no finding, no warning, and the same bits as without checks",
    (kernel) => {
      const { out, warnings, finding } = runKernel(text, kernel, true);
      expect(finding).toBeUndefined();
      expect(warnings).toEqual([]);
      expect(Buffer.compare(out, runKernel(text, kernel, false).out)).toBe(0);
    },
  );

  test("without any one of their barriers each is a race in shared memory", () => {
    for (const kernel of kernels) {
      const start = text.indexOf(`.entry ${kernel}(`);
      const end = text.indexOf("\n}", start);
      const barriers = [...text.slice(start, end).matchAll(/bar\.sync\s+0;/gu)];
      expect(barriers.length, kernel).toBeGreaterThan(0);
      for (const barrier of barriers) {
        const at = start + barrier.index;
        const mutant = `${text.slice(0, at)}${text.slice(at + barrier[0].length)}`;
        const { finding } = runKernel(mutant, kernel, true);
        expect(finding, `${kernel} without the barrier at ${at}`).toMatchObject({
          kind: "shared_race",
          source_file: expect.stringContaining("rmsnorm.cu"),
          other: { source_file: expect.stringContaining("rmsnorm.cu") },
        });
      }
    }
  });
});
