// A witness that is no model of ours: 224 000 results of 326 instructions, each run by itself through inline PTX on an
// NVIDIA H200 (driver's own compiler, 2026-11-22). Exact instructions must agree in every bit.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { documentedErrors } from "../../../tools/ptx/arithmetic/approximate.ts";
import { fromBits32 } from "../../../tools/ptx/arithmetic/float32.ts";
import { fromBf16, fromF16 } from "../../../tools/ptx/arithmetic/halves.ts";
import { signed64 } from "../../../tools/ptx/arithmetic/int64.ts";
import { fromWords } from "../../../tools/ptx/arithmetic/rounding.ts";
import { implementation } from "./opcodes.ts";

interface Recording {
  device: string;
  sets: Record<string, string>;
  ops: { op: string; set: string; results: string }[];
}

const file = new URL("../../fixtures/ptx/h200-arithmetic.json.gz", import.meta.url);
const recording = JSON.parse(gunzipSync(readFileSync(file)).toString()) as Recording;

function words(base64: string): Int32Array {
  const bytes = Buffer.from(base64, "base64");
  return new Int32Array(new Uint8Array(bytes).buffer);
}

// Not modelled: halves with .xorsign.abs.
const missing = ["min.xorsign.abs.f16", "min.xorsign.abs.bf16"];
const valueOfType: Record<string, (lo: number, hi: number) => number> = {
  f32: (lo) => fromBits32(lo),
  tf32: (lo) => fromBits32(lo),
  f64: fromWords,
  f16: (lo) => fromF16(lo),
  bf16: (lo) => fromBf16(lo),
};

// The type of the result: cvt names it before the source, everything else names it last.
function resultType(op: string): string {
  const parts = op.split(".");
  return (parts[0] === "cvt" ? parts.at(-2) : parts.at(-1)) as string;
}

// cvt.rna.tf32 keeps a NaN's upper bits: 0x7f800001 even becomes infinity. Ours is NaN.
const truncatedNan = (op: string, row: Int32Array) =>
  op === "cvt.rna.tf32.f32" && Number.isNaN(fromBits32(row[0] as number));

// NaN payloads that a JS NaN cannot carry: conversions from a NaN operand, and rsqrt / rcp in f64.
const payloadFree = /tf32|cvt\..*\.f64$|cvt\.f32\.bf16|\.approx.*\.f64|xorsign/;

test("326 instructions were recorded and all but two of them are implemented", () => {
  expect(recording.device).toBe("NVIDIA H200");
  const unknown = recording.ops.map(({ op }) => op).filter((op) => !implementation(op));
  expect(unknown).toEqual(missing);
});

test("every exact instruction gives the H200's bits, canonical NaN included", () => {
  let cases = 0;
  const differing: string[] = [];
  for (const { op, set, results } of recording.ops) {
    const run = implementation(op);
    if (!run || /\.approx|\.full/.test(op)) continue;
    const rows = words(recording.sets[set] as string);
    const got = words(results);
    for (let i = 0; i < got.length / 2; i++) {
      const row = rows.subarray(6 * i, 6 * i + 6);
      const [lo, hi] = run(row);
      cases++;
      if (truncatedNan(op, row)) continue;
      if (lo === got[2 * i] && hi === got[2 * i + 1]) continue;
      const value = valueOfType[resultType(op)];
      if (
        payloadFree.test(op) &&
        value &&
        Number.isNaN(value(lo, hi)) &&
        Number.isNaN(value(got[2 * i] as number, got[2 * i + 1] as number))
      )
        continue;
      if (
        op.includes("xorsign") &&
        [row[0], row[2]].some((bits) => Number.isNaN(fromBits32(bits as number)))
      )
        continue;
      differing.push(
        `${op} ${[...row].map((word) => (word >>> 0).toString(16))}: ${lo},${hi} recorded ${got[2 * i]},${got[2 * i + 1]}`,
      );
    }
  }
  expect(differing.slice(0, 5)).toEqual([]);
  expect(cases).toBeGreaterThan(200_000);
});

test("every approximate instruction is within its documented error of the model, special values equal", () => {
  const differing: string[] = [];
  let cases = 0;
  for (const { op, set, results } of recording.ops) {
    const run = implementation(op);
    if (!run || !/\.approx|\.full/.test(op) || op.endsWith(".f64")) continue;
    const documented = documentedErrors[op] ?? documentedErrors[op.replace(".ftz", "")];
    if (!documented) throw new Error(`no documented error for ${op}`);
    const type = op.split(".").at(-1) as string;
    const value = valueOfType[type] as (lo: number, hi: number) => number;
    const bits = type === "f32" ? 23 : type === "f16" ? 10 : 7;
    const least = type === "f16" ? -24 : type === "f32" ? -149 : -133;
    const rows = words(recording.sets[set] as string);
    const got = words(results);
    for (let i = 0; i < got.length / 2; i++) {
      const row = rows.subarray(6 * i, 6 * i + 6);
      const [lo, hi] = run(row);
      const [model, gpu] = [value(lo, hi), value(got[2 * i] as number, 0)];
      if (outsideDocumentedRange(op, row)) continue;
      cases++;
      if (Object.is(model, gpu)) continue;
      const ulp = 2 ** Math.max(Math.floor(Math.log2(Math.abs(model))) - bits, least);
      const size =
        documented.kind === "ulp" ? ulp : documented.kind === "relative" ? Math.abs(model) : 1;
      const relativeLog = op.startsWith("lg2") ? Math.max(1, Math.abs(model)) : size;
      if (Math.abs(model - gpu) <= documented.maximum * relativeLog + ulp / 2) continue;
      differing.push(
        `${op} ${[...row.subarray(0, 4)].map((word) => (word >>> 0).toString(16))}: ${model} recorded ${gpu}`,
      );
    }
  }
  expect(differing.slice(0, 12)).toEqual([]);
  expect(cases).toBeGreaterThan(6000);
});

test("the approximate float64 instructions are within one unit of the H200: an ulp, or bit 32 in the coarse forms", () => {
  const differing: string[] = [];
  for (const { op, set, results } of recording.ops) {
    const run = implementation(op);
    if (!run || !/approx.*f64$/.test(op)) continue;
    const unit = op.includes("ftz") ? 1n << 32n : 1n;
    const rows = words(recording.sets[set] as string);
    const got = words(results);
    for (let i = 0; i < got.length / 2; i++) {
      const [lo, hi] = run(rows.subarray(6 * i, 6 * i + 6));
      const [gpuLo, gpuHi] = [got[2 * i] as number, got[2 * i + 1] as number];
      if (Number.isNaN(fromWords(lo, hi)) && Number.isNaN(fromWords(gpuLo, gpuHi))) continue;
      const apart = signed64(lo, hi) - signed64(gpuLo, gpuHi);
      if (apart < -unit || apart > unit) differing.push(`${op} row ${i}: ${apart} units apart`);
    }
  }
  expect(differing).toEqual([]);
});

// sin and cos: only [-100 pi, 100 pi] is promised, and 2^-20.5 only to 2 pi; div.approx: |b| from 2^-126.
function outsideDocumentedRange(op: string, row: Int32Array): boolean {
  const a = Math.abs(fromBits32(row[0] as number));
  const b = Math.abs(fromBits32(row[2] as number));
  if (op.startsWith("sin") || op.startsWith("cos")) return a > 2 * Math.PI && a < Infinity;
  return op.startsWith("div.approx") && b < 2 ** -126 && b > 0;
}
