import { cpSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, type TestContext, test, vi } from "vitest";
import { ToolError } from "../../tools/errors.ts";
import type { ValidateResult } from "../../tools/validate/result.ts";
import { validateKernel } from "../../tools/validate/tool.ts";
import { compilerOrSkip, makeWorkspace, runTool } from "../helpers/run-tool.ts";
import { type CheatFixture, cheatsFolder, readFixtures } from "./fixtures.ts";

/** Every fixture through the door that a user takes, without a GPU. */
const compiler = await compilerOrSkip("the catalogue of cheats");
const { workspace, remove } = makeWorkspace("cheats");
cpSync(cheatsFolder, path.join(workspace, "cheats"), { recursive: true });
afterAll(remove);
// Two at a time (vitest.config.ts): one compiles while the other is executed.
vi.setConfig({ testTimeout: 120_000 });

for (const one of readFixtures()) {
  const skipped = one.file.endsWith(".cu") && !compiler;
  const verdict = one.honest ? "accepted" : `rejected as ${one.reasons.join(" or ")}`;
  test.skipIf(skipped).concurrent(`${one.file} is ${verdict}: ${one.why}`, async (context) => {
    const result = await validateOrSkip(one, context);
    if (one.honest) expectAccepted(one, result);
    else expectRejected(one, result);
  });
}

function validate(one: CheatFixture): Promise<ValidateResult> {
  const file = path.join("cheats", one.file);
  const kernel = one.function === undefined ? file : `${file}:${one.function}`;
  return runTool(validateKernel, workspace, { kernel, ...one.arguments });
}

let saidAloud = false;

/** A callable needs a Python with torch, which few machines without a GPU have. */
async function validateOrSkip(one: CheatFixture, context: TestContext): Promise<ValidateResult> {
  try {
    return await validate(one);
  } catch (error) {
    if (!(error instanceof ToolError) || error.code !== "prerequisite_missing") throw error;
    if (!saidAloud) console.warn(`SKIPPED callables of the catalogue: ${error.message}`);
    saidAloud = true;
    return context.skip(error.message);
  }
}

function expectRejected(cheat: CheatFixture, result: ValidateResult): void {
  const [first] = result.failures;
  expect(result.verdict, result.summary).toBe("failed");
  expect(cheat.reasons, `${first?.reason}: ${first?.detail}`).toContain(first?.reason);
}

function expectAccepted(honest: CheatFixture, result: ValidateResult): void {
  expect(result.failures).toEqual([]);
  expect(result.verdict, result.summary).toBe(honest.verdict_without_gpu);
}
