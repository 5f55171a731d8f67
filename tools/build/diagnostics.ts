import { readFile } from "node:fs/promises";
import path from "node:path";
import { hintFor } from "./hints.ts";
import { parseOutput, type RawDiagnostic } from "./parse-output.ts";
import { locateInSource } from "./ptx-location.ts";

/** One thing that a compiler, assembler or linker said about the sources. */
export interface Diagnostic {
  severity: "error" | "warning";
  message: string;
  /** Relative to the source's root where it lies inside. */
  file?: string;
  line?: number;
  column?: number;
  /** The line with its neighbours, numbered; ">" marks it. */
  excerpt?: string;
  /** What to do, for messages that are known. */
  hint?: string;
  /** Where templates were instantiated from, and what did not match: a few, the rest counted. */
  notes?: string[];
  /** For which it was said. */
  archs: string[];
}

const notesShown = 3;
const excerptColumns = 160;

export interface DiagnosedCompilation {
  arch: string;
  /** The folder that the compiler ran in. */
  root: string;
  /** Where nvcc kept the PTX that ptxas speaks of. */
  keep_folder: string;
  /** Readable names by mangled name. */
  demangle(names: string[]): Promise<ReadonlyMap<string, string>>;
}

/** All diagnostics in one compiler's output, in its order. */
export async function readDiagnostics(
  output: string,
  compilation: DiagnosedCompilation,
): Promise<Diagnostic[]> {
  const diagnostics: Diagnostic[] = [];
  for (const raw of parseOutput(output)) {
    const located = await locateInSource(raw, compilation.keep_folder);
    diagnostics.push(await withSource(located, compilation));
  }
  return mergeDiagnostics(await withReadableNames(diagnostics, compilation));
}

/** ptxas and the linker know mangled names only. */
async function withReadableNames(
  diagnostics: Diagnostic[],
  { demangle }: DiagnosedCompilation,
): Promise<Diagnostic[]> {
  const mangled = /\b_Z\w+/gu;
  const names = diagnostics.flatMap((one) => one.message.match(mangled) ?? []);
  if (names.length === 0) return diagnostics;
  const readable = await demangle([...new Set(names)]);
  const message = (text: string) => text.replace(mangled, (name) => readable.get(name) ?? name);
  return diagnostics.map((one) => ({ ...one, message: message(one.message) }));
}

/**
 * Errors first; each message once for its place, with all the archs that it was said for. The same
 * line is compiled for host and device and in each instantiation, and says the same each time.
 */
export function mergeDiagnostics(all: readonly Diagnostic[]): Diagnostic[] {
  const merged = new Map<string, Diagnostic>();
  for (const one of all) {
    const key = JSON.stringify([one.severity, one.file, one.line, plainMessage(one.message)]);
    const known = merged.get(key);
    if (known) known.archs = [...new Set([...known.archs, ...one.archs])];
    else merged.set(key, { ...one, archs: [...one.archs] });
  }
  const severities = ["error", "warning"];
  return [...merged.values()].sort(
    (a, b) => severities.indexOf(a.severity) - severities.indexOf(b.severity),
  );
}

/** ptxas names the arch in some messages. */
function plainMessage(message: string): string {
  return message.replace(/\bsm_\d+[af]?\b/gu, "sm");
}

async function withSource(
  raw: RawDiagnostic,
  { arch, root }: DiagnosedCompilation,
): Promise<Diagnostic> {
  const diagnostic: Diagnostic = { severity: raw.severity, message: raw.message, archs: [arch] };
  if (raw.file !== undefined) {
    diagnostic.file = shownFile(raw.file, root);
    if (raw.line !== undefined) diagnostic.line = raw.line;
    const lines = await readLines(path.resolve(root, raw.file));
    const column = raw.column ?? columnInSource(raw, lines);
    if (column !== undefined) diagnostic.column = column;
    const excerpt = excerptOf(lines, raw.line);
    if (excerpt) diagnostic.excerpt = excerpt;
  }
  const hint = hintFor([raw.message, ...raw.notes].join("\n"));
  if (hint) diagnostic.hint = hint;
  if (raw.notes.length > 0) diagnostic.notes = fold(raw.notes);
  return diagnostic;
}

function shownFile(file: string, root: string): string {
  const relative = path.relative(root, path.resolve(root, file));
  return relative.startsWith("..") ? path.resolve(root, file) : relative;
}

async function readLines(file: string): Promise<string[]> {
  return (await readFile(file, "utf8").catch(() => "")).split(/\r?\n/u);
}

/**
 * EDG points into the line as it was preprocessed: `__global__` has become an attribute there.
 * Only where it is the line of the source is its column one of the source.
 */
function columnInSource(raw: RawDiagnostic, lines: readonly string[]): number | undefined {
  if (!raw.pointed || raw.line === undefined) return undefined;
  const inSource = lines[raw.line - 1] ?? "";
  if (inSource.trim() !== raw.pointed.text.trim()) return undefined;
  const indent = (text: string) => text.length - text.trimStart().length;
  return raw.pointed.column - indent(raw.pointed.text) + indent(inSource);
}

function excerptOf(lines: readonly string[], line: number | undefined): string {
  if (line === undefined || line < 1 || line > lines.length) return "";
  const shown: string[] = [];
  for (let at = Math.max(1, line - 1); at <= Math.min(lines.length, line + 1); at += 1) {
    const text = (lines[at - 1] ?? "").slice(0, excerptColumns);
    if (at === lines.length && text === "") continue;
    shown.push(`${at === line ? ">" : " "} ${at} | ${text}`.trimEnd());
  }
  return shown.join("\n");
}

function fold(notes: readonly string[]): string[] {
  const distinct = [...new Set(notes)];
  if (distinct.length <= notesShown + 1) return distinct;
  return [...distinct.slice(0, notesShown), `and ${distinct.length - notesShown} more`];
}
