import { parentPort } from "node:worker_threads";

/** Sends back what it was given: the proof that threads start here, in the bundle and from sources. */
export function runThread(data: unknown): void {
  parentPort?.postMessage({ echo: data });
}
