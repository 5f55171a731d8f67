import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import { readUserConfig } from "../config.ts";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import type { ToolContext } from "../tool.ts";
import { findProgram, pathFolders } from "./programs.ts";
import { installSanitizer, sanitizerRoot } from "./sanitizer-install.ts";

/** NVIDIA's compute-sanitizer, of a toolkit or of its own wheel. */
export interface Sanitizer {
  /** The executable. */
  program: string;
  /** "2025.3.1.0" */
  version: string;
  found_by: "config" | "CUDA_HOME" | "PATH" | "/usr/local/cuda" | "user_cache";
}

/** A compute-sanitizer that was there and does not run. */
export interface RefusedSanitizer {
  program: string;
  reason: string;
}

const systemFolder = "/usr/local";

/** The first that runs: the config's cuda_home, CUDA_HOME, PATH, /usr/local/cuda, the user's cache. */
export async function findSanitizer(signal?: AbortSignal): Promise<Sanitizer | undefined> {
  return (await searchSanitizer(signal)).sanitizer;
}

/** What findSanitizer does, with everything that was refused. */
export async function searchSanitizer(
  signal?: AbortSignal,
): Promise<{ sanitizer?: Sanitizer; refused: RefusedSanitizer[] }> {
  const refused: RefusedSanitizer[] = [];
  for (const [found_by, program] of candidates()) {
    const version = await versionOf(program, signal);
    if (version) return { sanitizer: { program, version, found_by }, refused };
    refused.push({ program, reason: "it does not tell its version" });
  }
  return { refused };
}

/**
 * The one that findSanitizer finds. Without one: installs NVIDIA's wheel where that is allowed, else
 * throws ToolError `prerequisite_missing` with the command that installs it.
 */
export async function requireSanitizer(
  context: Pick<ToolContext, "signal" | "progress" | "mayInstallCompiler">,
): Promise<Sanitizer> {
  const { sanitizer, refused } = await searchSanitizer(context.signal);
  if (sanitizer) return sanitizer;
  if (context.mayInstallCompiler) {
    await installSanitizer(context);
    const installed = await findSanitizer(context.signal);
    if (installed) return installed;
  }
  const reasons = refused.map((one) => `${one.program}: ${one.reason}.`);
  throw new ToolError(
    "prerequisite_missing",
    ["No compute-sanitizer was found.", ...reasons].join(" "),
    "Run: kernelwright setup --sanitizer (downloads NVIDIA's compute-sanitizer, about 18 MB, without root). A CUDA toolkit has it too: set CUDA_HOME.",
  );
}

/** Where one may be, in order; each program once. */
function candidates(): [Sanitizer["found_by"], string][] {
  const config = readUserConfig().cuda_home;
  const home = process.env.CUDA_HOME || process.env.CUDA_PATH;
  const roots: [Sanitizer["found_by"], string | undefined][] = [
    ["config", config && path.resolve(config)],
    ["CUDA_HOME", home && path.resolve(home)],
  ];
  const later: [Sanitizer["found_by"], string][] = [
    ...systemRoots().map((root): [Sanitizer["found_by"], string] => ["/usr/local/cuda", root]),
    ["user_cache", sanitizerRoot()],
  ];
  const programs: [Sanitizer["found_by"], string | undefined][] = [
    ...roots.map(([by, root]): (typeof programs)[number] => [by, root && inRoot(root)]),
    ["PATH", findProgram("compute-sanitizer", pathFolders())],
    ...later.map(([by, root]): (typeof programs)[number] => [by, inRoot(root)]),
  ];
  const seen = new Set<string>();
  return programs.filter((entry): entry is [Sanitizer["found_by"], string] => {
    const program = entry[1];
    if (!program || seen.has(program)) return false;
    return seen.add(program) !== undefined;
  });
}

/** bin holds a script that starts it, or the program itself; some installations have the folder only. */
function inRoot(root: string): string | undefined {
  return findProgram("compute-sanitizer", [
    path.join(root, "bin"),
    path.join(root, "compute-sanitizer"),
  ]);
}

/** /usr/local/cuda, then the versions beside it, newest first. */
function systemRoots(): string[] {
  if (!existsSync(systemFolder)) return [];
  const names = readdirSync(systemFolder).filter((name) => /^cuda(-\d+(\.\d+)?)?$/u.test(name));
  const version = (name: string) => Number(name.slice(5)) || Number.POSITIVE_INFINITY;
  return names.sort((a, b) => version(b) - version(a)).map((name) => path.join(systemFolder, name));
}

async function versionOf(program: string, signal?: AbortSignal): Promise<string | undefined> {
  const options = { timeoutMs: 20_000, ...(signal && { signal }) };
  const asked = await runLocally([program, "--version"], options).catch((error: unknown) => {
    if (error instanceof ToolError && error.code === "prerequisite_missing") return undefined;
    throw error;
  });
  if (asked?.exit_code !== 0) return undefined;
  return /^Version (\d+(?:\.\d+)+)/mu.exec(asked.stdout)?.[1];
}
