import type { Worker } from "node:worker_threads";
import { startThread } from "../../executors/thread.ts";

/** How long a thread waits for work. In between two calls of an agent it saves its start, a third of a second. */
const idleMs = 60_000;

const idle = new Map<Worker, NodeJS.Timeout>();

/** A thread for cases without listeners of anyone's: one that has finished its work, or a new one. */
export function takeThread(): Worker {
  const [waiting] = idle.keys();
  if (!waiting) return startThread("cases", undefined);
  forget(waiting);
  waiting.ref();
  return waiting;
}

/** Keeps a thread that has nothing left to do. It does not keep the process alive. */
export function keepThread(thread: Worker): void {
  for (const event of ["message", "error", "exit"]) thread.removeAllListeners(event);
  const end = () => {
    forget(thread);
    void thread.terminate();
  };
  thread.once("error", end);
  thread.once("exit", () => forget(thread));
  thread.unref();
  idle.set(thread, setTimeout(end, idleMs).unref());
}

function forget(thread: Worker): void {
  clearTimeout(idle.get(thread));
  idle.delete(thread);
  for (const event of ["error", "exit"]) thread.removeAllListeners(event);
}
