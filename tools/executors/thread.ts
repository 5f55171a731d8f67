import { existsSync } from "node:fs";
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
  const { file, execArgv } = threadEntry();
  const workerData: ThreadData = { role, data };
  const worker = new Worker(file, { workerData, execArgv, stdout: true, stderr: true });
  // Not `pipe`: that would add a listener to stderr for every thread.
  worker.stdout.on("data", (chunk: Buffer) => void process.stderr.write(chunk));
  worker.stderr.on("data", (chunk: Buffer) => void process.stderr.write(chunk));
  return worker;
}

/** The bundle itself, or server/main.ts with the loader that reads TypeScript. */
function threadEntry(): { file: string; execArgv: string[] } {
  const here = fileURLToPath(import.meta.url);
  if (!here.endsWith(".ts")) return { file: here, execArgv: [] };
  const file = path.resolve(path.dirname(here), "../../server/main.ts");
  if (!existsSync(file)) throw new Error(`no entry for threads at ${file}`);
  const loader = createRequire(import.meta.url).resolve("tsx");
  return { file, execArgv: ["--import", pathToFileURL(loader).href] };
}
