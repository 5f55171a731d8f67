import { existsSync } from "node:fs";
import path from "node:path";
import { readUserConfig } from "../config.ts";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import { userConfigFile } from "../paths.ts";
import { installCommand, thisSystem } from "./prerequisites.ts";
import { findProgram } from "./programs.ts";

/** The C++ compiler that nvcc hands the host code to (`-ccbin <cxx>`), and its C compiler. */
export interface HostCompiler {
  cxx: string;
  cc: string;
  kind: "gcc" | "clang";
  /** "12.2.0" */
  version: string;
}

/**
 * The newest host compilers that an nvcc takes, from crt/host_config.h: CUDA version, gcc, clang.
 * A row holds from its CUDA version on.
 */
const newestTaken: readonly (readonly [string, number, number])[] = [
  ["13.0", 15, 20],
  ["12.8", 14, 19],
  ["12.4", 13, 17],
  ["12.0", 12, 15],
];

/**
 * The first C++ compiler that nvcc takes: config, NVCC_CCBIN, CXX, g++, g++-15 ... g++-11, clang++, c++.
 * `cudaVersion` ("13.0.88") says whose nvcc.
 */
export async function findHostCompiler(cudaVersion = "13.0"): Promise<HostCompiler | undefined> {
  return (await searchHostCompiler(cudaVersion)).compiler;
}

/** As findHostCompiler; throws ToolError `prerequisite_missing` with the command that installs one. */
export async function requireHostCompiler(cudaVersion = "13.0"): Promise<HostCompiler> {
  const { compiler, tooNew } = await searchHostCompiler(cudaVersion);
  if (compiler) return compiler;
  const [gcc] = newestFor(cudaVersion);
  if (tooNew) {
    throw new ToolError(
      "prerequisite_missing",
      `The only C++ compiler, ${tooNew.cxx}, is ${tooNew.kind} ${tooNew.version}, and nvcc ${cudaVersion} takes gcc up to ${gcc}.`,
      thisSystem() === "apt"
        ? `Run: ${installCommand("cxx")}-${gcc}`
        : `Install g++ ${gcc} or older and name it as cxx in ${userConfigFile()}.`,
    );
  }
  throw new ToolError(
    "prerequisite_missing",
    "No C++ compiler was found (looked for g++, clang++ and c++ on PATH), and nvcc needs one for the host code.",
    `Run: ${installCommand("cxx")}`,
  );
}

async function searchHostCompiler(cudaVersion: string) {
  const [newestGcc, newestClang] = newestFor(cudaVersion);
  let tooNew: HostCompiler | undefined;
  for (const cxx of candidates()) {
    const compiler = await examineHostCompiler(cxx);
    if (!compiler) continue;
    const newest = compiler.kind === "gcc" ? newestGcc : newestClang;
    if (Number.parseInt(compiler.version, 10) <= newest) return { compiler };
    tooNew ??= compiler;
  }
  return { tooNew };
}

function candidates(): string[] {
  const given = [readUserConfig().cxx, process.env.NVCC_CCBIN, process.env.CXX];
  const named = given.flatMap((name) => {
    if (!name) return [];
    return path.isAbsolute(name) && existsSync(name) ? [name] : (findProgram(name) ?? []);
  });
  const numbered = [15, 14, 13, 12, 11].map((major) => `g++-${major}`);
  const usual = ["g++", ...numbered, "clang++", "c++"].flatMap((name) => findProgram(name) ?? []);
  return [...new Set([...named, ...usual])];
}

async function examineHostCompiler(cxx: string): Promise<HostCompiler | undefined> {
  const asked = await runLocally([cxx, "--version"], { timeoutMs: 10_000 }).catch(() => undefined);
  if (asked?.exit_code !== 0) return undefined;
  const kind = /clang/iu.test(asked.stdout) ? "clang" : "gcc";
  const version = /\b\d+\.\d+(?:\.\d+)?\b/u.exec(withoutPackage(asked.stdout))?.[0];
  const cc = ccOf(cxx);
  return version && cc ? { cxx, cc, kind, version } : undefined;
}

/** "g++ (Debian 12.2.0-14) 12.2.0" -> "g++  12.2.0": a package's version is not the compiler's. */
function withoutPackage(text: string): string {
  return (text.split("\n")[0] ?? "").replace(/\([^)]*\)/gu, "");
}

/** The C compiler beside it, of the same version: g++-13 -> gcc-13, clang++ -> clang, c++ -> cc. */
function ccOf(cxx: string): string | undefined {
  const name = path
    .basename(cxx)
    .replace("clang++", "clang")
    .replace("g++", "gcc")
    .replace("c++", "cc");
  const folder = path.dirname(cxx);
  return findProgram(name, [folder]) ?? findProgram("gcc", [folder]) ?? findProgram("cc");
}

function newestFor(cudaVersion: string): readonly [number, number] {
  const row = newestTaken.find(([first]) => number(first) <= number(cudaVersion));
  return row ? [row[1], row[2]] : [12, 15];
}

function number(version: string): number {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major * 100 + minor;
}
