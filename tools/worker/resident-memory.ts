import { readFileSync } from "node:fs";

/** Resident memory of a process in bytes; 0 where the system does not tell. */
export function residentBytes(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return 1024 * Number(/^VmRSS:\s+(\d+) kB$/mu.exec(status)?.[1] ?? 0);
  } catch {
    return 0;
  }
}
