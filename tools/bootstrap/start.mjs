// `npm start`: all set-up, then the main job: a kernel project from a template, compiled, executed and judged.
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import {
  buildProgram,
  installDependencies,
  kernelwright,
  program,
  requireNode,
  root,
  runSteps,
} from "./steps.mjs";

const workspace = path.join(root, "demo");
const kernel = "kernels/qwen3-rmsnorm";

await runSteps(async () => {
  console.log("Set-up");
  requireNode();
  await installDependencies();
  await buildProgram();
  const missing = await kernelwright(["setup"]);
  if (missing !== 0) return missing;

  const isNew = !existsSync(path.join(workspace, kernel));
  mkdirSync(workspace, { recursive: true });
  const steps = [
    ...(isNew ? [["create", "qwen3-rmsnorm", "--model", "qwen3-8b"]] : []),
    ["build", kernel],
    ["validate", kernel],
  ];
  if (!isNew) console.log(`\nThe demo project demo/${kernel} is there already: used as it is.`);
  for (const step of steps) {
    console.log(`\n$ kernelwright ${step.join(" ")}`);
    const code = await kernelwright([...step, "--workspace", workspace]);
    if (code !== 0) return code;
  }
  console.log(whatNext());
  return 0;
});

function whatNext() {
  return `
What next
  See and edit the kernel      demo/${kernel}/rmsnorm_cuda/
  Check an edit                node dist/kernelwright.mjs validate ${kernel} --workspace demo
  Give the tools to an agent   claude mcp add kernelwright -- node ${program} mcp
                               codex mcp add kernelwright -- node ${program} mcp
  All verbs                    node dist/kernelwright.mjs --help`;
}
