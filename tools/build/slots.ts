import { availableParallelism } from "node:os";

let free = Math.max(1, availableParallelism());
const waiting: (() => void)[] = [];

/** Runs `work` when one of the cores is free: all builds of this process share them, first come, first served. */
export async function withCore<T>(work: () => Promise<T>): Promise<T> {
  if (free > 0) free -= 1;
  else await new Promise<void>((resolve) => waiting.push(resolve));
  try {
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free += 1;
  }
}
