// Runs cases of one target in a thread of watchdog.ts.
import { parentPort, workerData } from "node:worker_threads";
import { threadTargets } from "./targets.ts";
import type { ThreadInput, ThreadMessage } from "./watchdog.ts";

const { target, seed, count, milliseconds, progress } = workerData as ThreadInput;
const until = Date.now() + milliseconds;
const begun = new Int32Array(progress);
const outcomes: Record<string, number> = {};
const send = (message: ThreadMessage) => parentPort?.postMessage(message);

for (let i = 0; i < count && Date.now() < until; i++) {
  Atomics.store(begun, 0, i + 1);
  try {
    const outcome = threadTargets[target](seed + i);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  } catch (error) {
    outcomes.found = (outcomes.found ?? 0) + 1;
    send({ failed: { seed: seed + i, what: describe(error) } });
  }
}
send({ done: outcomes });

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return (error.stack ?? error.message).split("\n").slice(0, 5).join("\n");
}
