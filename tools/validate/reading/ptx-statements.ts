import path from "node:path";
import type { SourceLocation } from "../../ptx/module.ts";
import { SourceLocations } from "../../ptx/source-locations.ts";

/** One instruction of PTX as text: reading needs no more, and stops at nothing that it does not know. */
export interface PtxStatement {
  /** "ld.global.v4.u32" */
  opcode: string;
  /** At commas outside of brackets; vectors stay whole. */
  operands: string[];
  location: SourceLocation | undefined;
}

export interface PtxFunction {
  /** Mangled. */
  name: string;
  /** False for a function that kernels call. */
  is_kernel: boolean;
  statements: PtxStatement[];
}

/** All kernels and device functions with their instructions. */
export function readPtxFunctions(ptx: string): PtxFunction[] {
  const locations = new SourceLocations(readFiles(ptx));
  const functions: PtxFunction[] = [];
  let location: SourceLocation | undefined;
  let pending = "";
  for (const line of ptx.split("\n")) {
    const text = withoutBraces(line);
    if (text.startsWith(".loc")) {
      const id = locations.read(text);
      location = id === undefined ? undefined : locations.all[id];
    } else if (text.startsWith(".")) {
      const start = /\.(?:entry|func)\s+(?:\([^)]*\)\s*)?([\w$]+)/u.exec(text);
      if (!start) continue;
      functions.push({ name: start[1] ?? "", is_kernel: text.includes(".entry"), statements: [] });
      location = undefined;
    } else if (text !== "") {
      pending = pending === "" ? text : `${pending} ${text}`;
      if (pending.endsWith(";")) {
        functions.at(-1)?.statements.push(...parseStatements(pending, location));
        pending = "";
      } else if (!/^(?:@!?%\w+\s+)?[a-z]/u.test(pending)) {
        // Parameter lists, labels and braces; a call goes on over several lines.
        pending = "";
      }
    }
  }
  return functions;
}

/**
 * "file:line" of a place: of the innermost file that is the candidate's own, so that a header of the
 * toolkit does not stand for the line that calls it. Undefined where none of them is.
 */
export function shownPlace(
  location: SourceLocation | undefined,
  own: readonly string[],
  root: string,
): string | undefined {
  for (let at = location; at; at = at.inlined_at) {
    const { file } = at;
    if (file === undefined) continue;
    const absolute = path.resolve(root, file);
    if (own.includes(absolute)) return `${path.relative(root, absolute)}:${at.line}`;
  }
  return undefined;
}

function parseStatements(text: string, location: SourceLocation | undefined): PtxStatement[] {
  return text.split(";").flatMap((one) => {
    const match = /^\s*(?:@!?%\w+\s+)?([a-z][\w.:]*)\s*([\s\S]*)$/u.exec(one);
    if (!match) return [];
    const [, opcode = "", rest = ""] = match;
    return { opcode, operands: splitOperands(rest), location };
  });
}

/** Of a line: comments, and the blocks and declarations that inline assembly brings along. */
function withoutBraces(line: string): string {
  const comment = line.indexOf("//");
  const text = (comment < 0 ? line : line.slice(0, comment)).trim();
  if (!text.startsWith("{") && !text.endsWith("}")) return text;
  return text
    .replace(/^\{/u, "")
    .replace(/;\s*\}$/u, ";")
    .trim()
    .replace(/^(?:\.reg\s[^;]*;\s*)+(?=\S)/u, "");
}

function splitOperands(text: string): string[] {
  if (!/[[{(]/u.test(text)) return text === "" ? [] : text.split(",").map((part) => part.trim());
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] ?? "";
    if ("[{(".includes(character)) depth += 1;
    else if ("]})".includes(character)) depth -= 1;
    else if (character === "," && depth === 0) {
      parts.push(text.slice(start, at).trim());
      start = at + 1;
    }
  }
  return [...parts, text.slice(start).trim()];
}

function readFiles(ptx: string): ReadonlyMap<number, string> {
  const found = ptx.matchAll(/^\s*\.file\s+(\d+)\s+"([^"]+)"/gmu);
  return new Map([...found].map(([, number, name]) => [Number(number), name ?? ""]));
}
