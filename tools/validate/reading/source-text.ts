import { readFileSync } from "node:fs";
import path from "node:path";

/** One of the candidate's own files, without comments; lines stay where they are. */
export interface SourceText {
  /** Relative to the candidate's root. */
  name: string;
  /** Absolute. */
  path: string;
  /** Comments blanked out. Strings are kept. */
  code: string;
}

/** Reads the candidate's files; one that is gone is left out. */
export function readSourceTexts(files: readonly string[], root: string): SourceText[] {
  return files.flatMap((file) => {
    try {
      const code = withoutComments(readFileSync(file, "utf8"));
      return { name: path.relative(root, file), path: file, code };
    } catch {
      return [];
    }
  });
}

/** "file:line" of the first place that matches, outside of comments. */
export function findInSources(sources: readonly SourceText[], what: RegExp): string | undefined {
  for (const { name, code } of sources) {
    const at = code.search(what);
    if (at >= 0) return `${name}:${lineAt(code, at)}`;
  }
  return undefined;
}

export function lineAt(text: string, at: number): number {
  let line = 1;
  for (let index = text.indexOf("\n"); index >= 0 && index < at; ) {
    line += 1;
    index = text.indexOf("\n", index + 1);
  }
  return line;
}

/** Comments as spaces, so that positions and lines stay. */
export function withoutComments(text: string): string {
  const token = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])'/gu;
  return text.replace(token, (found) =>
    found.startsWith("/") ? found.replace(/[^\n]/gu, " ") : found,
  );
}
