import { expect, test } from "vitest";
import { rmsnormFields } from "../../../tools/kernel/operators.ts";
import { callStream } from "../../../tools/record/recorder.ts";
import { inInterpreter } from "../../../tools/validate/interpreter/case-pool.ts";
import type { CaseOutcome } from "../../../tools/validate/outcome.ts";
import type { Recording } from "../../../tools/validate/recording.ts";
import type { Work } from "../../../tools/validate/work.ts";
import { kernelCase } from "../cases.ts";

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
  stream: callStream,
  attributes: { cooperative: false, programmatic_stream_serialization: false, hints: [] },
};

const cases = [kernelCase(), kernelCase({ rows: 3 }), kernelCase({ rows: 1 })];

function run(change: Partial<Work>, ptx = header) {
  return inInterpreter({ ptx, fields: rmsnormFields })({
    items: cases.map((one) => ({ one, check: "values" as const })),
    record: async () => ({
      state: "recorded",
      result: 801,
      result_name: "no",
      operations: [],
      kept: [],
    }),
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
  await expect(run({}, "this is no PTX")).rejects.toThrow(/PTX/u);
});

test("cancelling ends the threads in the middle of a case", async () => {
  const controller = new AbortController();
  const work = {
    // 50 million instructions at one lane a warp: seconds.
    record: async (): Promise<Recording> => {
      setTimeout(() => controller.abort(), 50);
      return {
        state: "recorded",
        result: 0,
        result_name: "",
        operations: [launchEndless],
        kept: [],
      };
    },
    signal: controller.signal,
  };
  await expect(run(work, endless)).rejects.toMatchObject({ code: "cancelled" });
});
