import { randomBytes } from "node:crypto";
import { chmod, mkdir, rename, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { runLocally } from "../executors/local.ts";
import { userCache } from "../paths.ts";
import { renderBytes } from "../text.ts";
import type { ToolContext } from "../tool.ts";
import { download, requireDownloader } from "./downloader.ts";
import { withLock } from "./lock.ts";
import { findProgram } from "./programs.ts";
import { type Wheel, wheelPlatform } from "./wheels.ts";

/**
 * compute-sanitizer as NVIDIA publishes it on PyPI. Seen working with driver 580, the oldest of CUDA 13
 * (H200, 2026-11-22); the wheel of 13.0 lacks programs that it starts, and does not work anywhere.
 * Hashes and sizes are the index's own, by `uv pip compile --format pylock.toml`, 2026-11-22.
 */
const wheel: Wheel = {
  project: "nvidia-cuda-sanitizer-api",
  version: "13.5.25",
  files: {
    "linux-x86_64": {
      bytes: 18222381,
      sha256: "5df2efbdf605a812c6bac07600dd3d801cb9d334a30376113a6f1e2bc0679f54",
    },
    "linux-aarch64": {
      bytes: 14108538,
      sha256: "264cb6b1b977494e36d81de7a8886dbbfc129528209c4d1773e66256e7c24015",
    },
  },
};

/** Where the wheel's toolkit lies for this user and this very file. */
export function sanitizerRoot(): string {
  return path.join(sanitizerFolder(), "nvidia", "cu13");
}

/**
 * Downloads compute-sanitizer into the user's cache, 18 MB, unless it is there. At every moment the
 * folder holds a whole one that told its version, or does not exist. Throws ToolErrors.
 */
export async function installSanitizer(
  context: Pick<ToolContext, "signal" | "progress">,
): Promise<void> {
  const found = wheelPlatform();
  if ("reason" in found) {
    throw new ToolError(
      "prerequisite_missing",
      `${found.reason}.`,
      "Set CUDA_HOME to a CUDA toolkit 12 or 13, or validate without sanitizers: the interpreter looks for the same faults.",
    );
  }
  const file = found.platform;
  const bytes = wheel.files[file]?.bytes ?? 0;
  const report = (doing: string, done: number) =>
    context.progress({ message: `${doing} (${renderBytes(bytes)})`, done });
  const onWait = (holder: string) =>
    report(`Waiting for ${holder}, which is installing compute-sanitizer`, 0);
  await withLock(`${sanitizerFolder()}.lock`, { signal: context.signal, onWait }, async () => {
    if (findProgram("compute-sanitizer", [path.join(sanitizerRoot(), "bin")])) return;
    report("Downloading NVIDIA's compute-sanitizer", 0);
    await installInto(file, context.signal);
    report("Installed NVIDIA's compute-sanitizer", 1);
  }).catch((error: unknown) => {
    throw reworded(error);
  });
}

async function installInto(platform: string, signal: AbortSignal): Promise<void> {
  const own = `${sanitizerFolder()}.part-${process.pid}-${randomBytes(4).toString("hex")}`;
  const staging = { tree: path.join(own, "tree"), temporary: path.join(own, "temporary") };
  try {
    for (const folder of Object.values(staging)) await mkdir(folder, { recursive: true });
    const requirements = path.join(staging.temporary, "requirements.txt");
    const sha256 = wheel.files[platform]?.sha256;
    await writeFile(requirements, `${wheel.project}==${wheel.version} --hash=sha256:${sha256}\n`);
    const downloader = await requireDownloader(staging, signal);
    await download(downloader, requirements, staging, { signal, onBytes: () => undefined });
    await prove(path.join(staging.tree, "nvidia", "cu13", "bin", "compute-sanitizer"), signal);
    await rename(staging.tree, sanitizerFolder());
  } finally {
    await rm(own, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** That it starts on this machine: whether it works with the GPU's driver, its first use tells. */
async function prove(program: string, signal: AbortSignal): Promise<void> {
  await chmod(program, 0o755).catch(() => undefined);
  const asked = await runLocally([program, "--version"], { timeoutMs: 20_000, signal });
  if (asked.exit_code === 0) return;
  throw new ToolError(
    "install_failed",
    `The downloaded compute-sanitizer does not start here: exit code ${asked.exit_code}. ${asked.stderr.trim().slice(0, 300)}`,
    "Nothing was installed. Install a CUDA toolkit 12 or 13 by hand and set CUDA_HOME.",
  );
}

/** The downloader's errors are written for the compiler. */
function reworded(error: unknown): unknown {
  if (!(error instanceof ToolError)) return error;
  const message = error.message.replace("NVIDIA's compiler", "NVIDIA's compute-sanitizer");
  const hint = error.hint.replaceAll("kernelwright setup", "kernelwright setup --sanitizer");
  return new ToolError(error.code, message, hint, { cause: error });
}

function sanitizerFolder(): string {
  const platform = `${process.platform}-${process.arch}`;
  const hash = Object.values(wheel.files)[0]?.sha256.slice(0, 8);
  return userCache("toolchains", `sanitizer-${wheel.version}-${platform}-${hash}`);
}
