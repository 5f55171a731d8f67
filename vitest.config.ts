import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Servers, compilers and threads are started for real; a loaded machine needs the time.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Files in parallel, and within the slow ones two tests: a compiler waits for its disk and its children.
    maxWorkers: 2,
    maxConcurrency: 2,
  },
});
