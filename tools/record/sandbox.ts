import { byteReader } from "./bytes.ts";

/** What the kernel of this machine enforces on the process in which host code runs (stand_in/sandbox.c). */
export interface Isolation {
  /** seccomp: opening files, networks, processes and signals to others end the call. */
  calls: boolean;
  /** Landlock: no file can be changed, by whatever way. */
  files: boolean;
}

/** Of the reply to a load request. Throws RangeError where it is cut short. */
export function readIsolation(payload: Buffer): Isolation {
  const bits = byteReader(payload).u32();
  return { calls: (bits & 1) !== 0, files: (bits & 2) !== 0 };
}

/** One sentence for a verdict. */
export function renderIsolation({ calls, files }: Isolation): string {
  const always = "Host code runs in a process of its own, with a scrubbed environment and limits";
  if (calls) {
    const changes = files ? " (seccomp, Landlock)" : " (seccomp)";
    return `${always}; files, networks and other processes are kept from it${changes}.`;
  }
  return files
    ? `${always}, and cannot change files (Landlock); this system has no seccomp, so networks and other processes are not kept from it.`
    : `${always}; this system has neither seccomp nor Landlock, so files, networks and other processes are not kept from it.`;
}
