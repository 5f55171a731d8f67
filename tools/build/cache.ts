import { createHash, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { isAlive } from "../executors/alive.ts";
import { userCache } from "../paths.ts";

/** The files of a build that are checked and handed out; build.json describes them. */
export const buildFiles = ["library.so", "kernel.cubin", "kernel.ptx"] as const;

/** Past this, what was used longest ago goes. About 1,000 builds of a template. */
export const defaultLimitBytes = 2 * 1024 ** 3;

/** A lease this old counts for nothing, whoever holds it: no job takes that long. */
const leaseMs = 60 * 60 * 1000;

interface Manifest {
  key: string;
  files: Record<string, { bytes: number; sha256: string }>;
  description: unknown;
}

/** Where the build with this id lies, or would lie. */
export function buildFolder(buildId: string): string {
  return path.join(userCache("builds"), buildId);
}

/** A folder of one's own beside the builds, so that `storeBuild` can move it in one step. */
export async function makeStagingFolder(): Promise<string> {
  const folder = path.join(userCache("builds"), `.new-${process.pid}-${randomUUID()}`);
  await mkdir(folder, { recursive: true }).catch(explain);
  return folder;
}

/**
 * The description stored with a build, and a lease on it for this process. Undefined where there
 * is none, or where a file of it is missing or changed: then it is removed, to be built again.
 */
export async function findBuild(buildId: string, key: string): Promise<unknown | undefined> {
  const folder = buildFolder(buildId);
  if (!existsSync(folder)) return undefined;
  await lease(folder).catch(() => undefined);
  const manifest = await intactManifest(folder, key);
  if (manifest === undefined) {
    await discard(folder);
    return undefined;
  }
  return manifest.description;
}

/**
 * Makes a staging folder with all `buildFiles` in it the build of that id, in one step. Where
 * another process was faster and its build is intact, that one stays and is the one handed out.
 * The returned description is that of the build which stands.
 */
export async function storeBuild(
  staging: string,
  buildId: string,
  key: string,
  description: unknown,
): Promise<unknown> {
  const manifest: Manifest = { key, files: {}, description };
  for (const name of buildFiles) manifest.files[name] = await fingerprint(path.join(staging, name));
  const text = `${JSON.stringify(manifest, undefined, 1)}\n`;
  await writeFile(path.join(staging, "build.json"), text).catch(explain);
  await lease(staging);
  for (let attempt = 0; ; attempt += 1) {
    try {
      await rename(staging, buildFolder(buildId));
      return description;
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if ((code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "EPERM") || attempt === 3)
        throw error;
      const theirs = await findBuild(buildId, key);
      if (theirs === undefined) continue;
      await rm(staging, { recursive: true, force: true });
      return theirs;
    }
  }
}

/** What the user can change is said; anything else travels up as it is. */
function explain(error: NodeJS.ErrnoException): never {
  const root = userCache("builds");
  if (error.code === "ENOSPC" || error.code === "EDQUOT") {
    throw new ToolError(
      "disk_full",
      `There is no space left for builds in ${root}.`,
      "Free disk space, for example with: kernelwright clean. Then build again.",
      { cause: error },
    );
  }
  if (error.code === "EACCES" || error.code === "EROFS" || error.code === "ENOTDIR") {
    throw new ToolError(
      "prerequisite_missing",
      `The folder of builds ${root} cannot be written (${error.code}).`,
      "Set XDG_CACHE_HOME to a folder that this user can write, then build again.",
      { cause: error },
    );
  }
  throw error;
}

export interface CleanResult {
  removed_builds: number;
  removed_bytes: number;
  kept_builds: number;
  kept_bytes: number;
}

/**
 * Removes builds, those used longest ago first, until at most `limitBytes` are left, and leftovers
 * of interrupted builds. With 0 all go. Never one that a living process was given in the last hour.
 */
export async function cleanBuilds(limitBytes = 0): Promise<CleanResult> {
  const root = userCache("builds");
  const entries = await listEntries(root);
  const result = { removed_builds: 0, removed_bytes: 0, kept_builds: 0, kept_bytes: 0 };
  let total = 0;
  for (const entry of entries) total += entry.bytes;
  for (const entry of entries.sort((a, b) => a.used_ms - b.used_ms)) {
    const goes = entry.leftover || total > limitBytes;
    if (goes && !(await isLeased(entry.folder))) {
      await discard(entry.folder);
      total -= entry.bytes;
      if (!entry.leftover) result.removed_builds += 1;
      result.removed_bytes += entry.bytes;
    } else if (!entry.leftover) {
      result.kept_builds += 1;
      result.kept_bytes += entry.bytes;
    }
  }
  return result;
}

async function intactManifest(folder: string, key: string): Promise<Manifest | undefined> {
  try {
    const text = await readFile(path.join(folder, "build.json"), "utf8");
    const manifest = JSON.parse(text) as Manifest;
    if (manifest.key !== key) return undefined;
    const now = await Promise.all(buildFiles.map((name) => fingerprint(path.join(folder, name))));
    const same = buildFiles.every((name, i) => manifest.files[name]?.sha256 === now[i]?.sha256);
    return same ? manifest : undefined;
  } catch {
    return undefined;
  }
}

async function fingerprint(file: string): Promise<{ bytes: number; sha256: string }> {
  const bytes = await readFile(file);
  return { bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Renewed with every use, which sets the time that "used longest ago" goes by. */
async function lease(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = leasePid(name);
    if (pid && !isAlive(pid)) await rm(path.join(folder, name), { force: true });
  }
  await writeFile(path.join(folder, `.lease-${process.pid}`), "");
  const now = new Date();
  await utimes(path.join(folder, "build.json"), now, now);
}

async function isLeased(folder: string): Promise<boolean> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const pid = leasePid(name);
    if (!pid || !isAlive(pid)) continue;
    const { mtimeMs } = await stat(path.join(folder, name)).catch(() => ({ mtimeMs: 0 }));
    if (Date.now() - mtimeMs < leaseMs) return true;
  }
  return false;
}

function leasePid(name: string): number {
  return Number(/^\.lease-(\d+)$/u.exec(name)?.[1] ?? 0);
}

interface Entry {
  folder: string;
  bytes: number;
  used_ms: number;
  /** Of an interrupted or beaten build whose process has gone. */
  leftover: boolean;
}

async function listEntries(root: string): Promise<Entry[]> {
  const names = await readdir(root).catch(() => []);
  const entries: Entry[] = [];
  for (const name of names) {
    const owner = /^\.(?:new|old)-(\d+)-/u.exec(name);
    if (owner && isAlive(Number(owner[1]))) continue;
    const folder = path.join(root, name);
    entries.push({ folder, ...(await measure(folder)), leftover: owner !== null });
  }
  return entries;
}

async function measure(folder: string): Promise<{ bytes: number; used_ms: number }> {
  let bytes = 0;
  for (const name of await readdir(folder).catch(() => [])) {
    bytes += (await stat(path.join(folder, name)).catch(() => ({ size: 0 }))).size;
  }
  const used = await stat(path.join(folder, "build.json")).catch(() => ({ mtimeMs: 0 }));
  return { bytes, used_ms: used.mtimeMs };
}

/** Renamed first: nobody finds half a build, however long removing takes. */
async function discard(folder: string): Promise<void> {
  const away = path.join(path.dirname(folder), `.old-${process.pid}-${randomUUID()}`);
  try {
    await rename(folder, away);
  } catch {
    return; // Another process took it away.
  }
  await rm(away, { recursive: true, force: true });
}
