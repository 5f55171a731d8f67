import { expect, test } from "vitest";
import { ToolError } from "../../tools/errors.ts";
import { layoutOf, rmsnormFields } from "../../tools/kernel/operators.ts";
import type { RecordedCall } from "../../tools/record/recorder.ts";
import { checkRefusals, checkRefusedLaunch, refusalCount } from "../../tools/validate/refusals.ts";

const { offsets, bytes } = layoutOf(rmsnormFields);

/** What an entry point sees of its arguments. */
function read(args: Uint8Array) {
  const view = new DataView(args.buffer);
  const int32 = (name: string) => view.getInt32(offsets[name] as number, true);
  const int64 = (name: string) => view.getBigInt64(offsets[name] as number, true);
  return { int32, int64 };
}

const answer = (result: number, kinds: string[] = []): RecordedCall =>
  ({
    result,
    result_name: `error ${result}`,
    operations: kinds.map((kind) => ({ kind, result_name: "cudaErrorInvalidConfiguration" })),
    launches: kinds.filter((kind) => kind === "launch"),
  }) as unknown as RecordedCall;

/** An entry point that checks everything but `forgotten`. */
function careful(forgotten?: string) {
  return {
    call: async (args: Uint8Array) => {
      const { int32, int64 } = read(args);
      const wrong = {
        size: int32("size") !== bytes,
        out: int64("out") === 0n,
        x: int64("x") === 0n,
        rows: int64("rows") < 0n,
        hidden_size: int64("hidden_size") < 0n,
        dtype: int32("dtype") === 99,
        weight_dtype: int32("weight_dtype") === 99,
        out_dtype: int32("out_dtype") === 99,
        rounding: int32("rounding") === 99,
      };
      const seen = Object.entries(wrong).some(([name, is]) => is && name !== forgotten);
      return seen ? answer(1) : answer(0, ["launch"]);
    },
  };
}

const check = (recorder: { call(args: Uint8Array): Promise<RecordedCall> }) =>
  checkRefusals(recorder, rmsnormFields, "sm_80");

test("an entry point that refuses all wrong arguments has no failure", async () => {
  expect(await check(careful())).toEqual([]);
  expect(refusalCount).toBe(11);
});

test.each([
  "size",
  "out",
  "x",
  "rows",
  "hidden_size",
  "dtype",
  "weight_dtype",
  "out_dtype",
  "rounding",
])("one that does not check %s is rejected for that", async (forgotten) => {
  const failures = await check(careful(forgotten));
  expect(failures.map(({ reason }) => reason)).toEqual(["missing_refusal"]);
  expect(failures[0]?.case_name).toMatch(new RegExp(`^refusal: ${forgotten} `, "u"));
});

test("an error code with a launch before it is no refusal", async () => {
  const failures = await check({ call: async () => answer(1, ["launch"]) });
  expect(failures.length).toBe(9);
});

test("a crash on wrong arguments is a finding, a cancellation is not", async () => {
  const crash = new ToolError("recording_failed", "It crashed with SIGSEGV.", "Check first.");
  const failures = await check({ call: () => Promise.reject(crash) });
  expect(failures[0]?.detail).toContain("did not return: It crashed with SIGSEGV.");
  const cancelled = new ToolError("cancelled", "Cancelled.", "Again.");
  await expect(check({ call: () => Promise.reject(cancelled) })).rejects.toBe(cancelled);
});

test("success after a refused launch is an error swallowed, an error code is not", async () => {
  const swallowed = (result: number) =>
    checkRefusedLaunch(
      { call: async () => answer(result, ["refused_launch"]) },
      rmsnormFields,
      "sm_80",
    );
  expect((await swallowed(0))[0]?.reason).toBe("launch_error_swallowed");
  expect(await swallowed(9)).toEqual([]);
});
