import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import path from "node:path";
import { ToolError } from "../../errors.ts";
import { rmsnormFields } from "../../kernel/operators.ts";
import { requireInside, shownPath } from "../../paths.ts";
import type { Candidate, CandidateArguments } from "../candidate.ts";
import { type CallSignature, defaultSignature, parseCallSignature } from "./signature.ts";

/** How results come back: `probed` until a first call has shown it. */
export type ResultForm = "probed" | "returned" | "out" | "in_place";

/** A function of Python on torch tensors. */
export interface CallableCandidate extends Candidate {
  kind: "callable";
  /** What is imported: a module's name, or the name that a file is given. */
  module: string;
  file: string | undefined;
  /** "rms_norm", "LigerRMSNormFunction.apply" */
  function: string;
  call_signature: CallSignature;
  /** Its source lies in the workspace: it is asked whether it does the work itself. */
  own: boolean;
  result: ResultForm;
  /** What a returned tuple holds, in order. */
  result_words: readonly string[];
  /** `add_rmsnorm`: the sum is written over residual; a first call shows it. */
  writes_residual: boolean;
}

const form = /^(.+):([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)$/u;

/** Whether `kernel` names a function: "package.module:function" or "path/file.py:function". */
export function isCallable(kernel: string): boolean {
  const target = form.exec(kernel)?.[1];
  return target !== undefined && (target.endsWith(".py") || moduleName.test(target));
}

const moduleName = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/u;

/**
 * The function that `kernel` names; a file must lie inside the workspace. Nothing of it is run.
 * Throws invalid_argument, not_found and path_outside_workspace.
 */
export function requireCallable(args: CandidateArguments, workspace: string): CallableCandidate {
  const [, target = "", name = ""] = form.exec(args.kernel) ?? [];
  const file = target.endsWith(".py") ? requireFile(target, workspace) : undefined;
  if (!file && !moduleName.test(target)) throw notAModule(args.kernel);
  const signature = parseCallSignature(args.signature ?? defaultSignature);
  requireSoundArguments(args, signature);
  const inWorkspace = file ?? moduleFile(target, workspace);
  const key = createHash("sha256")
    .update(JSON.stringify([args.kernel, signature.expression]))
    .digest("hex");
  const { used } = signature;
  return {
    kind: "callable",
    label: file ? `${shownPath(workspace, file)}:${name}` : args.kernel,
    operator: signature.operator,
    entry: name,
    main: inWorkspace ?? "",
    include_folders: [],
    root: inWorkspace ? path.dirname(inWorkspace) : workspace,
    records: path.join(workspace, ".kernelwright", "entries", key.slice(0, 16)),
    archs: undefined,
    supports: {
      dtypes: args.dtypes ?? ["bfloat16", "float16", "float32"],
      rounding: ["single", "llama"],
      weight: used.has("weight") ? ["same"] : ["none"],
      weight_offset: used.has("weight_offset") ? [0, 1] : [0],
      layouts: ["contiguous", "strided", "unaligned"],
    },
    form: {
      rstd: usesOrReturns(signature, "rstd") ? "always" : "never",
      in_place: false,
      rounded_sum: true,
      bias: used.has("bias"),
      mean: usesOrReturns(signature, "mean"),
    },
    takes_stream: true,
    promotes: false,
    fields: rmsnormFields,
    declared: false,
    eps: args.eps,
    call: callOf(args),
    module: file ? path.basename(file, ".py") : target,
    file,
    function: name,
    call_signature: signature,
    own: inWorkspace !== undefined,
    result: used.has("out") ? "out" : signature.results ? "returned" : "probed",
    result_words: signature.results ?? ["out"],
    writes_residual: false,
  };
}

function requireFile(target: string, workspace: string): string {
  const file = requireInside(workspace, target);
  if (existsSync(file)) return file;
  throw new ToolError(
    "not_found",
    `There is no file "${target}" in the workspace ${workspace}.`,
    'Give a path that exists, for example "kernels/my_norm.py:rmsnorm", or an installed module as "torch.nn.functional:rms_norm".',
  );
}

function moduleFile(module: string, workspace: string): string | undefined {
  const base = path.join(workspace, ...module.split("."));
  return [`${base}.py`, path.join(base, "__init__.py")].find((file) => existsSync(file));
}

function notAModule(kernel: string): ToolError {
  return new ToolError(
    "invalid_argument",
    `"${kernel}" names no Python function.`,
    'Write "package.module:function" or "path/file.py:function", for example "torch.nn.functional:rms_norm".',
  );
}

function requireSoundArguments(
  args: CandidateArguments,
  { used, expression }: CallSignature,
): void {
  if (args.include_folders !== undefined) {
    throw new ToolError(
      "invalid_argument",
      `include_folders is for a single .cu file; "${args.kernel}" is a Python function.`,
      "Make the same call without include_folders.",
    );
  }
  if (used.has("eps") !== (args.eps === undefined)) {
    throw used.has("eps")
      ? new ToolError(
          "invalid_argument",
          `The signature "${expression}" takes eps from the judge, and eps: ${args.eps} was given too.`,
          "Leave out the argument eps, or the word eps in the signature.",
        )
      : new ToolError(
          "invalid_argument",
          `The signature "${expression}" passes no eps, so the function has one of its own.`,
          "Add the eps that stands in its source, for example eps: 1e-5.",
        );
  }
}

function usesOrReturns({ used, results }: CallSignature, word: string): boolean {
  return used.has(word) || (results?.includes(word) ?? false);
}

function callOf(args: CandidateArguments): CandidateArguments {
  const { kernel, signature, dtypes, eps } = args;
  return { kernel, signature, dtypes, eps };
}
