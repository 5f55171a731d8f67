import { existsSync, realpathSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { BuildSource, SourceSet } from "./sources.ts";

/**
 * The files outside of the toolchain that the compiler read and that are not in `sources`: included
 * through a macro's name, say. A build with such files must not be found again by its key.
 * `keepFolder` has the preprocessed sources, with a line marker for each file.
 */
export async function unhashedDependencies(
  keepFolder: string,
  source: BuildSource,
  sources: SourceSet,
  compiler: { root: string },
): Promise<string[]> {
  const known = new Set(sources.files.map((file) => real(file.path)));
  const toolchain = real(compiler.root) + path.sep;
  const unhashed = new Set<string>();
  for (const name of await readdir(keepFolder)) {
    if (!name.endsWith(".ii")) continue;
    const text = await readFile(path.join(keepFolder, name), "latin1");
    for (const read of filesRead(text)) {
      const file = real(path.resolve(source.root, read));
      // A name that only a #line directive made up, as that of a single file's signature.
      if (!existsSync(file)) continue;
      if (!known.has(file) && !file.startsWith(toolchain)) unhashed.add(file);
    }
  }
  return [...unhashed].sort();
}

/** Files that line markers name, without system headers (flag 3), <built-in> and <command-line>. */
function filesRead(text: string): Set<string> {
  const files = new Set<string>();
  for (const [, file = "", flags = ""] of text.matchAll(/^# \d+ "([^"<\n]+)"((?: \d)*)$/gmu)) {
    if (!flags.includes("3") && !file.endsWith("/")) files.add(file);
  }
  return files;
}

function real(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
