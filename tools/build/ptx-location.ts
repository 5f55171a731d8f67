import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import type { RawDiagnostic } from "./parse-output.ts";

/**
 * The same diagnostic with the source line that its PTX line, or its kernel, was compiled from.
 * ptxas speaks of lines of a file that nobody keeps.
 */
export async function locateInSource(
  raw: RawDiagnostic,
  keepFolder: string,
): Promise<RawDiagnostic> {
  if (raw.ptx_line === undefined && raw.ptx_entry === undefined) return raw;
  const lines = await readKeptPtx(keepFolder);
  const place =
    raw.ptx_line === undefined
      ? placeOfEntry(lines, raw.ptx_entry ?? "")
      : placeBefore(lines, raw.ptx_line);
  const notes = [...raw.notes];
  const instruction = raw.ptx_line === undefined ? undefined : lines[raw.ptx_line - 1]?.trim();
  if (instruction) notes.push(`in the PTX: ${instruction}`);
  return { ...raw, ...place, notes };
}

async function readKeptPtx(keepFolder: string): Promise<string[]> {
  const names = await readdir(keepFolder).catch(() => []);
  const ptx = names.find((name) => name.endsWith(".ptx"));
  return ptx ? (await readFile(path.join(keepFolder, ptx), "latin1")).split("\n") : [];
}

function placeBefore(lines: readonly string[], ptxLine: number): { file?: string; line?: number } {
  for (let at = Math.min(ptxLine, lines.length) - 1; at >= 0; at -= 1) {
    const place = placeIn(lines, at);
    if (place) return place;
    if (/^\s*\.(?:visible |weak )?\.?(?:entry|func)\b/u.test(lines[at] ?? "")) break;
  }
  return {};
}

function placeOfEntry(lines: readonly string[], entry: string): { file?: string; line?: number } {
  const start = lines.findIndex((line) => line.includes(`${entry}(`));
  for (let at = start; at >= 0 && at < lines.length; at += 1) {
    const place = placeIn(lines, at);
    if (place) return place;
    if (lines[at]?.startsWith("}")) break;
  }
  return {};
}

/** ".loc 1 8 0, function_name ..., inlined_at 1 12 3": file 1, line 8. */
function placeIn(lines: readonly string[], at: number): { file: string; line: number } | undefined {
  const [, number, line] = /^\s*\.loc\s+(\d+)\s+(\d+)/u.exec(lines[at] ?? "") ?? [];
  if (number === undefined || Number(line) === 0) return undefined;
  for (const text of lines) {
    const [, index, file] = /^\s*\.file\s+(\d+)\s+"([^"]+)"/u.exec(text) ?? [];
    if (index === number && file !== undefined) return { file, line: Number(line) };
  }
  return undefined;
}
