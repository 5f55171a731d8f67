import { existsSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { withLock } from "../../tools/toolchain/lock.ts";

test("work under one lock never overlaps, in one process either", async () => {
  const file = lockFile();
  let inside = 0;
  let most = 0;
  const work = async () => {
    inside += 1;
    most = Math.max(most, inside);
    await sleep(30);
    inside -= 1;
  };
  await Promise.all([locked(file, work), locked(file, work), locked(file, work)]);
  expect(most).toBe(1);
  expect(existsSync(file)).toBe(false);
});

test("a failure of the work gives the lock back", async () => {
  const file = lockFile();
  await expect(locked(file, () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(existsSync(file)).toBe(false);
});

test("the lock of a process that is gone is taken over", async () => {
  const file = lockFile();
  writeHolder(file, { pid: 2 ** 22 + 1, started: "1", host: hostname() });
  expect(await locked(file, () => Promise.resolve("done"))).toBe("done");
});

test.runIf(process.platform === "linux")(
  "a process id that was given to another process since does not hold the lock",
  async () => {
    const file = lockFile();
    writeHolder(file, { pid: process.pid, started: "1", host: hostname() });
    expect(await locked(file, () => Promise.resolve("done"))).toBe("done");
  },
);

test("a lock file cut short by a full disk is taken over", async () => {
  const file = lockFile();
  writeFileSync(file, '{"pid":');
  expect(await locked(file, () => Promise.resolve("done"))).toBe("done");
});

test("a holder on another machine is waited for as long as it shows life, and no longer", async () => {
  const file = lockFile();
  writeHolder(file, { pid: 1, started: "1", host: "elsewhere" });
  const waits: string[] = [];
  const waiting = locked(file, () => Promise.resolve("done"), waits);
  await sleep(300);
  expect(waits[0]).toBe("process 1 on elsewhere");
  const longAgo = new Date(Date.now() - 120_000);
  utimesSync(file, longAgo, longAgo);
  expect(await waiting).toBe("done");
});

test("cancelling ends the waiting and leaves the other's lock", async () => {
  const file = lockFile();
  writeHolder(file, { pid: 1, started: "1", host: "elsewhere" });
  const cancel = new AbortController();
  const waiting = withLock(file, { signal: cancel.signal, onWait: () => cancel.abort() }, () =>
    Promise.resolve("done"),
  );
  await expect(waiting).rejects.toMatchObject({ code: "cancelled" });
  expect(JSON.parse(readFileSync(file, "utf8")).host).toBe("elsewhere");
});

function locked<T>(file: string, work: () => Promise<T>, waits: string[] = []): Promise<T> {
  const { signal } = new AbortController();
  return withLock(file, { signal, onWait: (holder) => waits.push(holder) }, work);
}

function lockFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), "kw-lock-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, "toolchain.lock");
}

function writeHolder(file: string, holder: { pid: number; started: string; host: string }): void {
  writeFileSync(file, JSON.stringify(holder));
}
