import { availableParallelism } from "node:os";
import type { Worker } from "node:worker_threads";
import { ToolError } from "../../errors.ts";
import type { Executor, Work, WorkItem } from "../work.ts";
import type { CaseThreadData, FromThread, ToThread } from "./case-thread.ts";
import { keepThread, takeThread } from "./idle-threads.ts";

/** Executes in the interpreter, over threads that are given the arch's code. */
export function inInterpreter(data: CaseThreadData): Executor {
  return (work) => runItems(data, work);
}

/**
 * Runs the items over as many threads as there are cores; resolves when all are done.
 * A fired signal ends the threads, in the middle of a case too, and throws `cancelled`.
 */
async function runItems(data: CaseThreadData, work: Work): Promise<void> {
  // Taken from the end: taking from the front moves all the others.
  const queue = bySize(work.items).reverse();
  const count = Math.min(availableParallelism(), Math.ceil(queue.length / fewestPerThread));
  const threads = Array.from({ length: count }, takeThread);
  const finished = new AbortController();
  try {
    await Promise.race([
      Promise.all(threads.map((thread) => drive(thread, data, queue, work))),
      aborted(work.signal, finished.signal),
    ]);
  } catch (error) {
    await Promise.all(threads.map((thread) => thread.terminate()));
    throw error;
  } finally {
    finished.abort();
  }
  for (const thread of threads) keepThread(thread);
}

/** A thread's start takes as long as several small cases. */
const fewestPerThread = 4;

/** The largest first, so that no thread is left alone with one at the end. */
function bySize(items: readonly WorkItem[]): number[] {
  const size = (index: number) => {
    const { one } = items[index] as WorkItem;
    return one.rows * one.hidden_size;
  };
  return items.map((_, index) => index).sort((a, b) => size(b) - size(a));
}

/** Feeds one thread from the queue until it is empty. */
function drive(thread: Worker, data: CaseThreadData, queue: number[], work: Work): Promise<void> {
  return new Promise((resolve, reject) => {
    let current = -1;
    const send = (message: ToThread) => thread.postMessage(message);
    const next = () => {
      const index = queue.pop();
      if (index === undefined) return resolve();
      current = index;
      send({ type: "item", item: work.items[index] as WorkItem });
    };
    thread.on("error", reject);
    thread.on("exit", (code) => reject(new Error(`a case thread ended with code ${code}`)));
    thread.on("message", (message: FromThread) => {
      if (message.type === "outcome") {
        try {
          work.onOutcome(current, message.outcome);
          return next();
        } catch (error) {
          // An exception of a listener would end the whole server.
          return reject(error);
        }
      }
      work
        .record(current, message.arguments)
        .then((recording) => send({ type: "recording", recording }), reject);
    });
    send({ type: "load", data });
    next();
  });
}

/** Rejects when `signal` fires; stops listening when `finished` does. */
function aborted(signal: AbortSignal, finished: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () =>
      reject(
        new ToolError(
          "cancelled",
          "Cancelled while cases were being executed.",
          "Make the same call again: builds and finished archs are kept.",
        ),
      );
    if (signal.aborted) fail();
    else signal.addEventListener("abort", fail, { once: true, signal: finished });
  });
}
