import { readdirSync, readFileSync } from "node:fs";

/** Ends all that was started with `mark` in its environment: it stays with what left the process group. */
export function killMarked(mark: string): void {
  if (process.platform !== "linux") return;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/u.test(name) || !readProc(name, "environ").includes(mark)) continue;
    try {
      process.kill(Number(name), "SIGKILL");
    } catch {
      // Already gone.
    }
  }
}

/** The process with its children: how much memory they hold, and whether it was stopped. */
export function look(pid: number): { stopped: boolean; resident_bytes: number } {
  const stat = readProc(pid, "stat");
  const state = stat.slice(stat.lastIndexOf(")") + 2)[0];
  return { stopped: state === "T", resident_bytes: residentBytes(pid, 0) };
}

const pageBytes = 4096;
const mostDepth = 8;

function residentBytes(pid: number | string, depth: number): number {
  const pages = Number(readProc(pid, "statm").split(" ")[1] ?? 0);
  const children = readProc(pid, `task/${pid}/children`).split(" ").filter(Boolean);
  const below = depth < mostDepth ? children.map((child) => residentBytes(child, depth + 1)) : [];
  return below.reduce((sum, each) => sum + each, pages * pageBytes);
}

/** Empty where the process is gone or another user's. */
function readProc(pid: number | string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return "";
  }
}
