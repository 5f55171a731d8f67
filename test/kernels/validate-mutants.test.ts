import path from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { validateKernel } from "../../tools/validate/tool.ts";
import { compilerOrSkip, makeWorkspace, runTool } from "../helpers/run-tool.ts";
import { controls, mutants, writeMutant } from "./mutants.ts";

const compiler = await compilerOrSkip("mutants of the template");
const { workspace, remove } = makeWorkspace("mutants");
afterAll(remove);
// Two at a time (vitest.config.ts): one compiles while the other is executed.
vi.setConfig({ testTimeout: 240_000 });

function validate(edit: (typeof mutants)[number] | (typeof controls)[number]) {
  const project = writeMutant(edit, path.join(workspace, edit.name));
  return runTool(validateKernel, workspace, { kernel: project, archs: ["sm_80"] });
}

test.skipIf(!compiler).concurrent.each(mutants)(
  "the mutant $name is rejected by name: $nature",
  async (mutant) => {
    const result = await validate(mutant);
    expect(result.verdict).toBe("failed");
    const [first] = result.failures;
    expect(mutant.reasons, `${first?.reason}: ${first?.detail}`).toContain(first?.reason);
  },
);

test.skipIf(!compiler).concurrent.each(controls)(
  "the harmless change $name passes: $why",
  async (control) => {
    const result = await validate(control);
    expect(result.failures).toEqual([]);
    expect(result.verdict).toBe("passed");
  },
);
