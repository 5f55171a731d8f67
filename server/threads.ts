import type { ThreadData } from "../tools/executors/thread.ts";

/** What runs in a worker thread: given its data, it talks through `parentPort`. */
interface ThreadModule {
  runThread(data: unknown): void | Promise<void>;
}

/** The roles that `startThread` knows. A new one adds its line here. */
const roles: Record<string, () => Promise<ThreadModule>> = {
  cases: () => import("../tools/validate/interpreter/case-thread.ts"),
  echo: () => import("../tools/executors/echo-thread.ts"),
};

/** The entry of every worker thread. An unknown role is our own mistake and ends the thread with an error. */
export async function runThread(data: ThreadData): Promise<void> {
  const load = roles[data.role];
  if (!load) throw new Error(`no thread has the role "${data.role}"`);
  const module = await load();
  await module.runThread(data.data);
}
