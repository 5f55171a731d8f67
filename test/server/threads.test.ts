import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { startThread } from "../../tools/executors/thread.ts";
import { fakeProgram, scratchFolder } from "./fixtures/connect.ts";

test("from the sources a thread starts with its role and its data", async () => {
  const worker = startThread("echo", { numbers: new Float64Array([1, 2]) });
  const [message] = await once(worker, "message");
  expect(message).toEqual({ echo: { numbers: new Float64Array([1, 2]) } });
  await worker.terminate();
});

test("in a bundle program and thread are one file", () => {
  const [node = "", program = ""] = fakeProgram;
  const { stdout, stderr, status } = spawnSync(node, [program, "thread"], {
    encoding: "utf8",
    cwd: scratchFolder(),
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(JSON.parse(stdout)).toEqual({ echo: { numbers: { 0: 1, 1: 2 } } });
});

test("an unknown role ends the thread with an error that names it", async () => {
  const worker = startThread("nobody", {});
  const [error] = (await once(worker, "error")) as [Error];
  expect(error.message).toBe('no thread has the role "nobody"');
});
