import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { Machine, PtxError, parsePtx } from "../../tools/ptx/index.ts";
import { runKernelCase } from "./kernel-cases.ts";
import { generateKernel } from "./kernel-generator.ts";
import { runPtxCase } from "./ptx-cases.ts";
import { makeRandom, mix } from "./random.ts";
import { runRecordingCase } from "./recording-cases.ts";
import { runReplyCase } from "./reply-cases.ts";
import { digest, runKernel } from "./run-kernel.ts";
import { fuzzInThread } from "./watchdog.ts";
import { fuzzWorker } from "./worker-cases.ts";

const from = (first: number, count: number) => Array.from({ length: count }, (_, i) => first + i);

describe("a slice of npm run fuzz, always the same", () => {
  test("generated kernels give the same bits under every schedule, and no check objects", () => {
    for (const seed of from(1, 6)) runKernelCase(seed);
  });

  test("mutated PTX ends in PtxError, PtxFault or a result", () => {
    const outcomes = new Set(from(1, 80).map(runPtxCase));
    expect([...outcomes].sort()).toEqual(["faulted", "ran", "refused"]);
  });

  test("mutated answers of the recorder are refused or read whole", () => {
    const outcomes = new Set(from(1, 300).map(runRecordingCase));
    expect([...outcomes].sort()).toEqual(["accepted", "refused"]);
  });

  test("mutated replies of the runner are refused or have the types of the schema", () => {
    const outcomes = new Set(from(1, 1000).map(runReplyCase));
    expect([...outcomes].sort()).toEqual(["accepted", "refused"]);
  });

  test("mutated lines get one reply each from the runner", async () => {
    const tally = await fuzzWorker(1, { milliseconds: 20_000, count: 100 });
    expect(tally.findings).toEqual([]);
    expect(tally.cases).toBe(100);
    expect(tally.outcomes.bad_request).toBeGreaterThan(20);
  });
});

describe("what the fuzzer found", () => {
  test("a huge variable takes no more memory than its initial values", () => {
    const text = `.version 8.0\n.target sm_80\n.address_size 64
.global .align 4 .b32 v[500000000] = {7, 8};
.visible .entry k(.param .u64 o) { .reg .b64 %w<3>; .reg .b32 %r<3>; ld.param.u64 %w0, [o]; mov.u64 %w1, v;
 ld.global.u32 %r0, [%w1+4]; ld.global.u32 %r1, [%w1+1999999996]; st.global.v2.u32 [%w0], {%r0, %r1}; ret; }`;
    const before = process.memoryUsage().arrayBuffers;
    const machine = new Machine(parsePtx(text));
    const out = machine.alloc(8, { label: "out" });
    const params = [new Uint8Array(BigUint64Array.of(out).buffer)];
    machine.launch({
      kernel: "k",
      grid: [1, 1, 1],
      block: [1, 1, 1],
      dynamic_shared_bytes: 0,
      params,
    });
    expect([...new Uint32Array(machine.read(out, 8).buffer)]).toEqual([8, 0]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 * 2 ** 20);
  });

  test("local memory that no GPU has is refused by name", () => {
    const text = `.version 8.0\n.target sm_80\n.address_size 64
.visible .entry k() { .local .align 4 .b8 a[99999999999999]; .reg .b64 %w; mov.u64 %w, a; st.local.u32 [%w], 1; ret; }`;
    const launch = {
      kernel: "k",
      grid: [1, 1, 1],
      block: [32, 1, 1],
      dynamic_shared_bytes: 0,
      params: [],
    } as const;
    expect(() => new Machine(parsePtx(text)).launch(launch)).toThrow(PtxError);
  });
});

describe("on the H200", () => {
  const file = path.resolve(import.meta.dirname, "results/nvidia-h200-divergence.json");
  const result = JSON.parse(readFileSync(file, "utf8"));

  test("thousands of kernels gave the interpreter's bits, and each that did not is accounted for", () => {
    expect(result.kernels).toBeGreaterThanOrEqual(4000);
    expect(result.agree + result.bad.length).toBe(result.kernels);
    expect(result.failed).toBe(0);
    for (const { note } of result.bad) expect(note).toMatch(/\w/u);
  });

  // Where only the driver's optimiser gives others: these are the GPU's own without it.
  test.each([
    [522, "a456f6de5e8d1bef"],
    [2614, "47823b5b3ab769b4"],
    [2805, "1e3cbe84249cddfb"],
    [3411, "d34c9f103d07336c"],
  ])("seed %i gives the bits of unoptimised code", (seed, expected) => {
    expect(result.bad).toContainEqual(expect.objectContaining({ seed, agrees_unoptimised: true }));
    expect(digest(runKernel(generateKernel(seed))).slice(0, 16)).toBe(expected);
    runKernelCase(seed);
  });

  test("seed 2057, which hangs there when it is optimised, ends here under every schedule", () => {
    runKernelCase(2057);
  });
});

test("a seed gives the same kernel on every machine", () => {
  const { grid, block, in_words, ptx } = generateKernel(1);
  expect({ grid, block, in_words, words: ptx.length }).toMatchInlineSnapshot(`
    {
      "block": [
        8,
        8,
      ],
      "grid": 1,
      "in_words": 528,
      "words": 3579,
    }
  `);
  expect(mix(12345)).toBe(mix(12345));
  expect([1, 2, 3].map(mix)).toMatchInlineSnapshot(`
    [
      1364076727,
      821347078,
      2247144487,
    ]
  `);
  expect(Array.from({ length: 3 }, makeRandom(7).bits)).toMatchInlineSnapshot(`
    [
      588686121,
      1937383562,
      4286812467,
    ]
  `);
});

test("the watchdog names the seed of a case that throws, and goes on behind it", async () => {
  const tally = await fuzzInThread("replies", 1, { milliseconds: 10_000, count: 50 });
  expect(tally.cases).toBe(50);
  expect(tally.findings).toEqual([]);
});
