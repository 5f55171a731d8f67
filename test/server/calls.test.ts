import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseArguments } from "../../server/arguments.ts";
import { callTool } from "../../server/calls.ts";
import { createContext } from "../../tools/context.ts";
import { checkJob } from "../../tools/jobs/tool.ts";
import type { Tool } from "../../tools/tool.ts";
import { scratchFolder } from "./fixtures/connect.ts";
import { echoTool } from "./fixtures/fake-tools.ts";

const context = () =>
  createContext({
    sources: { env: {}, cwd: scratchFolder() },
    signal: new AbortController().signal,
  });

/** A tool that meets what the system really answers. */
const meeting = (work: () => void): Tool => ({
  ...echoTool,
  run: async () => {
    work();
    throw new Error("the system was expected to refuse");
  },
});

test.skipIf(!existsSync("/dev/full"))(
  "a full disk is told as disk_full, not as a bug",
  async () => {
    const tool = meeting(() => writeFileSync("/dev/full", "x"));
    expect(await callTool(tool, { text: "hello" }, context())).toMatchObject({
      state: "failed",
      code: "disk_full",
      hint: expect.stringContaining("kernelwright clean"),
    });
  },
);

test.skipIf(!existsSync("/proc/self"))(
  "a folder that cannot be written is the user's to mend, and is named",
  async () => {
    const folder = "/proc/kernelwright";
    const tool = meeting(() => void mkdirSync(folder));
    expect(await callTool(tool, { text: "hello" }, context())).toMatchObject({
      state: "failed",
      code: "prerequisite_missing",
      message: expect.stringContaining("/proc/kernelwright"),
    });
  },
);

test("a file of our own that is missing stays a bug", async () => {
  const tool = meeting(() => void writeFileSync("/nonexistent/kernelwright", "x"));
  expect(await callTool(tool, { text: "hello" }, context())).toMatchObject({
    code: "internal_error",
  });
});

test("megabytes of unknown arguments are answered in a few lines", () => {
  const given: Record<string, unknown> = { text: "hello", ["k".repeat(1_000_000)]: 1 };
  for (let index = 0; index < 500; index += 1) given[`unknown_${index}`] = index;
  const began = performance.now();
  try {
    parseArguments(echoTool, given);
    expect.unreachable();
  } catch (error) {
    const { message, hint } = error as { message: string; hint: string };
    expect(message).toMatch(/"unknown_0".* and 496 more\. Accepted: text, archs, count\.$/u);
    expect(message.length + hint.length).toBeLessThan(1500);
  }
  expect(performance.now() - began).toBeLessThan(1000);
});

test("cancel without job_id is refused: it would have cancelled nothing and said done", async () => {
  expect(await callTool(checkJob, { cancel: true }, context())).toMatchObject({
    state: "failed",
    code: "invalid_argument",
    hint: expect.stringContaining("job_id"),
  });
});
