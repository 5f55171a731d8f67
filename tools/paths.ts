import { existsSync, realpathSync } from "node:fs";
import { homedir, platform } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { ToolError } from "./errors.ts";

/** The folder that holds package data (cuda-templates, skills, tools): the repository, or `dist/` of the bundle. */
export function packageData(...parts: string[]): string {
  return path.join(dataRoot(), ...parts);
}

/** Where Kernelwright keeps what belongs to a user: toolchains, builds by content hash. */
export function userCache(...parts: string[]): string {
  return path.join(cacheRoot(), "kernelwright", ...parts);
}

/** Where the user's own settings are read from. */
export function userConfigFile(): string {
  const root = process.env.XDG_CONFIG_HOME || path.join(homedir(), ".config");
  return path.join(root, "kernelwright", "config.yaml");
}

/**
 * The real path of `given` inside the workspace.
 * Refuses what leaves it, through `..` or through a symbolic link, and names the allowed root.
 * The path need not exist: then its nearest existing parent is what must lie inside.
 */
export function requireInside(workspace: string, given: string): string {
  const absolute = path.resolve(workspace, given);
  const real = realPathOfNearest(absolute);
  const relative = path.relative(workspace, real);
  if (leadsOutside(relative)) {
    throw new ToolError(
      "path_outside_workspace",
      `"${given}" leads to ${real}, outside of the workspace ${workspace}.`,
      `Give a path inside ${workspace}, or start Kernelwright with --workspace set to the folder that holds it.`,
    );
  }
  return real;
}

/** How results name a file: relative to the workspace where it lies inside. */
export function shownPath(workspace: string, file: string): string {
  const relative = path.relative(workspace, file);
  return leadsOutside(relative) ? file : relative || ".";
}

/** "..y.cu" is the name of a file inside. */
function leadsOutside(relative: string): boolean {
  return relative === ".." || relative.startsWith(`..${path.sep}`) || path.isAbsolute(relative);
}

function realPathOfNearest(absolute: string): string {
  let existing = absolute;
  const missing: string[] = [];
  while (!existsSync(existing)) {
    missing.unshift(path.basename(existing));
    const parent = path.dirname(existing);
    if (parent === existing) return absolute;
    existing = parent;
  }
  return path.join(realpathSync(existing), ...missing);
}

function cacheRoot(): string {
  if (process.env.XDG_CACHE_HOME) return path.resolve(process.env.XDG_CACHE_HOME);
  if (platform() === "darwin") return path.join(homedir(), "Library", "Caches");
  if (platform() === "win32" && process.env.LOCALAPPDATA) return process.env.LOCALAPPDATA;
  return path.join(homedir(), ".cache");
}

let dataRootFound: string | undefined;

/** Walks up from this file: the first folder with `cuda-templates` in it holds all package data. */
function dataRoot(): string {
  if (dataRootFound) return dataRootFound;
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, "cuda-templates"))) {
    const parent = path.dirname(folder);
    if (parent === folder) throw new Error(`cuda-templates not found above ${import.meta.url}`);
    folder = parent;
  }
  dataRootFound = folder;
  return folder;
}
