import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { parse } from "yaml";
import { bundle } from "../../tools/bootstrap/bundle.mjs";
import { compilerOrSkip, makeWorkspace } from "../helpers/run-tool.ts";

const compiler = await compilerOrSkip("the README's GitHub workflow");

/** The workflow as the README shows it. */
const workflow = parse(
  /<!-- workflow:[^\n]*-->\n```yaml\n([\s\S]*?)```\n<!-- \/workflow -->/u.exec(
    readFileSync("README.md", "utf8"),
  )?.[1] ?? "",
) as { jobs: { validate: { steps: { name?: string; run?: string }[] } } };

function step(name: string): string {
  const run = workflow.jobs.validate.steps.find((one) => one.name === name)?.run;
  if (!run) throw new Error(`no step "${name}"`);
  return run;
}

test("the workflow's first step names this repository's own scripts", () => {
  const { scripts } = JSON.parse(readFileSync("package.json", "utf8"));
  expect(step("Kernelwright and NVIDIA's compiler")).toContain("npm ci && npm run build");
  expect(scripts.build).toBeDefined();
});

test.skipIf(!compiler)(
  "the workflow's last step passes a right kernel, and fails a wrong one",
  async () => {
    const { workspace, remove } = makeWorkspace("workflow");
    onTestFinished(remove);
    await bundle({ folder: path.join(workspace, "kernelwright", "dist") });
    const honest = readFileSync("test/cheats/d05-eps-dropped.honest.cu", "utf8");
    const named = "\n#define my_rmsnorm rmsnorm<__nv_bfloat16>\n";
    const judge = (source: string) => {
      mkdirSync(path.join(workspace, "csrc"), { recursive: true });
      writeFileSync(path.join(workspace, "csrc", "my_rmsnorm.cu"), `${source}${named}`);
      return spawnSync("bash", ["-e", "-c", step("Judge the kernels")], {
        cwd: workspace,
        env: { ...process.env, RUNNER_TEMP: workspace },
        encoding: "utf8",
      });
    };
    expect(judge(honest)).toMatchObject({ status: 0, stdout: expect.stringMatching(/^PASSED/u) });
    const cheat = readFileSync("test/cheats/d05-eps-dropped.cu", "utf8");
    expect(judge(cheat)).toMatchObject({
      status: 1,
      stdout: expect.stringContaining("eps_ignored"),
    });
  },
);
