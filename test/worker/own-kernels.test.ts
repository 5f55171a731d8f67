import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { Machine, parsePtx } from "../../tools/ptx/index.ts";
import { healthProbe } from "../../tools/worker/health.ts";

const source = path.resolve(import.meta.dirname, "../../tools/worker/gpu_worker/own_kernels.py");
const ptx = /PTX = b"""\n(.*?)"""/su.exec(readFileSync(source, "utf8"))?.[1] ?? "";
const end = 0x1000_0000_0000n;

test("the probe's kernel, executed without a GPU, writes what the client expects", () => {
  const { steps, check } = healthProbe(end, 15);
  const results = executed(steps);
  expect(check(results)).toBeUndefined();
});

test("the probe sees one wrong number, numbers of another probe, and none at all", () => {
  const { steps, check } = healthProbe(end, 15);
  const results = executed(steps);
  const data = Uint8Array.from(results[3]?.data ?? []);
  data[4 * 1023 + 3] = (data[4 * 1023 + 3] ?? 0) ^ 1;
  expect(check([null, null, null, { data }, null])).toMatch(/^element 1023 is /u);
  expect(healthProbe(end, 15).check(results)).toMatch(/^element \d+ is /u);
  expect(check([])).toMatch(/^element /u);
});

test("the delay's kernel ends when its time is over", () => {
  const machine = new Machine(parsePtx(ptx), { instruction_budget: 1e7 });
  const params = [new Uint8Array(new BigUint64Array([1000n]).buffer)];
  const one: [number, number, number] = [1, 1, 1];
  const launch = { kernel: "kw_runner_delay", grid: one, block: one, dynamic_shared_bytes: 0 };
  const counts = machine.launch({ ...launch, params });
  expect(counts.thread_instructions).toBeGreaterThan(3);
});

/** The steps as the runner does them, in the interpreter's memory. */
function executed(steps: ReturnType<typeof healthProbe>["steps"]) {
  const machine = new Machine(parsePtx(ptx));
  return steps.map((step) => {
    if (step.do === "map") {
      machine.alloc(step.bytes, { label: "probe", at: BigInt(step.address) });
    }
    if (step.do === "launch") {
      const params = step.params.map((value) => value as Uint8Array);
      machine.launch({ ...step, params });
    }
    return step.do === "read" ? { data: machine.read(BigInt(step.address), step.bytes) } : null;
  });
}
