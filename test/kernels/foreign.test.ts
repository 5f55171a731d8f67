import { afterAll, expect, test } from "vitest";
import { validateKernel } from "../../tools/validate/tool.ts";
import { compilerOrSkip, makeWorkspace, runTool } from "../helpers/run-tool.ts";
import { type Foreign, foreign, foreignCall } from "./foreign.ts";

/**
 * Kernels that nobody here wrote, through the door that a user takes for a single file.
 * KERNELWRIGHT_FOREIGN_KERNELS names a folder with checkouts `llm.c` (karpathy/llm.c), `flashinfer`
 * (flashinfer-ai/flashinfer) and `kernel-skill` (burtenshaw/kernel-skill). They stay out of here.
 */
const root = process.env.KERNELWRIGHT_FOREIGN_KERNELS;
const compiler = await compilerOrSkip("foreign kernels");
const reason = !root
  ? "KERNELWRIGHT_FOREIGN_KERNELS is not set to a folder with llm.c, flashinfer and kernel-skill"
  : compiler
    ? undefined
    : "there is no CUDA compiler";
if (reason) console.warn(`SKIPPED foreign kernels: ${reason}`);

const { workspace, remove } = makeWorkspace("foreign");
afterAll(remove);

const expectation = (one: Foreign) => (one.fault ? `shows ${one.fault}` : "gives right values");

test.skipIf(reason).each(foreign.map((one) => ({ ...one, expectation: expectation(one) })))(
  "$name $expectation in the interpreter",
  async (one) => {
    const result = await runTool(
      validateKernel,
      workspace,
      foreignCall(one, root ?? "", workspace),
    );
    expect(result.failures[0]?.reason).toBe(one.fault);
    if (one.fault) return;
    expect(result.summary).toMatch(/^Passed/u);
    expect(result.cases_passed).toBe(result.cases_total);
    expect(result.cases_total).toBeGreaterThanOrEqual(6);
  },
);
