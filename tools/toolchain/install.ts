import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, rename, rm, statfs, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { renderBytes, renderDuration } from "../text.ts";
import type { ToolContext } from "../tool.ts";
import { diskFull } from "./download-errors.ts";
import { download, requireDownloader, type StagingFolders } from "./downloader.ts";
import { driverTooOld, findDriver, firstDriverOfCuda13 } from "./driver.ts";
import { type CudaCompiler, examine, majorOf } from "./examine.ts";
import { requireHostCompiler } from "./host-compiler.ts";
import { withLock } from "./lock.ts";
import { proveByCompiling } from "./probe.ts";
import {
  cudaVersion,
  downloadBytes,
  neededBytes,
  requirements,
  toolchainFolder,
  toolchainRoot,
  wheelPlatform,
} from "./wheels.ts";

type InstallContext = Pick<ToolContext, "signal" | "progress">;

/**
 * NVIDIA's compiler from its PyPI wheels, in the user's cache; the one that is there if it is whole.
 * Downloads 104 MiB. At every moment, whoever is killed or starts beside it, the folder holds a
 * whole and proven toolchain or does not exist.
 *
 * Progress: `done` rises towards 1 over the whole installation, so that it counts as less than one
 * unit of the call that needed the compiler; the bytes are in the message.
 */
export async function installCompiler(context: InstallContext): Promise<CudaCompiler> {
  const platform = requirePlatform();
  await refuseOldDriver();
  // Asked before 104 MiB are downloaded: without it nothing can be compiled, the probe included.
  const host = await requireHostCompiler(cudaVersion);
  const onWait = (holder: string, waitedMs: number) =>
    context.progress({
      message: `Waiting for ${holder}, which is installing the CUDA compiler (${renderDuration(waitedMs)})`,
      done: 0,
    });
  const lock = { signal: context.signal, onWait };
  const installing = withLock(`${toolchainFolder()}.lock`, lock, async () => {
    const present = await examine(toolchainRoot(), "user_cache", context.signal);
    if (typeof present !== "string") return present;
    await removeRemains();
    await requireSpace();
    await installInto(platform, host.cxx, context);
    const installed = await examine(toolchainRoot(), "user_cache", context.signal);
    if (typeof installed !== "string") return installed;
    throw new ToolError(
      "install_failed",
      `The installed compiler in ${toolchainRoot()} cannot be used: ${installed}.`,
      `Delete ${toolchainFolder()}, then run: kernelwright setup`,
    );
  });
  return installing.catch((error: unknown) => {
    throw asToolError(error);
  });
}

async function installInto(platform: string, cxx: string, context: InstallContext): Promise<void> {
  const own = `${toolchainFolder()}.part-${process.pid}-${randomBytes(4).toString("hex")}`;
  const staging = { tree: path.join(own, "tree"), temporary: path.join(own, "temporary") };
  const { signal } = context;
  try {
    for (const folder of Object.values(staging)) await mkdir(folder, { recursive: true });
    await fetchWheels(platform, staging, context);
    const root = toolchainRoot(staging.tree);
    await addLinks(root);
    context.progress({ message: "Proving the compiler on a small kernel", done: 0.95 });
    await proveByCompiling(root, { cxx, folder: staging.temporary, signal });
    await moveIntoPlace(staging.tree);
  } finally {
    await rm(own, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function moveIntoPlace(tree: string): Promise<void> {
  try {
    await rename(tree, toolchainFolder());
  } catch (error) {
    // A folder is not renamed onto a full one: somebody else's whole toolchain is as good as ours.
    if (!existsSync(toolchainFolder())) throw error;
  }
}

async function fetchWheels(
  platform: string,
  staging: StagingFolders,
  context: InstallContext,
): Promise<void> {
  const total = downloadBytes(platform);
  const file = path.join(staging.temporary, "requirements.txt");
  await writeFile(file, requirements(platform));
  const downloader = await requireDownloader(staging, context.signal);
  const start = Date.now();
  let most = 0;
  const report = (bytes = 0) => {
    most = Math.min(total, Math.max(most, bytes));
    const doing = most < total ? "Downloading" : "Unpacking";
    context.progress({
      message: `${doing} NVIDIA's CUDA ${cudaVersion} compiler with ${downloader.name}: ${renderBytes(most)} of ${renderBytes(total)}, ${renderDuration(Date.now() - start)}`,
      done: (0.9 * most) / total,
    });
  };
  report();
  const ticker = setInterval(report, 1000);
  try {
    await download(downloader, file, staging, { signal: context.signal, onBytes: report });
  } finally {
    clearInterval(ticker);
  }
}

/**
 * The wheels have lib, nvcc.profile looks in lib64: without it nvcc -shared finds no cudart. CMake
 * and torch's cpp_extension link -lcudart, and the wheels have only the numbered name.
 */
async function addLinks(root: string): Promise<void> {
  await symlink("lib", path.join(root, "lib64"));
  await symlink("libcudart.so.13", path.join(root, "lib", "libcudart.so"));
}

/**
 * What dead installers left beside the toolchain, and a toolchain that is refused, since it is
 * broken. That one goes in one step: others may be looking.
 */
async function removeRemains(): Promise<void> {
  const folder = toolchainFolder();
  const parts = `${path.basename(folder)}.part-`;
  if (existsSync(folder)) await rename(folder, `${folder}.part-0-broken-${process.pid}`);
  for (const name of await readdir(path.dirname(folder))) {
    if (!name.startsWith(parts) || isAlive(Number.parseInt(name.slice(parts.length), 10))) continue;
    const remains = path.join(path.dirname(folder), name);
    // A dead installer's downloader may still be writing there; what stays goes next time.
    await rm(remains, { recursive: true, force: true, maxRetries: 3 }).catch(() => undefined);
  }
}

function isAlive(pid: number): boolean {
  if (!(pid > 0)) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function requireSpace(): Promise<void> {
  const parent = path.dirname(toolchainFolder());
  const { bavail, bsize } = await statfs(parent);
  const free = bavail * bsize;
  if (free < neededBytes) throw diskFull(`${parent} has ${renderBytes(free)} free.`);
}

function requirePlatform(): string {
  const found = wheelPlatform();
  if ("platform" in found) return found.platform;
  throw new ToolError(
    "compiler_missing",
    `${found.reason}.`,
    "Work in a Linux container with glibc (for example debian) on this machine, or on a Linux machine; or install a CUDA toolkit 12 or 13 and set CUDA_HOME.",
  );
}

async function refuseOldDriver(): Promise<void> {
  const driver = await findDriver();
  if (!driverTooOld(driver, majorOf(cudaVersion))) return;
  throw new ToolError(
    "compiler_missing",
    `The NVIDIA driver ${driver} runs code of CUDA 12, and PyPI has NVIDIA's compiler only for CUDA 13, which needs driver ${firstDriverOfCuda13} or newer.`,
    `Install NVIDIA's package cuda-toolkit-12-9 (it is found in /usr/local/cuda-12.9, or by CUDA_HOME), or update the driver to ${firstDriverOfCuda13} or newer; then run: kernelwright setup`,
  );
}

/** What the file system refuses is the user's to see to; anything else that is no ToolError is our bug. */
function asToolError(error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (error instanceof ToolError || code === undefined) return error;
  if (code === "ENOSPC" || code === "EDQUOT") return diskFull(message);
  if (!["EACCES", "EPERM", "EROFS", "ENOTDIR", "ENOTSUP"].includes(code)) return error;
  return new ToolError(
    "install_failed",
    `The CUDA compiler cannot be written to ${toolchainFolder()}: ${message}.`,
    "Set XDG_CACHE_HOME to a folder that you can write to, then run: kernelwright setup",
  );
}
