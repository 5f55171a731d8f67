import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

/** What server/main.ts finds in `workerData`. */
export interface ThreadData {
  /** A key of the table in server/threads.ts. */
  role: string;
  data: unknown;
}

/**
 * Starts a worker thread with a role from the table in server/threads.ts. `data` is copied to it.
 * Works from the bundle, where program and thread are the same file, and from the sources.
 * What it prints goes to our stderr: stdout may belong to a protocol. The caller ends it (`terminate`).
 */
export function startThread(role: string, data: unknown): Worker {
  const workerData: ThreadData = { role, data };
  const { source, isCode } = threadEntry();
  const options = { workerData, execArgv: [], stdout: true, stderr: true };
  const worker = new Worker(source, { ...options, eval: isCode });
  // Not `pipe`: that would add a listener to stderr for every thread.
  worker.stdout.on("data", (chunk: Buffer) => void process.stderr.write(chunk));
  worker.stderr.on("data", (chunk: Buffer) => void process.stderr.write(chunk));
  return worker;
}

/**
 * The bundle itself, or a line that loads the reader of TypeScript and then server/main.ts:
 * Node 20 applies `--import` hooks to what a thread imports, but not to the file that it starts with.
 */
function threadEntry(): { source: string; isCode: boolean } {
  const here = fileURLToPath(import.meta.url);
  if (!here.endsWith(".ts")) return { source: here, isCode: false };
  const entry = pathToFileURL(path.resolve(path.dirname(here), "../../server/main.ts"));
  const api = createRequire(import.meta.url)
    .resolve("tsx/esm/api")
    .replace(/cjs$/u, "mjs");
  const code = `import("${pathToFileURL(api)}").then(({ register }) => { register(); return import("${entry}"); })`;
  return { source: code, isCode: true };
}
