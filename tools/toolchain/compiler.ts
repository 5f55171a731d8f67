import { existsSync, readdirSync, realpathSync } from "node:fs";
import path from "node:path";
import { readUserConfig } from "../config.ts";
import { ToolError } from "../errors.ts";
import { userConfigFile } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { driverTooOld, findDriver } from "./driver.ts";
import type { CudaCompiler, FoundBy } from "./examine.ts";
import { examine, majorOf } from "./examine.ts";
import { installCompiler } from "./install.ts";
import { findProgram, pathFolders } from "./programs.ts";
import { toolchainRoot } from "./wheels.ts";

export type { CudaCompiler, FoundBy } from "./examine.ts";

/** A compiler that was there and was not taken. */
export interface RefusedCompiler {
  root: string;
  found_by: FoundBy;
  reason: string;
}

export interface CompilerSearch {
  compiler?: CudaCompiler;
  refused: RefusedCompiler[];
}

export interface FindOptions {
  /** A toolkit's folder; then no other place is looked at. */
  cuda_home?: string | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * The first usable compiler: argument, config, CUDA_HOME, PATH, /usr/local/cuda, the user's cache.
 * Throws ToolError `compiler_unusable` where the argument or the config names one that is not.
 */
export async function findCompiler(options: FindOptions = {}): Promise<CudaCompiler | undefined> {
  const search = await searchCompiler(options);
  const named = search.refused.find((one) => isNamed(one.found_by));
  if (named) throw unusable(named);
  return search.compiler;
}

/**
 * The compiler that findCompiler finds. Without one: installs NVIDIA's where that is allowed, saying
 * so as progress, else throws ToolError `compiler_missing`, which names what was refused and why.
 */
export async function requireCompiler(
  context: ToolContext,
  options: { cuda_home?: string | undefined; install_compiler?: boolean | undefined } = {},
): Promise<CudaCompiler> {
  const { signal } = context;
  const cuda_home = options.cuda_home && path.resolve(context.workspace, options.cuda_home);
  const found = await findCompiler({ cuda_home, signal });
  if (found) return found;
  if (context.mayInstallCompiler || options.install_compiler) return installCompiler(context);
  const { refused } = await searchCompiler({ signal });
  throw new ToolError(
    "compiler_missing",
    ["No CUDA compiler was found.", ...refused.map(renderRefusal)].join(" "),
    "Run: kernelwright setup (downloads NVIDIA's compiler, about 110 MB, without root). Or repeat this call with install_compiler: true.",
  );
}

/** What findCompiler does, with everything that was refused. Throws nothing about compilers. */
export async function searchCompiler(options: FindOptions = {}): Promise<CompilerSearch> {
  const driver = await findDriver();
  const refused: RefusedCompiler[] = [];
  const tooNew: CudaCompiler[] = [];
  for (const [found_by, root] of candidates(options.cuda_home)) {
    const result = await examine(root, found_by, options.signal);
    if (typeof result === "string") {
      refused.push({ root, found_by, reason: result });
      if (isNamed(found_by)) return { refused };
    } else if (!isNamed(found_by) && driverTooOld(driver, majorOf(result.version))) {
      tooNew.push(result);
    } else return { compiler: result, refused };
  }
  // Code of theirs cannot run on this GPU, but it compiles, and it runs without the GPU.
  return tooNew[0] ? { compiler: tooNew[0], refused } : { refused };
}

/** "Refused /opt/cuda (CUDA_HOME): it is CUDA 11.8.89, and 12.0 or newer is needed." */
export function renderRefusal(refused: RefusedCompiler): string {
  return `Refused ${refused.root} (${refused.found_by}): ${refused.reason}.`;
}

/** Where a compiler may be, in order; each root once. Explicit ones exclude what follows them. */
function candidates(argument: string | undefined): [FoundBy, string][] {
  if (argument) return [["argument", path.resolve(argument)]];
  const config = readUserConfig().cuda_home;
  if (config) return [["config", path.resolve(config)]];
  const found: [FoundBy, string][] = [];
  const home = process.env.CUDA_HOME || process.env.CUDA_PATH;
  if (home) found.push(["CUDA_HOME", path.resolve(home)]);
  for (const folder of pathFolders()) {
    const nvcc = findProgram("nvcc", [folder]);
    if (nvcc) found.push(["PATH", rootOf(nvcc)]);
  }
  for (const root of systemRoots()) found.push(["/usr/local/cuda", root]);
  if (existsSync(toolchainRoot())) found.push(["user_cache", toolchainRoot()]);
  const seen = new Set<string>();
  return found.filter(([, root]) => !seen.has(root) && seen.add(root));
}

/** /usr/local/cuda, then the versions beside it that it does not link to, newest first. */
function systemRoots(folder = "/usr/local"): string[] {
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^cuda(-\d+(\.\d+)?)?$/u.test(name));
  const version = (name: string) => Number(name.slice(5)) || Number.POSITIVE_INFINITY;
  return names.sort((a, b) => version(b) - version(a)).map((name) => path.join(folder, name));
}

/** The toolkit that an nvcc on PATH belongs to. It may be a link into it, or (ccache) to a wrapper. */
function rootOf(nvcc: string): string {
  const real = realpathSync(nvcc);
  const own = path.basename(real).startsWith("nvcc") ? real : nvcc;
  return path.dirname(path.dirname(own));
}

function isNamed(found_by: FoundBy): boolean {
  return found_by === "argument" || found_by === "config";
}

function unusable(refused: RefusedCompiler): ToolError {
  const source =
    refused.found_by === "config" ? `the key cuda_home in ${userConfigFile()}` : "cuda_home";
  return new ToolError(
    "compiler_unusable",
    `The CUDA compiler in ${refused.root} cannot be used: ${refused.reason}.`,
    `Set ${source} to a CUDA toolkit 12 or newer, or leave it out to have one found.`,
  );
}
