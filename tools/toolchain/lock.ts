import { randomBytes } from "node:crypto";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ToolError } from "../errors.ts";

/** Who holds a lock: a process id is used again by the system, with another start time. */
interface Holder {
  pid: number;
  started: string;
  host: string;
}

/** The holder touches its lock this often, so that other machines that share the folder see it live. */
const heartbeatMs = 5_000;
const lostAfterMs = 60_000;
const pollMs = 200;

/**
 * Runs `work` while this process alone holds the lock `file`; waits for another holder, and takes
 * the lock over from one that is dead. `onWait` is called at each look with what is waited for.
 *
 * Two processes that take over the same dead lock in the same instant may, for all the care below,
 * both go on. So `work` must end in an atomic rename: then that costs a second download, no more.
 */
export async function withLock<T>(
  file: string,
  options: { signal: AbortSignal; onWait: (message: string, waitedMs: number) => void },
  work: () => Promise<T>,
): Promise<T> {
  mkdirSync(path.dirname(file), { recursive: true });
  const start = Date.now();
  while (!take(file)) {
    const holder = readHolder(file);
    if (holder === undefined || isDead(holder, file)) {
      takeAway(file, holder);
      continue;
    }
    options.onWait(`process ${holder.pid} on ${holder.host}`, Date.now() - start);
    await sleep(pollMs, undefined, { signal: options.signal }).catch(() => undefined);
    if (options.signal.aborted) throw cancelledWaiting(holder);
  }
  const heartbeat = setInterval(() => touch(file), heartbeatMs);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if (isMine(readHolder(file))) rmSync(file, { force: true });
  }
}

/** Appears with its contents or not at all: a link to a finished file, which fails where one is. */
function take(file: string): boolean {
  const temporary = `${file}.${unique()}`;
  writeFileSync(temporary, JSON.stringify(self()));
  try {
    linkSync(temporary, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Moves the dead lock aside and looks at what was moved: a live one, taken meanwhile, goes back. */
function takeAway(file: string, dead: Holder | undefined): void {
  const aside = `${file}.${unique()}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  const moved = readHolder(aside);
  if (JSON.stringify(moved) !== JSON.stringify(dead) && !existsSync(file)) renameSync(aside, file);
  else rmSync(aside, { force: true });
}

function readHolder(file: string): Holder | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Holder;
  } catch {
    return undefined;
  }
}

function isDead(holder: Holder, file: string): boolean {
  if (holder.host !== hostname()) return isForgotten(file);
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ESRCH";
  }
  return holder.started !== startTime(holder.pid);
}

function isForgotten(file: string): boolean {
  try {
    return Date.now() - statSync(file).mtimeMs > lostAfterMs;
  } catch {
    return false;
  }
}

function self(): Holder {
  return { pid: process.pid, started: startTime(process.pid), host: hostname() };
}

function isMine(holder: Holder | undefined): boolean {
  return JSON.stringify(holder) === JSON.stringify(self());
}

/** The 22nd field of /proc/<pid>/stat, clock ticks since boot; "" on systems without it. */
function startTime(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  } catch {
    return "";
  }
}

function touch(file: string): void {
  try {
    const now = new Date();
    utimesSync(file, now, now);
  } catch {
    // Taken away: the rename at the end of the work still leaves one whole result.
  }
}

function unique(): string {
  return `${process.pid}-${randomBytes(4).toString("hex")}`;
}

function cancelledWaiting(holder: Holder): ToolError {
  return new ToolError(
    "cancelled",
    `Cancelled while waiting for process ${holder.pid} on ${holder.host}.`,
    "Make the same call again.",
  );
}
