import type { WorkspaceSources } from "../tools/context.ts";
import { JobRegistry } from "../tools/jobs/registry.ts";
import type { Tool } from "../tools/tool.ts";
import { onUncaught } from "./bugs.ts";
import { failureOf, failureText } from "./calls.ts";
import { startMcp } from "./mcp.ts";
import { parseOptions } from "./options.ts";
import { claimStdout } from "./stdout.ts";

/** After the end of input, calls that were read have this long to be answered in full. */
const graceMs = 1000;
/** The process is gone by then, whatever hangs. Children die with it. */
const lastMomentMs = 800;

/** `kernelwright mcp [--workspace folder]`. Wrong options end with 2 and a message on stderr. */
export async function serveFromCommandLine(
  words: readonly string[],
  loadTools: () => Promise<readonly Tool[]>,
): Promise<void> {
  try {
    const { workspace } = parseOptions("mcp", words, [], []).common;
    const sources = { env: process.env, cwd: process.cwd() };
    await serve(workspace === undefined ? sources : { ...sources, argument: workspace }, loadTools);
  } catch (error) {
    const failure = await failureOf(error, "mcp");
    if (failure.state === "failed") console.error(failureText(failure));
    process.exitCode = 2;
  }
}

/** Serves until stdin ends or a signal comes, and then exits with 0. */
export async function serve(
  sources: WorkspaceSources,
  loadTools: () => Promise<readonly Tool[]>,
): Promise<void> {
  const output = claimStdout();
  // A session outlives a bug in one call.
  onUncaught("the server", () => {});
  const ending = new AbortController();
  const jobs = new JobRegistry();
  const server = await startMcp({
    loadTools,
    jobs,
    sources,
    ending: ending.signal,
    output,
  });
  let isEnding = false;
  const end = async (patienceMs: number) => {
    if (isEnding) return ending.abort(new Error("the server ends"));
    isEnding = true;
    setTimeout(() => process.exit(0), patienceMs + lastMomentMs);
    await Promise.race([server.settled(), delay(patienceMs), aborted(ending.signal)]);
    const interrupted = jobs.interruptAll();
    ending.abort(new Error("the server ends"));
    await Promise.all([server.settled(), interrupted]);
    output.end(() => process.exit(0));
  };
  // The SDK's transport does not watch for the end of input.
  process.stdin.once("end", () => isEnding || void end(graceMs));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.on(signal, () => void end(0));
  }
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true }),
  );
}
