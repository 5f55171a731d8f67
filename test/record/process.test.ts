import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { endingError } from "../../tools/record/failures.ts";
import { requestKind, StandInProcess } from "../../tools/record/process.ts";

const context = { entry: "rmsnorm", timeoutMs: 5000, missing: [] };

test("a runtime that cannot be started is an error that says so, with the way around", async () => {
  const missing = new StandInProcess("/nonexistent/stand-in-runtime", new AbortController().signal);
  const ending = await missing.request(requestKind.load, Buffer.alloc(0), 5000);
  if (ending.state !== "ended") throw new Error("it cannot have replied");
  expect(endingError(ending, context)).toMatchObject({
    code: "recording_failed",
    message: expect.stringMatching(/could not be started\.\nIts last output:\n.*ENOENT/u),
    hint: expect.stringContaining("XDG_CACHE_HOME"),
  });
});

test("where the loader's message is lost, the functions that may be missing are named", () => {
  const ending = {
    state: "ended",
    cause: "exited",
    exit_code: 127,
    signal: null,
    output: "",
  } as const;
  const missing = ["cudaDeviceReset", "cudaGraphLaunch"];
  expect(endingError(ending, { ...context, missing }).message).toBe(
    "The host code called a runtime function that the stand-in runtime does not provide: one of cudaDeviceReset and cudaGraphLaunch.",
  );
});

test("a reply to something that was not asked is not believed, and ends the process", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "kernelwright-test-talker-"));
  const talker = path.join(folder, "talker");
  await writeFile(talker, "#!/bin/sh\nprintf '0123456789abcdef0123456789abcdef' >&4\nsleep 30\n", {
    mode: 0o755,
  });
  const process = new StandInProcess(talker, new AbortController().signal);
  const ending = await process.request(requestKind.load, Buffer.alloc(0), 10_000);
  expect(ending).toMatchObject({ state: "ended", cause: "forged", signal: "SIGKILL" });
  expect(process.alive).toBe(false);
  await rm(folder, { recursive: true });
});
