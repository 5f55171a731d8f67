import { readdirSync, readFileSync } from "node:fs";

/**
 * Ends all that `pid` started, and `pid` itself, while it still runs: what left the process group and
 * emptied its environment is still below it. Stopped first, so that none starts another meanwhile.
 */
export function killTree(pid: number | undefined): void {
  if (pid === undefined || process.platform !== "linux") return;
  const found = new Set<number>();
  for (let round = 0; round < mostRounds; round += 1) {
    const fresh = treeOf(pid).filter((each) => !found.has(each));
    if (fresh.length === 0) break;
    for (const each of fresh) {
      found.add(each);
      send(each, "SIGSTOP");
    }
  }
  // The root last: what has lost its parent is no longer below it.
  for (const each of [...found].reverse()) send(each, "SIGKILL");
}

/** Ends all that was started with `mark` in its environment: it stays with what left the process group. */
export function killMarked(mark: string): void {
  if (process.platform !== "linux") return;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/u.test(name) || !readProc(name, "environ").includes(mark)) continue;
    send(Number(name), "SIGKILL");
  }
}

/** The process with its children: how much memory they hold, and whether it was stopped. */
export function look(pid: number): { stopped: boolean; resident_bytes: number } {
  const stat = readProc(pid, "stat");
  const state = stat.slice(stat.lastIndexOf(")") + 2)[0];
  const resident_bytes = treeOf(pid).reduce((sum, each) => sum + residentBytes(each), 0);
  return { stopped: state === "T", resident_bytes };
}

const pageBytes = 4096;
/** Walks until nothing new is found; who forks faster than this is left to the mark. */
const mostRounds = 64;
const mostProcesses = 4096;

/** The process and all below it, parents first. A child belongs to the thread that started it. */
function treeOf(pid: number): number[] {
  const tree = [pid];
  for (const parent of tree) {
    if (tree.length > mostProcesses) break;
    for (const thread of threadsOf(parent)) {
      const children = readProc(parent, `task/${thread}/children`).split(" ").filter(Boolean);
      tree.push(...children.map(Number));
    }
  }
  return tree;
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

function residentBytes(pid: number): number {
  return pageBytes * Number(readProc(pid, "statm").split(" ")[1] ?? 0);
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // Already gone.
  }
}

/** Empty where the process is gone or another user's. */
function readProc(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
