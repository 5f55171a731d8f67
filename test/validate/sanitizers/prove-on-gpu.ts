// Runs the kernels of kernels.cu under the real sanitizers and the real runner, on a machine with both:
// bundle it (esbuild --bundle --platform=node --format=esm), then
// node prove-on-gpu.mjs compute-sanitizer python3 kernels.cubin result.json
import { writeFileSync } from "node:fs";
import type { RecordedOperation } from "../../../tools/record/recorder.ts";
import { runSanitizers, type SanitizerCase } from "../../../tools/validate/sanitizers/run.ts";

const threads = 64;
const kernels = [
  "honest",
  "honest_shuffles",
  "writes_past_the_end",
  "reads_misaligned",
  "races_across_warps",
  "races_inside_a_warp",
  "reads_unwritten_output",
  "diverges_at_a_barrier",
  "leaves_a_lane_out",
  "traps",
];

const [program = "", python = "", image = "", file = ""] = process.argv.slice(2);
const results: Record<string, unknown> = {};
for (const kernel of kernels) {
  const { findings, not_run, milliseconds } = await runSanitizers({
    sanitizer: { program, version: "", found_by: "PATH" },
    python,
    image,
    // An honest launch first: findings must be placed at the second one.
    cases: [caseOf("honest"), caseOf(kernel), caseOf("honest_shuffles")],
    signal: new AbortController().signal,
    timeoutMs: 60_000,
  });
  results[kernel] = { findings, not_run, milliseconds: Math.round(milliseconds) };
}
writeFileSync(file, `${JSON.stringify(results, null, 2)}\n`);

function caseOf(kernel: string): SanitizerCase {
  const content = new Uint8Array(Float32Array.from({ length: threads }, (_, i) => i).buffer);
  return {
    label: `case of ${kernel}`,
    buffers: [
      { label: "x", bytes: 4 * threads, content },
      { label: "out", bytes: 4 * threads },
    ],
    async record(addresses) {
      const pointer = (label: string) =>
        new Uint8Array(BigUint64Array.of(addresses.get(label) ?? 0n).buffer);
      const count = new Uint8Array(Int32Array.of(threads).buffer);
      return [launch(kernel, [pointer("out"), pointer("x"), count])];
    },
  };
}

function launch(kernel: string, params: Uint8Array[]): RecordedOperation {
  return {
    kind: "launch",
    kernel,
    grid: [1, 1, 1],
    block: [threads, 1, 1],
    dynamic_shared_bytes: 0,
    params,
    stream: 0n,
    attributes: { cooperative: false, programmatic_stream_serialization: false, hints: [] },
  };
}
