import { existsSync, statSync } from "node:fs";
import path from "node:path";
import type { BuildSource } from "../build/sources.ts";
import { ToolError } from "../errors.ts";
import type { EntryForm, Supported } from "../kernel/cases.ts";
import { type ArgumentField, type OperatorName, rmsnormFields } from "../kernel/operators.ts";
import { readProject } from "../kernel/project.ts";
import { requireInside, shownPath } from "../paths.ts";
import { listed } from "../text.ts";
import { writeEntry } from "./single-file.ts";

/** What is under test: a project, one .cu file with the line that calls it, or a Python function. */
export interface Candidate {
  kind: "project" | "file" | "callable";
  /** As the caller named it, relative to the workspace. */
  label: string;
  operator: OperatorName;
  entry: string;
  main: string;
  include_folders: string[];
  /** Diagnostics name files relative to it. */
  root: string;
  /** Where the report is kept. */
  records: string;
  archs: readonly string[] | undefined;
  supports: Supported;
  form: EntryForm;
  /** Its calls are given a stream. */
  takes_stream: boolean;
  /** A float32 weight may promote the output to float32. */
  promotes: boolean;
  fields: readonly ArgumentField[];
  /** False: rounding order and the like are found by probing. */
  declared: boolean;
  /** The entry point's own eps, where it takes none. */
  eps: number | undefined;
  /** What names this candidate in a call: goes into the next step as it is. */
  call: CandidateArguments;
}

export interface CandidateArguments {
  kernel: string;
  signature?: string | undefined;
  dtypes?: readonly Supported["dtypes"][number][] | undefined;
  eps?: number | undefined;
  include_folders?: readonly string[] | undefined;
}

/**
 * The candidate that `kernel` names, which must lie inside the workspace.
 * Throws not_found, project_invalid, and invalid_argument where a .cu has no signature.
 */
export function requireCandidate(args: CandidateArguments, workspace: string): Candidate {
  const given = requireInside(workspace, args.kernel);
  if (!existsSync(given)) {
    throw new ToolError(
      "not_found",
      `There is no "${args.kernel}" in the workspace ${workspace}.`,
      `Call create_kernel with name: "${path.basename(args.kernel)}", or give a path that exists.`,
    );
  }
  return statSync(given).isDirectory()
    ? projectCandidate(given, workspace, args)
    : fileCandidate(given, workspace, args);
}

function projectCandidate(folder: string, workspace: string, args: CandidateArguments): Candidate {
  const forFiles = (["signature", "eps", "include_folders"] as const).find(
    (name) => args[name] !== undefined,
  );
  if (forFiles) {
    throw new ToolError(
      "invalid_argument",
      `${forFiles} is for a single .cu file; "${args.kernel}" is a project, whose entry point is known.`,
      `Make the same call without ${forFiles}.`,
    );
  }
  const project = readProject(folder);
  const { supports } = project;
  return {
    kind: "project",
    label: shownPath(workspace, folder),
    operator: project.operator,
    entry: project.entry,
    main: project.main,
    include_folders: project.include_folders,
    root: folder,
    records: path.join(folder, ".kernelwright"),
    archs: project.archs,
    supports: { ...supports, dtypes: chosenDtypes(args, supports) },
    form: { rstd: "optional", in_place: false, rounded_sum: true, bias: false, mean: false },
    takes_stream: true,
    promotes: true,
    fields: rmsnormFields,
    declared: true,
    eps: undefined,
    call: callOf(args),
  };
}

function chosenDtypes({ kernel, dtypes }: CandidateArguments, supports: Supported) {
  const unsupported = dtypes?.find((dtype) => !supports.dtypes.includes(dtype));
  if (unsupported === undefined) return dtypes ?? supports.dtypes;
  throw new ToolError(
    "invalid_argument",
    `"${kernel}" does not support ${unsupported}: its kernel.yaml has ${listed(supports.dtypes)}.`,
    `Choose from these, or add ${unsupported} to supports.dtypes in kernel.yaml and to the kernel.`,
  );
}

function callOf(args: CandidateArguments): CandidateArguments {
  const { kernel, signature, dtypes, eps, include_folders } = args;
  return { kernel, signature, dtypes, eps, include_folders };
}

function fileCandidate(file: string, workspace: string, args: CandidateArguments): Candidate {
  if (!file.endsWith(".cu")) {
    throw new ToolError(
      "invalid_argument",
      `"${args.kernel}" is neither a project folder nor a .cu file.`,
      "Give the folder that holds kernel.yaml, or a .cu file with signature.",
    );
  }
  const include_folders = (args.include_folders ?? []).map((folder) =>
    requireInside(workspace, folder),
  );
  const entry = writeEntry(file, workspace, { ...args, include_folders });
  const label = shownPath(workspace, file);
  return { kind: "file", label, archs: undefined, call: callOf(args), ...entry };
}

/** What the compiler is given of it. */
export function buildSource({ main, include_folders, root }: Candidate): BuildSource {
  return { main, include_folders, defines: {}, root };
}
