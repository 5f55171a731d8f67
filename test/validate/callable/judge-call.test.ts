import { describe, expect, test } from "vitest";
import type { KernelCase } from "../../../tools/kernel/cases.ts";
import { bitsOf, roundTo } from "../../../tools/kernel/dtypes.ts";
import { referenceRow } from "../../../tools/kernel/reference.ts";
import { type PreparedCall, prepareCall } from "../../../tools/validate/callable/call.ts";
import {
  type CallableCandidate,
  requireCallable,
} from "../../../tools/validate/callable/candidate.ts";
import { guardBytes } from "../../../tools/validate/callable/host-buffers.ts";
import { judgeCall } from "../../../tools/validate/callable/judge-call.ts";
import type { CallableResult, Called } from "../../../tools/worker/callable.ts";
import { kernelCase } from "../cases.ts";

const returning: CallableCandidate = {
  ...requireCallable({ kernel: "somewhere:norm" }, import.meta.dirname),
  result: "returned",
};
const one = kernelCase({ rows: 3, layout: "contiguous", seed: 5 });

/** What a right function leaves behind: the reference, rounded once more to the output's dtype. */
function rightOutput({ placed }: PreparedCall, of: KernelCase): Buffer {
  const rows = Array.from({ length: of.rows }, (_, row) => {
    const values = referenceRow(of, placed.inputs(row)).ordered;
    return Array.from(values, (value) => bitsOf(roundTo(value, of.out_dtype), of.out_dtype));
  });
  return Buffer.from(Uint16Array.from(rows.flat()).buffer);
}

function reply(
  prepared: PreparedCall,
  content: Buffer,
  change: Partial<CallableResult> = {},
): Called {
  const result: CallableResult = {
    type: "torch.Tensor",
    exact: true,
    tensor: true,
    dtype: "bfloat16",
    shape: [...prepared.shape],
    device: "cpu",
    shares: [],
    bytes: content.length,
    content,
    ...change,
  };
  const buffers = prepared.request.buffers.map((each) => Buffer.from(each.content));
  return { state: "replied", device: "cpu", several: false, results: [result], buffers };
}

function judged(change?: Partial<CallableResult>, break_?: (called: Called) => void) {
  const prepared = prepareCall(returning, one, { slot: "a", fresh: true });
  const called = reply(prepared, rightOutput(prepared, one), change);
  break_?.(called);
  return judgeCall(returning, prepared, called, 1).outcome;
}

function bufferOf(called: Called, index: number): Buffer {
  return called.buffers[index] as Buffer;
}

describe("a call", () => {
  test("whose result is the reference's has no bad element", () => {
    expect(judged()).toMatchObject({ state: "measured", measurement: { bad_count: 0, beyond: 0 } });
  });

  test("with one element off is measured as such", () => {
    const outcome = judged({}, ({ results }) => {
      const { content } = results[0] as CallableResult;
      content[1] = (content[1] ?? 0) ^ 0x80;
    });
    expect(outcome).toMatchObject({ state: "measured", measurement: { bad_count: 1 } });
  });

  test.each<[string, Partial<CallableResult>]>([
    ["harness_tampered", { exact: false, type: "norm.Lazy" }],
    ["not_written", { exact: false, tensor: false, type: "builtins.NoneType" }],
    ["dtype_misread", { dtype: "float32" }],
    ["wrong_values", { shape: [3, 127] }],
    ["wrong_values", { device: "cuda" }],
    ["input_returned", { shares: ["x"] }],
  ])("is %s with a result that is %j", (reason, change) => {
    expect(judged(change)).toMatchObject({ state: "faulted", fault: { kind: reason } });
  });

  test("that changes an input, or a byte beside it, is told which", () => {
    const modified = judged({}, (called) => {
      bufferOf(called, 0)[guardBytes] = (bufferOf(called, 0)[guardBytes] ?? 0) ^ 1;
    });
    expect(modified).toMatchObject({
      fault: { kind: "input_modified", message: expect.stringMatching(/^x is not/u) },
    });
    const beside = judged({}, (called) => bufferOf(called, 1).fill(0, 0, 2));
    expect(beside).toMatchObject({
      fault: { kind: "canary_overwritten", message: "2 bytes beside weight were overwritten" },
    });
  });

  test("that raises is a refusal, and with a CUDA fault the fault", () => {
    const prepared = prepareCall(returning, one, { slot: "a", fresh: true });
    const raised = (message: string): Called => ({
      ...reply(prepared, Buffer.alloc(0)),
      error: { type: "RuntimeError", message, where: "norm.py:3" },
    });
    const refused = judgeCall(returning, prepared, raised("no such dtype"), 1).outcome;
    expect(refused).toMatchObject({
      state: "refused",
      result_name: expect.stringMatching(/RuntimeError: no such/u),
    });
    const words = "CUDA error: an illegal memory access was encountered";
    const faulted = judgeCall(returning, prepared, raised(words), 1).outcome;
    expect(faulted).toMatchObject({ state: "faulted", fault: { kind: "out_of_bounds" } });
  });

  test("may make NaN of a whole row that holds an infinity, and of no other", () => {
    const infinite = kernelCase({ rows: 3, layout: "contiguous", inputs: "infinities" });
    const prepared = prepareCall(returning, infinite, { slot: "a", fresh: true });
    const rowBytes = 2 * infinite.hidden_size;
    const withNan = (row: number) => {
      const output = rightOutput(prepared, infinite);
      const nan = Buffer.from(new Uint16Array(infinite.hidden_size).fill(0x7fc0).buffer);
      nan.copy(output, row * rowBytes);
      return judgeCall(returning, prepared, reply(prepared, output), 1);
    };
    const rows = [0, 1, 2].map((row) => prepared.placed.inputs(row).x.includes(Infinity));
    const holding = rows.indexOf(true);
    expect(withNan(holding)).toMatchObject({
      outcome: { measurement: { bad_count: 0 } },
      forgiven: 1,
    });
    const ordinary = [0, 1, 2].find(
      (row) => !prepared.placed.inputs(row).x.some((value) => !Number.isFinite(value)),
    ) as number;
    const { outcome } = withNan(ordinary);
    expect(outcome).toMatchObject({ measurement: { bad_count: infinite.hidden_size } });
  });
});
