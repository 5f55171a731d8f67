import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { ToolError } from "../../tools/errors.ts";
import {
  findRecord,
  type JobRecord,
  jobsFolder,
  listRecords,
  pruneRecords,
  writeRecord,
} from "../../tools/jobs/records.ts";
import { type JobOptions, JobRegistry } from "../../tools/jobs/registry.ts";

const never = new AbortController().signal;
const quiet = () => {};

const base = mkdtempSync(path.join(tmpdir(), "kernelwright-jobs-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

function scratch(): string {
  return mkdtempSync(path.join(base, "workspace-"));
}

function options(run: JobOptions["run"], key = "one", owner = scratch()): JobOptions {
  return { tool: "slow_kernel", arguments: { key }, key, folder: jobsFolder(owner), run };
}

/** Runs until its signal fires. */
const untilAborted: JobOptions["run"] = (signal) =>
  new Promise((_, reject) =>
    signal.addEventListener("abort", () => reject(signal.reason), { once: true }),
  );

test("a job that ends within the wait is done and was never on disk", async () => {
  const registry = new JobRegistry();
  const start = options(async () => ({ summary: "fine" }));
  const job = registry.start(start);
  await registry.wait(job, 1000, never, quiet);
  expect(job).toMatchObject({ state: "done", result: { summary: "fine" } });
  expect(existsSync(start.folder)).toBe(false);
});

test("the same key joins the running job; after its end it starts another", async () => {
  const registry = new JobRegistry();
  let runs = 0;
  let end = () => {};
  const start = options(() => {
    runs += 1;
    return new Promise((resolve) => {
      end = () => resolve({});
    });
  });
  const first = registry.start(start);
  expect(registry.start(start)).toBe(first);
  end();
  await registry.wait(first, 1000, never, quiet);
  expect(registry.start(start)).not.toBe(first);
  expect(runs).toBe(2);
  end();
});

test("a caller who goes away ends the job, unless another waits or its id was given out", async () => {
  const registry = new JobRegistry();
  const leave = () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 10);
    return controller.signal;
  };
  const alone = registry.start(options(untilAborted, "alone"));
  await expect(registry.wait(alone, 5000, leave(), quiet)).rejects.toThrow(ToolError);
  expect(alone.state).toBe("cancelled");

  const shared = registry.start(options(untilAborted, "shared"));
  const other = registry.wait(shared, 100, never, quiet);
  await expect(registry.wait(shared, 5000, leave(), quiet)).rejects.toThrow(ToolError);
  expect(shared.state).toBe("running");
  await other;

  const known = registry.start(options(untilAborted, "known"));
  await registry.handOut(known);
  await expect(registry.wait(known, 5000, leave(), quiet)).rejects.toThrow(ToolError);
  expect(known.state).toBe("running");
  await registry.interruptAll();
});

test("a handed-out job is on disk at once, and again with its result at its end", async () => {
  const registry = new JobRegistry();
  let end = () => {};
  const owner = scratch();
  const start = options(
    (_signal, progress) => {
      progress({ message: "half", done: 1, total: 2 });
      return new Promise((resolve) => {
        end = () => resolve({ summary: "fine" });
      });
    },
    "one",
    owner,
  );
  const job = registry.start(start);
  await registry.handOut(job);
  expect(await findRecord(owner, job.job_id)).toMatchObject({
    state: "running",
    progress: { message: "half" },
  });
  end();
  await registry.wait(job, 1000, never, quiet);
  expect(await findRecord(owner, job.job_id)).toMatchObject({
    state: "done",
    result: { summary: "fine" },
  });
});

test("a failed job keeps its error, in memory and on disk", async () => {
  const registry = new JobRegistry();
  const owner = scratch();
  const error = new ToolError("build_failed", "rmsnorm.cu:3: no.", "Correct it.");
  const job = registry.start(options(() => Promise.reject(error), "one", owner));
  await registry.handOut(job);
  await registry.wait(job, 1000, never, quiet);
  expect(job).toMatchObject({ state: "failed", error });
  expect(await findRecord(owner, job.job_id)).toMatchObject({
    state: "failed",
    error: { code: "build_failed", message: "rmsnorm.cu:3: no.", hint: "Correct it." },
  });
});

test("the end of the server interrupts running jobs and records them", async () => {
  const registry = new JobRegistry();
  const owner = scratch();
  const job = registry.start(options(untilAborted, "one", owner));
  await registry.interruptAll();
  expect(job.state).toBe("interrupted");
  expect(await findRecord(owner, job.job_id)).toMatchObject({ state: "interrupted" });
});

test("a listener hears of what was reported before it came, and then of each step", async () => {
  const registry = new JobRegistry();
  let report = (_: number) => {};
  const job = registry.start(
    options((signal, progress) => {
      report = (done) => progress({ message: "step", done });
      report(1);
      return untilAborted(signal, progress);
    }),
  );
  const heard: number[] = [];
  const waited = registry.wait(job, 50, never, ({ done }) => heard.push(done));
  report(2);
  await waited;
  report(3);
  expect(heard).toEqual([1, 2]);
  await registry.interruptAll();
});

const recorded: JobRecord = {
  schema: 1,
  job_id: "build-1",
  tool: "build_kernel",
  arguments: {},
  state: "running",
  pid: process.pid,
  started_at: "2026-11-22T10:00:00.000Z",
};

test("a running record whose server has died reads as interrupted", async () => {
  const owner = scratch();
  await writeRecord(jobsFolder(owner), { ...recorded, pid: 2 ** 22 + 1 });
  expect(await findRecord(owner, "build-1")).toMatchObject({ state: "interrupted" });
});

test("records are found in the projects of a workspace, newest first, and git does not see them", async () => {
  const workspace = scratch();
  const project = path.join(workspace, "kernels", "a");
  await writeRecord(jobsFolder(project), recorded);
  await writeRecord(jobsFolder(workspace), {
    ...recorded,
    job_id: "build-2",
    started_at: "2026-11-22T11:00:00.000Z",
  });
  const found = await listRecords(workspace);
  expect(found.map((record) => record.job_id)).toEqual(["build-2", "build-1"]);
  expect(readFileSync(path.join(project, ".kernelwright", ".gitignore"), "utf8")).toBe("*\n");
});

test("a file that is no record is passed over", async () => {
  const owner = scratch();
  await writeRecord(jobsFolder(owner), recorded);
  await writeRecord(jobsFolder(owner), { ...recorded, job_id: "x", schema: 2 as 1 });
  expect((await listRecords(owner)).map((record) => record.job_id)).toEqual(["build-1"]);
});

test("only the newest records of a folder are kept", async () => {
  const folder = jobsFolder(scratch());
  for (let index = 0; index < 5; index += 1) {
    await writeRecord(folder, { ...recorded, job_id: `build-${index}` });
    utimesSync(path.join(folder, `build-${index}.json`), index, index);
  }
  await pruneRecords(folder, 2);
  expect(readdirSync(folder).sort()).toEqual(["build-3.json", "build-4.json"]);
});
