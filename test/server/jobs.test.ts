import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import {
  type Connection,
  connect,
  descendants,
  fakeServer,
  isAlive,
  scratchFolder,
  until,
} from "./fixtures/connect.ts";

type Answer = Record<string, unknown> & { job_id: string; status: string };

async function call({ client }: Connection, name: string, args: object): Promise<Answer> {
  const result = await client.callTool({ name, arguments: { ...args } });
  return result.structuredContent as Answer;
}

test("a call that outlasts wait_s answers with a job that is on disk, and check_job has its result", async () => {
  const cwd = scratchFolder();
  const server = await connect(fakeServer, { cwd });
  const running = await call(server, "slow_kernel", { seconds: 2, wait_s: 0 });
  expect(running).toMatchObject({
    status: "running",
    next: [{ tool: "check_job", arguments: JSON.stringify({ job_id: running.job_id }) }],
  });
  const file = path.join(cwd, ".kernelwright", "jobs", `${running.job_id}.json`);
  expect(JSON.parse(readFileSync(file, "utf8"))).toMatchObject({ state: "running" });

  const done = await call(server, "check_job", { job_id: running.job_id });
  expect(done).toMatchObject({
    status: "done",
    summary: "slept",
    slept_s: 2,
    job_id: running.job_id,
  });
  await until(() => JSON.parse(readFileSync(file, "utf8")).state === "done", 1000);
});

test("equal calls share one running job, other calls do not", async () => {
  const server = await connect(fakeServer);
  const one = await call(server, "slow_kernel", { seconds: 30, wait_s: 0 });
  const same = await call(server, "slow_kernel", { wait_s: 0, seconds: 30 });
  const other = await call(server, "slow_kernel", { seconds: 31, wait_s: 0 });
  expect(same.job_id).toBe(one.job_id);
  expect(other.job_id).not.toBe(one.job_id);
});

test("check_job without an id lists the jobs of the workspace", async () => {
  const server = await connect(fakeServer);
  expect(await call(server, "check_job", {})).toMatchObject({ status: "done", jobs: [] });
  const { job_id } = await call(server, "slow_kernel", { seconds: 30, wait_s: 0 });
  expect(await call(server, "check_job", {})).toMatchObject({
    summary: "1 job, 1 running.",
    jobs: [{ job_id, tool: "slow_kernel", state: "running", step: "sleeping" }],
  });
});

test("check_job cancels a job and its processes", async () => {
  const server = await connect(fakeServer);
  const { job_id } = await call(server, "slow_kernel", { seconds: 50, wait_s: 0 });
  await until(() => descendants(server.pid).length >= 2, 10_000);
  const children = descendants(server.pid);
  const cancelled = await call(server, "check_job", { job_id, cancel: true });
  expect(cancelled).toMatchObject({ status: "cancelled", job_id });
  await until(() => !children.some(isAlive), 1000);
});

test("a job that was running when its server ended is interrupted, and says how to resume", async () => {
  const cwd = scratchFolder();
  const first = await connect(fakeServer, { cwd });
  const { job_id } = await call(first, "slow_kernel", { seconds: 50, wait_s: 0 });
  await first.close();
  const second = await connect(fakeServer, { cwd });
  expect(await call(second, "check_job", { job_id })).toMatchObject({
    status: "interrupted",
    next: [{ tool: "slow_kernel", arguments: '{"seconds":50}' }],
  });
});

test("an unknown job is an error that says how to see the jobs", async () => {
  const { client } = await connect(fakeServer);
  const result = await client.callTool({ name: "check_job", arguments: { job_id: "build-0" } });
  const [content] = result.content as { text: string }[];
  expect(result.isError).toBe(true);
  expect(content?.text).toMatch(
    /^job_unknown: There is no job "build-0" in .+\nNext: Call check_job without/u,
  );
});

test("a call that ends in time leaves no record", async () => {
  const cwd = scratchFolder();
  const server = await connect(fakeServer, { cwd });
  expect(await call(server, "slow_kernel", { seconds: 0 })).toMatchObject({ status: "done" });
  expect(existsSync(path.join(cwd, ".kernelwright"))).toBe(false);
});
