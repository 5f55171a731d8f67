import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";

/** What is compiled: one `.cu` with the headers it finds. */
export interface BuildSource {
  /** Absolute path of the .cu. */
  main: string;
  /** Absolute paths, searched in this order. */
  include_folders: string[];
  defines: Record<string, string>;
  /** The compiler's working folder; paths in diagnostics are relative to it. */
  root: string;
}

export interface SourceFile {
  /** Absolute. */
  path: string;
  sha256: string;
}

/** Every file of the user's that can decide what a compilation yields. */
export interface SourceSet {
  /** Sorted by path. */
  files: readonly SourceFile[];
  sha256: string;
}

/**
 * Follows the include directives from `source.main`, and for each takes *every* file that the
 * compiler could find, not only the first, whatever `#if` it stands in. So the set changes when a
 * header is edited, added, removed or shadowed by another of the same name. Headers outside of the
 * includer's folder and the include folders belong to the toolchain and are not read.
 * What a scan cannot see (`#include MACRO`) is caught after compiling: see dependencies.ts.
 * Throws ToolError `not_found` where main cannot be read, `invalid_argument` for an unusable path.
 */
export async function readSources(source: BuildSource): Promise<SourceSet> {
  for (const name of [source.main, source.root, ...source.include_folders]) requireNameable(name);
  const found = new Map<string, string>();
  const absent = new Set<string>();
  const waiting = [path.resolve(source.main)];
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (found.has(file) || absent.has(file)) continue;
    const bytes = await readIfFile(file);
    if (bytes === undefined) {
      absent.add(file);
      continue;
    }
    found.set(file, createHash("sha256").update(bytes).digest("hex"));
    waiting.push(...candidates(file, bytes.toString("latin1"), source.include_folders));
  }
  if (!found.has(path.resolve(source.main))) {
    throw new ToolError(
      "not_found",
      `The CUDA source ${source.main} cannot be read.`,
      "Give the path of an existing .cu file, or see that the sources named in build.toml exist.",
    );
  }
  const files = [...found]
    .map(([name, sha256]) => ({ path: name, sha256 }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  return { files, sha256: createHash("sha256").update(JSON.stringify(files)).digest("hex") };
}

/** Throws `invalid_argument` for a path that an #include or the PTX's .file cannot name: no escape exists. */
export function requireNameable(file: string): void {
  if (!/["\r\n]/u.test(file)) return;
  throw new ToolError(
    "invalid_argument",
    `${JSON.stringify(file)} has a quote or a line break in it, and nvcc cannot compile from such a path.`,
    "Rename the file or folder without it, and make the same call again.",
  );
}

const directive =
  /^[ \t]*(?:#|%:)[ \t]*(?:include|include_next|import|embed)\b[^"<\n]*(?:"([^"\n]+)"|<([^>\n]+)>)/gmu;
const question = /__has_(?:include|include_next|embed)\s*\(\s*(?:"([^"\n]+)"|<([^>\n]+)>)/gu;

function candidates(file: string, text: string, includeFolders: readonly string[]): string[] {
  const joined = text.replace(/\\\r?\n/gu, "");
  const names: string[] = [];
  for (const pattern of [directive, question]) {
    for (const [, quoted, angled] of joined.matchAll(pattern)) {
      const name = quoted ?? angled ?? "";
      if (quoted !== undefined) names.push(path.resolve(path.dirname(file), name));
      for (const folder of includeFolders) names.push(path.resolve(folder, name));
    }
  }
  return names;
}

async function readIfFile(file: string): Promise<Buffer | undefined> {
  try {
    // Reading a pipe would wait for ever.
    return (await stat(file)).isFile() ? await readFile(file) : undefined;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "EISDIR" || code === "ENOTDIR") return undefined;
    throw new ToolError(
      "not_found",
      `${file} cannot be read (${code}).`,
      `Make ${file} readable for this user, then build again.`,
    );
  }
}
