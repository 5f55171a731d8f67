import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import { packageData, userCache } from "../paths.ts";
import type { CudaCompiler } from "../toolchain/compiler.ts";
import { requireHostCompiler } from "../toolchain/host-compiler.ts";

/**
 * -fmad=false: a * b + c rounds twice, as it does in TypeScript. compute_75 is the oldest that CUDA
 * 13 knows: the driver translates it for any later device.
 */
const flags = ["-ptx", "-arch=compute_75", "-std=c++17", "-O3", "-fmad=false"] as const;

/** It takes 2 s. */
const compileTimeoutMs = 120_000;

/** First line of a kept file: says what the rest must be. */
const header = "// kernelwright judge, sha256 of what follows: ";

/**
 * The path of the judge's device code as PTX, compiled when it is not in the user's cache for these
 * sources, flags and compiler. Any number of callers and processes may ask at once.
 * Throws ToolError `prerequisite_missing` without a C++ compiler, `build_failed`, `timed_out`, `cancelled`.
 */
export async function judgePtx(compiler: CudaCompiler, signal?: AbortSignal): Promise<string> {
  const sources = await readSources();
  const file = path.join(userCache("judge"), `${keyOf(sources, compiler)}.ptx`);
  if (await isIntact(file)) return file;
  const compiled = await compileJudge(compiler, signal);
  const folder = path.dirname(file);
  const fresh = path.join(folder, `.new-${process.pid}-${randomUUID()}`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(fresh, `${header}${sha256(compiled)}\n${compiled}`);
    // In one step: nobody reads half a file, and of two that are written at once one stays.
    await rename(fresh, file);
  } catch (error) {
    throw explained(error as NodeJS.ErrnoException, folder);
  } finally {
    await rm(fresh, { force: true }).catch(() => undefined);
  }
  return file;
}

/** The folder of the device code's sources: in the repository, or beside the bundle. */
export function judgeSources(): string {
  return packageData("tools", "worker", "judge");
}

interface Source {
  name: string;
  text: string;
}

async function readSources(): Promise<Source[]> {
  const names = (await readdir(judgeSources())).filter((name) => /\.cuh?$/u.test(name)).sort();
  return Promise.all(
    names.map(async (name) => ({
      name,
      text: await readFile(path.join(judgeSources(), name), "utf8"),
    })),
  );
}

function keyOf(sources: readonly Source[], compiler: CudaCompiler): string {
  return sha256(JSON.stringify([compiler.version, flags, sources])).slice(0, 32);
}

async function isIntact(file: string): Promise<boolean> {
  const text = await readFile(file, "utf8").catch(() => "");
  const end = text.indexOf("\n");
  return end > 0 && text.slice(0, end) === header + sha256(text.slice(end + 1));
}

async function compileJudge(compiler: CudaCompiler, signal?: AbortSignal): Promise<string> {
  const host = await requireHostCompiler(compiler.version);
  const main = path.join(judgeSources(), "judge.cu");
  const command = [compiler.nvcc, ...flags, "-ccbin", host.cxx, main, "-o", "-"];
  const options = { env: { LC_ALL: "C" }, timeoutMs: compileTimeoutMs };
  const result = await runLocally(command, signal ? { ...options, signal } : options);
  if (result.timed_out) {
    throw new ToolError(
      "timed_out",
      `nvcc ${compiler.version} was ended after ${compileTimeoutMs / 1000} s without a result for the judge's own device code.`,
      "Make the same call again when the machine has less to do.",
    );
  }
  if (result.exit_code !== 0 || !result.stdout.includes(".entry kw_measure")) {
    throw new ToolError(
      "build_failed",
      `nvcc ${compiler.version} in ${compiler.root} does not compile the judge's own device code: ${lastLines(result.stderr)}`,
      "Run: kernelwright setup, which installs a compiler that does. Then make the same call again.",
    );
  }
  return result.stdout;
}

function lastLines(text: string): string {
  return text.trim().split("\n").slice(-3).join("\n") || "it printed nothing";
}

function explained(error: NodeJS.ErrnoException, folder: string): unknown {
  if (error.code === "ENOSPC" || error.code === "EDQUOT") {
    return new ToolError(
      "disk_full",
      `There is no space left in ${folder}.`,
      "Free disk space, for example with: kernelwright clean. Then make the same call again.",
      { cause: error },
    );
  }
  if (error.code === "EACCES" || error.code === "EROFS" || error.code === "ENOTDIR") {
    return new ToolError(
      "prerequisite_missing",
      `The folder ${folder} cannot be written (${error.code}).`,
      "Set XDG_CACHE_HOME to a folder that this user can write, then make the same call again.",
      { cause: error },
    );
  }
  return error;
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
