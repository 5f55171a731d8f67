import { readFileSync } from "node:fs";
import { Machine, parsePtx } from "../../tools/ptx/index.ts";
import { bytesOf, pointer } from "../ptx/helpers/snippet.ts";

export interface PtxBenchmark {
  shape: string;
  arch: string;
  /** Parsing, translating and running for the first time, in a process that may be warm from other archs. */
  first_launch_ms: number;
  /** Median of the launches after warm-up, with its interquartile range. */
  thread_instructions_per_second: number;
  noise_pct: number;
  thread_instructions: number;
}

/** Interpreter speed on the bf16 row-in-registers kernel of the fixtures, 64 rows of 4096. */
export function benchmarkPtx(arch: string, samples = 21): PtxBenchmark {
  const [rows, hidden] = [64, 4096];
  const file = new URL(`../fixtures/ptx/rmsnorm.${arch}.ptx`, import.meta.url);
  const text = readFileSync(file, "utf8");
  const start = performance.now();
  const module = parsePtx(text);
  const kernel = [...module.kernels.keys()].find((name) =>
    name.includes("rmsnorm_rowI13__nv_bfloat16"),
  );
  if (kernel === undefined) throw new Error("the fixture has no bf16 kernel");
  const machine = new Machine(module);
  const x = Uint16Array.from(
    { length: rows * hidden },
    (_, i) => 0x3f00 + (Math.imul(i, 40503) & 0xff),
  );
  const px = machine.alloc(x.byteLength, { label: "x", read_only: true });
  const weight = machine.alloc(hidden * 2, { label: "weight", read_only: true });
  const out = machine.alloc(x.byteLength, { label: "out" });
  machine.write(px, bytesOf(x));
  machine.write(weight, bytesOf(x.subarray(0, hidden)));
  const run = (): number =>
    machine.launch({
      kernel,
      grid: [rows, 1, 1],
      block: [128, 1, 1],
      dynamic_shared_bytes: 0,
      params: [
        pointer(out),
        pointer(px),
        pointer(weight),
        pointer(BigInt(hidden)),
        bytesOf(Int32Array.of(hidden)),
        bytesOf(Float32Array.of(1e-6)),
      ],
    }).thread_instructions;
  const instructions = run();
  const first = performance.now() - start;
  for (let i = 0; i < 10; i++) run();
  const speeds = Array.from({ length: samples }, () => {
    const begin = performance.now();
    run();
    return (instructions / (performance.now() - begin)) * 1000;
  }).sort((a, b) => a - b);
  const at = (share: number): number => speeds[Math.floor((speeds.length - 1) * share)] ?? 0;
  return {
    shape: `${rows}x${hidden}`,
    arch,
    first_launch_ms: first,
    thread_instructions_per_second: at(0.5),
    noise_pct: ((at(0.75) - at(0.25)) / at(0.5)) * 100,
    thread_instructions: instructions,
  };
}
