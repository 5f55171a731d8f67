import { expect, test } from "vitest";
import { judgeTraces } from "../../../tools/validate/callable/traces.ts";

const workspace = "/home/somebody/kernels";

test("a replaced primitive is tampering, by name", () => {
  const { fault } = judgeTraces({ changed: ["torch.allclose"] }, workspace);
  expect(fault).toMatchObject({ kind: "harness_tampered" });
  expect(fault?.message).toContain("torch.allclose");
});

test.each([
  ["write", "harness_tampered"],
  ["signal", "harness_tampered"],
  ["look", "harness_tampered"],
  ["trace", "harness_tampered"],
  ["thread", "harness_tampered"],
  ["network", "forbidden_access"],
  ["process", "forbidden_access"],
])("an event %s of the candidate is %s, and of a library a warning", (kind, reason) => {
  const event = { kind, what: "something", by_candidate: true };
  expect(judgeTraces({ events: [event] }, workspace).fault?.kind).toBe(reason);
  const library = judgeTraces({ events: [{ ...event, by_candidate: false }] }, workspace);
  expect(library.fault).toBeUndefined();
  expect(library.warnings).toHaveLength(1);
});

test("a thread that the audit hook saw is told as a thread, not as a look at objects", () => {
  const event = { kind: "thread", what: "_thread.start_new_thread", by_candidate: true };
  expect(judgeTraces({ events: [event] }, workspace).fault?.message).toMatch(/starts a thread/u);
});

test("a thread of the candidate that runs on is tampering, one of a library a warning", () => {
  const thread = { name: "Thread-1", file: `${workspace}/norm.py` };
  expect(judgeTraces({ threads: [thread] }, workspace).fault?.kind).toBe("harness_tampered");
  const library = { name: "pool", file: "/usr/lib/python3.12/concurrent/futures/thread.py" };
  expect(judgeTraces({ threads: [library] }, workspace).fault).toBeUndefined();
});

test("a call that does nothing beside computing leaves no trace", () => {
  expect(judgeTraces({ changed: [], events: [], threads: [] }, workspace)).toEqual({
    fault: undefined,
    warnings: [],
  });
});
