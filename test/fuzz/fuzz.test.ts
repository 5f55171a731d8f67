import { describe, expect, test } from "vitest";
import { Machine, PtxError, parsePtx } from "../../tools/ptx/index.ts";
import { runKernelCase } from "./kernel-cases.ts";
import { generateKernel } from "./kernel-generator.ts";
import { runPtxCase } from "./ptx-cases.ts";
import { makeRandom, mix } from "./random.ts";
import { runRecordingCase } from "./recording-cases.ts";
import { runReplyCase } from "./reply-cases.ts";
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
