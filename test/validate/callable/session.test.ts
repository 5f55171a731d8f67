import path from "node:path";
import { afterEach, expect, test, vi } from "vitest";
import { listCases } from "../../../tools/kernel/cases.ts";
import { prepareCall } from "../../../tools/validate/callable/call.ts";
import { requireCallable } from "../../../tools/validate/callable/candidate.ts";
import { CallableSession } from "../../../tools/validate/callable/session.ts";
import { type CallableEnding, CallableHost } from "../../../tools/worker/callable.ts";

// What a session does with a process that gives no reply, or one that none is: hosts are stand-ins.
const workspace = path.join(import.meta.dirname, "candidates");
const ended = (cause: CallableEnding["cause"]): CallableEnding => ({
  state: "ended",
  cause,
  exit_code: null,
  signal: null,
  output: "",
});

afterEach(() => vi.restoreAllMocks());

async function startSession(
  replies: Partial<Record<"call" | "recall" | "census" | "load", object>>,
) {
  const close = vi.fn(async () => {});
  const facts = { device: "cpu", isolation: {} };
  const host = {
    facts,
    close,
    load: async () => replies.load ?? { state: "replied", changed: [], events: [], threads: [] },
    call: async () => replies.call,
    recall: async () => replies.recall,
    census: async () => replies.census,
  };
  const started = vi.spyOn(CallableHost, "start").mockResolvedValue(host as never);
  const candidate = requireCallable(
    { kernel: "honest.py:single", dtypes: ["bfloat16"] },
    workspace,
  );
  const session = await CallableSession.start(
    candidate,
    {
      workspace,
      signal: new AbortController().signal,
      progress: () => {},
      mayInstallCompiler: false,
    },
    { python: "python" },
  );
  const { operator, supports, form } = candidate;
  const shapes = [{ rows: 2, hidden_size: 128 }];
  const [one] = listCases({ operator, supports, form, promotes: false, effort: "quick", shapes });
  if (!one) throw new Error("no case");
  const prepared = prepareCall(candidate, one, { slot: "a", fresh: true });
  return { session, close, started, prepared };
}

test("a process whose reply is none of ours is ended, not left alive", async () => {
  const { session, close, prepared } = await startSession({ call: ended("forged") });
  const { outcome } = await session.call(prepared);
  expect(outcome).toMatchObject({ state: "not_recorded", reason: "result_forged" });
  expect(close).toHaveBeenCalledTimes(1);
});

test("an import that is answered by a forged reply ends each process that was started", async () => {
  const { close, started } = await startSession({ load: ended("forged") });
  expect(close).toHaveBeenCalledTimes(started.mock.calls.length);
});

test("a process that is lost in the census is ended, and that is no fault", async () => {
  const { session, close, prepared } = await startSession({ census: ended("forged") });
  expect(await session.census(prepared)).toBeUndefined();
  expect(close).toHaveBeenCalledTimes(1);
  expect(session.faults).toEqual([]);
});

test("a process that is lost while an old result is looked at is told, ended and replaced", async () => {
  const { session, close, started, prepared } = await startSession({
    recall: ended("exited"),
    call: ended("exited"),
  });
  expect(await session.recall(prepared)).toBeUndefined();
  expect(close).toHaveBeenCalledTimes(1);
  expect(session.faults).toMatchObject([{ kind: "host_code_failed" }]);
  await session.call(prepared);
  expect(started).toHaveBeenCalledTimes(2);
});
