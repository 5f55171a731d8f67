#!/usr/bin/env node
import { isMainThread, workerData } from "node:worker_threads";

// One file is the program, the server and its threads: so it stays one file when bundled.
if (!isMainThread) {
  const { runThread } = await import("./threads.ts");
  await runThread(workerData);
} else if (process.argv[2] === "mcp" && !process.argv.includes("--help")) {
  const { serveFromCommandLine } = await import("./serve.ts");
  await serveFromCommandLine(process.argv.slice(3), async () => {
    const { toolsWithJobs } = await import("../tools/index.ts");
    return toolsWithJobs;
  });
} else {
  const { runCommandLine } = await import("./cli.ts");
  const { tools } = await import("../tools/index.ts");
  process.exitCode = await runCommandLine(process.argv.slice(2), tools);
  // The answer is printed: whatever a cancelled call left behind shall not keep anybody waiting.
  setTimeout(() => process.exit(), 1000).unref();
}
