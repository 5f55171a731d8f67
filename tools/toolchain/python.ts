import path from "node:path";
import * as z from "zod";
import { readUserConfig } from "../config.ts";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import { packageData } from "../paths.ts";
import { installCommand } from "./prerequisites.ts";
import { findProgram } from "./programs.ts";

const answerSchema = z.object({
  version: z.string(),
  packages: z.record(z.string(), z.string()),
  torch_cuda: z.string().nullable(),
  torch_hip: z.string().nullable(),
});

/** Where a Python may be looked for, in this order. */
export const pythonSources = [".venv", "VIRTUAL_ENV", "CONDA_PREFIX", "config", "PATH"] as const;

export interface Python {
  python: string;
  /** "3.11.7" */
  version: string;
  found_by: (typeof pythonSources)[number];
  /** Installed versions of torch and of what RMSNorm kernels are compared with, by project name. */
  packages: Readonly<Record<string, string>>;
  /** The CUDA that its torch was built with: "13.2"; undefined for a CPU build and without torch. */
  torch_cuda?: string;
  torch_hip?: string;
}

export interface PythonSearch {
  pythons: Python[];
  refused: { python: string; reason: string }[];
}

/** The oldest Python that the scripts shipped with Kernelwright run on. */
const oldestMinor = 8;

/** The first Python 3.8 or newer: the workspace's .venv, VIRTUAL_ENV, CONDA_PREFIX, config, PATH. */
export async function findPython(workspace?: string): Promise<Python | undefined> {
  return (await searchPythons(workspace)).pythons[0];
}

/** As findPython; throws ToolError `prerequisite_missing` with the command that installs one. */
export async function requirePython(workspace?: string): Promise<Python> {
  const { pythons, refused } = await searchPythons(workspace);
  if (pythons[0]) return pythons[0];
  const reasons = refused.map((one) => `${one.python}: ${one.reason}`);
  throw new ToolError(
    "prerequisite_missing",
    ["No Python 3.8 or newer was found.", ...reasons].join(" "),
    `Run: ${installCommand("python")}`,
  );
}

/**
 * Every Python in the places above with what is installed in it, read from the distributions'
 * metadata: torch is never imported, which takes seconds and touches the GPU.
 */
export async function searchPythons(
  workspace?: string,
  signal?: AbortSignal,
): Promise<PythonSearch> {
  const examined = await Promise.all(
    candidates(workspace).map(([found_by, python]) => examinePython(python, found_by, signal)),
  );
  const search: PythonSearch = { pythons: [], refused: [] };
  for (const one of examined) {
    if ("reason" in one) search.refused.push(one);
    else search.pythons.push(one);
  }
  return search;
}

function candidates(workspace: string | undefined): [Python["found_by"], string][] {
  const found: [Python["found_by"], string | undefined][] = [
    [".venv", workspace && inEnvironment(path.join(workspace, ".venv"))],
    ["VIRTUAL_ENV", inEnvironment(process.env.VIRTUAL_ENV)],
    ["CONDA_PREFIX", inEnvironment(process.env.CONDA_PREFIX)],
    ["config", readUserConfig().python],
    ["PATH", findProgram("python3") ?? findProgram("python")],
  ];
  const seen = new Set<string>();
  return found.filter((entry): entry is [Python["found_by"], string] => {
    const python = entry[1];
    if (!python || seen.has(python)) return false;
    return seen.add(python) !== undefined;
  });
}

function inEnvironment(folder: string | undefined): string | undefined {
  if (!folder) return undefined;
  return findProgram("python", [path.join(folder, "bin"), path.join(folder, "Scripts"), folder]);
}

async function examinePython(
  python: string,
  found_by: Python["found_by"],
  signal?: AbortSignal,
): Promise<Python | { python: string; reason: string }> {
  const script = packageData("tools", "toolchain", "packages.py");
  const options = { timeoutMs: 5000, ...(signal && { signal }) };
  const asked = await runLocally([python, "-B", script], options).catch((error: unknown) => {
    if (error instanceof ToolError && error.code === "prerequisite_missing") return error.message;
    throw error;
  });
  if (typeof asked === "string") return { python, reason: asked };
  if (asked.timed_out) return { python, reason: "it did not answer within 5 s" };
  const answer = parseAnswer(asked.stdout);
  if (!answer) {
    const said = asked.stderr.trim().split("\n").at(-1);
    return {
      python,
      reason: `it ended with exit code ${asked.exit_code}${said ? `: ${said}` : ""}`,
    };
  }
  if (Number(answer.version.split(".")[1]) < oldestMinor || !answer.version.startsWith("3.")) {
    return { python, reason: `it is Python ${answer.version}, and 3.${oldestMinor} is needed` };
  }
  const { version, packages, torch_cuda, torch_hip } = answer;
  return {
    python,
    version,
    found_by,
    packages,
    ...(torch_cuda && { torch_cuda }),
    ...(torch_hip && { torch_hip }),
  };
}

function parseAnswer(stdout: string): z.infer<typeof answerSchema> | undefined {
  try {
    return answerSchema.parse(JSON.parse(stdout));
  } catch {
    return undefined;
  }
}
