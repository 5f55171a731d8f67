import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import { downloadFailed } from "./download-errors.ts";
import { installCommand } from "./prerequisites.ts";
import { findProgram } from "./programs.ts";
import { findPython, requirePython } from "./python.ts";
import { compilerWheels } from "./wheels.ts";

/** The program that fetches wheels: uv where it is on PATH, else pip. */
export interface Downloader {
  name: "uv" | "pip";
  argv: readonly string[];
}

/** Folders of one installation, all below the same temporary one. */
export interface StagingFolders {
  /** Becomes the toolchain. */
  tree: string;
  /** What the downloader and the probe put aside. */
  temporary: string;
}

/** An hour: 104 MiB at 30 KiB a second. */
const timeLimitMs = 60 * 60 * 1000;

/**
 * uv, or the pip of a Python 3; where that Python has no pip, a virtual environment is made for it.
 * Throws ToolError `prerequisite_missing` with the command that installs what is missing.
 */
export async function requireDownloader(
  staging: StagingFolders,
  signal: AbortSignal,
): Promise<Downloader> {
  const uv = findProgram("uv");
  if (uv && (await runs([uv, "--version"], signal))) {
    const python = (await findPython())?.python;
    const pinned = python ? ["--python", python] : [];
    return { name: "uv", argv: [uv, "pip", "install", "--no-progress", ...pinned] };
  }
  const { python } = await requirePython();
  const pip = ["-m", "pip", "install", "--no-input", "--retries", "2"];
  if (await runs([python, "-m", "pip", "--version"], signal)) {
    return { name: "pip", argv: [python, ...pip] };
  }
  return { name: "pip", argv: [await pythonWithPip(python, staging, signal), ...pip] };
}

/** Installs exactly the wheels of the requirements file into `staging.tree`, hashes checked. */
export async function download(
  downloader: Downloader,
  requirementsFile: string,
  staging: StagingFolders,
  options: { signal: AbortSignal; onBytes: (bytes: number) => void },
): Promise<void> {
  const stopWatching = watchDownloads(staging.temporary, options.onBytes);
  let fetchedByUv = 0;
  try {
    const what = ["--require-hashes", "--no-deps", "--only-binary", ":all:"];
    const where = ["--target", staging.tree, "-r", requirementsFile];
    const result = await runLocally([...downloader.argv, ...what, ...where], {
      cwd: staging.temporary,
      env: { ...clientEnvironment(), TMPDIR: staging.temporary },
      timeoutMs: timeLimitMs,
      signal: options.signal,
      onErrorLine: (line) => {
        const more = bytesFetched(line);
        fetchedByUv += more;
        if (more > 0) options.onBytes(fetchedByUv);
      },
    });
    if (result.exit_code !== 0) throw downloadFailed(downloader.name, result);
  } finally {
    stopWatching();
  }
}

/** uv says " Downloaded nvidia-nvvm" when a larger wheel is there. Its size is in our list. */
function bytesFetched(line: string): number {
  const project = /^\s*(?:Downloaded|Prepared)\s+(nvidia-[a-z0-9-]+)/u.exec(line)?.[1];
  const files = compilerWheels.find((wheel) => wheel.project === project)?.files ?? {};
  return Object.values(files)[0]?.bytes ?? 0;
}

/** pip downloads to <TMPDIR>/pip-unpack-*: what lies there, twice a second. */
function watchDownloads(folder: string, onBytes: (bytes: number) => void): () => void {
  const timer = setInterval(() => {
    downloadedBytes(folder).then(
      (bytes) => bytes && onBytes(bytes),
      () => undefined,
    );
  }, 500);
  return () => clearInterval(timer);
}

async function downloadedBytes(folder: string): Promise<number> {
  const unpacking = (await readdir(folder)).filter((name) => name.startsWith("pip-unpack-"));
  let bytes = 0;
  for (const name of unpacking) {
    for (const file of await readdir(path.join(folder, name))) {
      if (file.endsWith(".whl")) bytes += (await stat(path.join(folder, name, file))).size;
    }
  }
  return bytes;
}

/** A shim (pyenv, asdf) of a program that is not installed is there and does not run. */
async function runs(argv: readonly string[], signal: AbortSignal): Promise<boolean> {
  return (await runLocally(argv, { timeoutMs: 20_000, signal })).exit_code === 0;
}

async function pythonWithPip(
  python: string,
  staging: StagingFolders,
  signal: AbortSignal,
): Promise<string> {
  const folder = path.join(staging.temporary, "venv");
  const made = await runLocally([python, "-m", "venv", folder], { timeoutMs: 120_000, signal });
  const inside = path.join(folder, "bin", "python");
  if (made.exit_code === 0 && existsSync(inside)) return inside;
  throw new ToolError(
    "prerequisite_missing",
    `${python} has no pip, and its venv module cannot make one (ensurepip is missing).`,
    `Run: ${installCommand("pip")} (or put uv on PATH)`,
  );
}

/** What the user set for the ordinary clients: proxies, certificates, mirrors. */
function clientEnvironment(): Record<string, string> {
  const taken =
    /^(?:(?:https?|all|no)_proxy|SSL_CERT_(?:FILE|DIR)|REQUESTS_CA_BUNDLE|PIP_.*|UV_.*|XDG_.*)$/iu;
  const environment: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (taken.test(name) && value !== undefined) environment[name] = value;
  }
  // A target folder is neither the user's site nor an environment: these settings would refuse it.
  const PIP_DISABLE_PIP_VERSION_CHECK = "1";
  return {
    ...environment,
    PIP_USER: "0",
    PIP_REQUIRE_VIRTUALENV: "0",
    PIP_DISABLE_PIP_VERSION_CHECK,
  };
}
