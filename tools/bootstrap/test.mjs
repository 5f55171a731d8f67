// `npm test`: all set-up, then the tests. Further words go to vitest: `npm test -- test/ptx`.
import path from "node:path";
import {
  buildProgram,
  installDependencies,
  installPythonTools,
  kernelwright,
  requireNode,
  root,
  run,
  runSteps,
  SetupError,
  say,
} from "./steps.mjs";

await runSteps(async () => {
  console.log("Set-up");
  requireNode();
  await installDependencies();
  await buildProgram();
  if ((await kernelwright(["setup"])) !== 0) {
    say("CUDA compiler", "missing: tests that compile are skipped");
  }
  await installPythonTools().catch((error) => {
    if (!(error instanceof SetupError)) throw error;
    say("Python tools in .venv", `missing: tests that need them are skipped\n${error.message}`);
  });
  console.log("");
  const vitest = path.join(root, "node_modules", "vitest", "vitest.mjs");
  return run([process.execPath, vitest, "run", ...process.argv.slice(2)], { stdio: "inherit" });
});
