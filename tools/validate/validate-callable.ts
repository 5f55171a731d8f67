import { randomInt } from "node:crypto";
import type { ToolContext } from "../tool.ts";
import { requireCallable } from "./callable/candidate.ts";
import { runCallable } from "./callable/run.ts";
import { chooseCases } from "./case-choice.ts";
import { report } from "./report.ts";
import type { ValidateResult } from "./result.ts";
import type { ValidateArguments } from "./validate.ts";
import { judgeAll } from "./verdict.ts";

/** Judges a Python function on torch tensors: less isolated than compiled code, and the verdict says so. */
export async function validateCallable(
  args: ValidateArguments,
  context: ToolContext,
): Promise<ValidateResult> {
  const began = performance.now();
  const { effort, shapes } = args;
  const seed = args.seed ?? randomInt(2 ** 31);
  const run = await runCallable(
    requireCallable(args, context.workspace),
    (judged) => chooseCases(judged, { effort, shapes, seed, onGpu: false }),
    context,
    { salt: seed },
  );
  return report({
    candidate: run.candidate,
    scope: {
      executed_on: run.executed_on,
      devices: [run.device],
      why: "Python functions run in a process with torch",
      isolation: run.isolation,
      leaves_out: run.not_checked,
      refusals: 0,
      build_ids: [],
      resources: "",
      sanitized: false,
      warnings: run.warnings,
    },
    seed,
    executed: run.executed,
    judgement: judgeAll(run.executed, run.failures),
    effort,
    shapes_given: shapes !== undefined,
    duration_ms: performance.now() - began,
    workspace: context.workspace,
  });
}
