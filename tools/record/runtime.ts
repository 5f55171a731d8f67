import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import { packageData, userCache } from "../paths.ts";
import { requireHostCompiler } from "../toolchain/host-compiler.ts";
import { readElf } from "./elf.ts";

/** The stand-in for the CUDA runtime, built for this machine. */
export interface StandInRuntime {
  executable: string;
  /** The runtime functions it has. */
  provided: ReadonlySet<string>;
}

const buildTimeoutMs = 60_000;
const flags = ["-O1", "-std=gnu11", "-fvisibility=hidden", "-rdynamic"];

const built = new Map<string, Promise<StandInRuntime>>();

/**
 * The stand-in runtime, from the user's cache or built into it from stand_in/*.c (about half a second).
 * Throws ToolError `prerequisite_missing` without a C compiler, `recording_failed` where it does not build.
 */
export async function standInRuntime(): Promise<StandInRuntime> {
  const cache = userCache("record");
  const pending = built.get(cache);
  if (pending) {
    const known = await pending;
    // It may have been cleaned away since.
    if (existsSync(known.executable)) return known;
  }
  const runtime = findOrBuild(cache);
  built.set(cache, runtime);
  // A failure is not kept: the compiler may be installed before the next call.
  runtime.catch(() => built.delete(cache));
  return runtime;
}

async function findOrBuild(cache: string): Promise<StandInRuntime> {
  if (process.platform !== "linux") {
    throw new ToolError(
      "recording_failed",
      `Host code is recorded on Linux only, and this machine runs ${process.platform}.`,
      "Run Kernelwright in a Linux container or on a Linux machine.",
    );
  }
  const { cc, version } = await requireHostCompiler();
  const sources = await readSources();
  const hash = createHash("sha256");
  hash.update([cc, version, process.arch, ...flags].join("\n"));
  for (const { file, text } of sources) hash.update(`\n${path.basename(file)}\n`).update(text);
  const executable = path.join(cache, hash.digest("hex").slice(0, 24), "stand-in-runtime");
  if (!existsSync(executable)) {
    await build(cc, sources, executable);
  }
  const elf = readElf(await readFile(executable));
  return { executable, provided: elf?.defined ?? new Set() };
}

async function readSources(): Promise<{ file: string; text: string }[]> {
  const folder = packageData("tools", "record", "stand_in");
  const names = (await readdir(folder)).filter((name) => /\.[ch]$/u.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      return { file, text: await readFile(file, "utf8") };
    }),
  );
}

/** Into a folder of its own, then renamed: two that build at once both end with a whole one. */
async function build(
  cc: string,
  sources: readonly { file: string }[],
  executable: string,
): Promise<void> {
  const folder = path.dirname(executable);
  await mkdir(path.dirname(folder), { recursive: true });
  const staging = await mkdtemp(`${folder}-`);
  try {
    const staged = path.join(staging, path.basename(executable));
    const files = sources.map(({ file }) => file).filter((file) => file.endsWith(".c"));
    const result = await runLocally([cc, ...flags, "-o", staged, ...files, "-ldl", "-lpthread"], {
      timeoutMs: buildTimeoutMs,
    });
    if (result.exit_code !== 0) {
      throw new ToolError(
        "recording_failed",
        `The stand-in for the CUDA runtime does not build with ${cc}: ${firstError(result.stderr)}`,
        `Run: ${cc} ${flags.join(" ")} -o stand-in-runtime ${files[0]} and see what is missing (C library headers are needed).`,
      );
    }
    await mkdir(folder, { recursive: true });
    await rename(staged, executable);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

function firstError(stderr: string): string {
  const lines = stderr.split("\n");
  return lines.find((line) => line.includes("error")) ?? lines[0] ?? "";
}
