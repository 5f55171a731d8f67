import { expect, test } from "vitest";
import { rmsnormFields } from "../../tools/kernel/operators.ts";
import { runCases } from "../../tools/validate/case-pool.ts";
import type { CaseOutcome } from "../../tools/validate/outcome.ts";
import { kernelCase } from "./cases.ts";

const header = ".version 9.0\n.target sm_80\n.address_size 64\n";
/** A kernel that does not end within its budget for a long time. */
const endless = `${header}.visible .entry endless()
{
	.reg .pred %p<2>;
$loop:
	bra $loop;
}
`;
const launchEndless = {
  kind: "launch" as const,
  kernel: "endless",
  grid: [1, 1, 1] as [number, number, number],
  block: [1, 1, 1] as [number, number, number],
  dynamic_shared_bytes: 0,
  params: [],
  stream: 0n,
  attributes: { cooperative: false, programmatic_stream_serialization: false, hints: [] },
};

const cases = [kernelCase(), kernelCase({ rows: 3 }), kernelCase({ rows: 1 })];

function run(change: Partial<Parameters<typeof runCases>[0]>) {
  return runCases({
    data: { ptx: header, fields: rmsnormFields },
    cases,
    record: async () => ({ state: "recorded", result: 801, result_name: "no", operations: [] }),
    onOutcome: () => {},
    signal: new AbortController().signal,
    ...change,
  });
}

test("every case gets its outcome", async () => {
  const outcomes: CaseOutcome["state"][] = [];
  await run({
    onOutcome(index, { state }) {
      outcomes[index] = state;
    },
  });
  expect(outcomes).toEqual(["refused", "refused", "refused"]);
});

test("what goes wrong while an outcome is kept ends the run, not the process", async () => {
  const onOutcome = () => {
    throw new Error("no space");
  };
  await expect(run({ onOutcome })).rejects.toThrow("no space");
});

test("a recorder that fails ends the run", async () => {
  await expect(run({ record: () => Promise.reject(new Error("gone")) })).rejects.toThrow("gone");
});

test("a thread that dies ends the run with its error", async () => {
  const data = { ptx: "this is no PTX", fields: rmsnormFields };
  await expect(run({ data })).rejects.toThrow(/PTX/u);
});

test("cancelling ends the threads in the middle of a case", async () => {
  const controller = new AbortController();
  const running = run({
    data: { ptx: endless, fields: rmsnormFields },
    // 50 million instructions at one lane a warp: seconds.
    record: async () => {
      setTimeout(() => controller.abort(), 50);
      return { state: "recorded", result: 0, result_name: "", operations: [launchEndless] };
    },
    signal: controller.signal,
  });
  await expect(running).rejects.toMatchObject({ code: "cancelled" });
});
