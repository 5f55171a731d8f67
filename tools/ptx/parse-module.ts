import { PtxError } from "./fault.ts";
import { parseInitialiser } from "./initialiser.ts";
import type {
  FunctionSource,
  ModuleVariable,
  ParsedModule,
  PtxKernel,
  PtxParam,
} from "./module.ts";

/** Bytes of a PTX type such as `u32`, `b8`, `f16x2`. */
export function typeBytes(type: string): number {
  const match = /^(?:[usbf]|bf)(\d+)(x2)?$/u.exec(type);
  if (!match) return 0;
  return (Number(match[1]) / 8) * (match[2] ? 2 : 1);
}

/** Reads the directives of a PTX file. Bodies are kept as text: a library has many kernels, a launch one. */
export function parsePtx(source: string): ParsedModule {
  const text = blankComments(source);
  const functions = new Map<string, FunctionSource>();
  const kernels = new Map<string, PtxKernel>();
  const variables = new Map<string, ModuleVariable>();
  const files = new Map<number, string>();
  let target = "";
  let position = 0;
  let line = 1;

  const fail = (what: string): never => {
    throw new PtxError("syntax", what, { line });
  };
  const advance = (end: number): string => {
    const part = text.slice(position, end);
    for (let i = part.indexOf("\n"); i >= 0; i = part.indexOf("\n", i + 1)) line++;
    position = end;
    return part;
  };
  const find = (what: string): number => {
    const at = text.indexOf(what, position);
    return at < 0 ? fail(`"${what}" is missing`) : at;
  };

  for (;;) {
    const start = /\S/gu;
    start.lastIndex = position;
    const found = start.exec(text);
    if (!found) break;
    advance(found.index);
    const word = /^[.\w$@]+/u.exec(text.slice(position, position + 64))?.[0] ?? "";
    if (word === ".version" || word === ".address_size" || word === ".loc") {
      advance(endOfLine(text, position));
    } else if (word === ".target") {
      target = (advance(endOfLine(text, position)).split(/[\s,]+/u)[1] ?? "").trim();
    } else if (word === ".file") {
      const match = /^\.file\s+(\d+)\s+"([^"]*)"/u.exec(advance(endOfLine(text, position)));
      if (match) files.set(Number(match[1]), match[2] ?? "");
    } else if (word === ".section") {
      advance(find("{"));
      advance(matchingBrace(text, position) + 1);
    } else if (word.startsWith("@@") || word === ".pragma" || word === ".alias") {
      advance(word.startsWith("@@") ? endOfLine(text, position) : find(";") + 1);
    } else if (word === "") {
      if (text[position] === ";") advance(position + 1);
      else fail(`unexpected "${text[position]}"`);
    } else {
      const header = headerEnd(text, position);
      if (header < 0) fail("a directive without an end");
      const head = text.slice(position, header);
      if (/\.(?:entry|func)\b/u.test(head)) {
        advance(header);
        let body: string | undefined;
        const bodyLine = line;
        if (text[position] === "{") {
          const close = matchingBrace(text, position);
          body = advance(close + 1).slice(1, -1);
        } else advance(header + 1);
        const fn = parseHeader(head, body, bodyLine);
        const known = functions.get(fn.name);
        if (!known?.body) functions.set(fn.name, fn);
      } else {
        const end = find(";");
        const at = line;
        const variable = parseVariable(advance(end + 1).slice(0, -1), at);
        if (variable) variables.set(variable.name, variable);
      }
    }
  }
  if (target === "") throw new PtxError("syntax", "no .target: this is not PTX", { line: 1 });
  for (const fn of functions.values()) {
    if (!fn.entry || fn.body === undefined) continue;
    kernels.set(fn.name, {
      name: fn.name,
      params: fn.params,
      static_shared_bytes: layoutShared(fn, functions, variables).bytes,
    });
  }
  return { target, kernels, functions, variables, files, addresses: layoutModule(variables) };
}

function blankComments(text: string): string {
  // The path of a `.file` may have two slashes in a row: strings stay as they are.
  return text.replace(/"[^"\n]*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//gu, (match) => {
    if (match.startsWith('"')) return match;
    return match.startsWith("//") ? "" : match.replace(/[^\n]/gu, " ");
  });
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

/** Where a function header or a variable declaration ends: at "{" or ";" outside of parentheses. */
function headerEnd(text: string, from: number): number {
  const match = /[{;]/gu;
  match.lastIndex = from;
  return match.exec(text)?.index ?? -1;
}

function matchingBrace(text: string, open: number): number {
  const brace = /[{}]|"[^"\n]*"/gu;
  brace.lastIndex = open;
  let depth = 0;
  for (let match = brace.exec(text); match; match = brace.exec(text)) {
    if (match[0] === "{") depth++;
    else if (match[0] === "}" && --depth === 0) return match.index;
  }
  return text.length;
}

function parseHeader(head: string, body: string | undefined, line: number): FunctionSource {
  const match =
    /\.(entry|func)\s*(?:\.noreturn\s*)?(?:\(([^)]*)\)\s*)?([\w$%.]+)\s*(?:\(([^)]*)\))?([\s\S]*)$/u.exec(
      head,
    );
  if (!match) throw new PtxError("syntax", `function header "${head.slice(0, 60)}"`, { line });
  const [, kind, returns, name = "", params, rest = ""] = match;
  const threads = /\.(?:reqntid|maxntid)\s+([\d,\s]+)/u.exec(rest)?.[1];
  return {
    name,
    entry: kind === "entry",
    params: parseParams(params ?? ""),
    returns: parseParams(returns ?? ""),
    body,
    line,
    ...(threads === undefined ? {} : { required_threads: threads.split(",").map(Number) }),
  };
}

function parseParams(text: string): PtxParam[] {
  const params: PtxParam[] = [];
  let offset = 0;
  for (const part of text.split(",")) {
    const declaration = parseDeclarator(part.trim());
    if (!declaration) continue;
    offset = alignUp(offset, declaration.align);
    const bytes = declaration.bytes ?? 0;
    params.push({ name: declaration.name, bytes, align: declaration.align, offset });
    offset += bytes;
  }
  return params;
}

/** `.shared .align 4 .b8 name[16]`, without an initialiser. `bytes` undefined: `name[]`. */
export function parseDeclarator(
  text: string,
): { name: string; bytes: number | undefined; align: number; type: string } | undefined {
  const match =
    /((?:\.[\w:]+\s+(?:\d+\s+)?)*)\.((?:[usbf]|bf)\d+(?:x2)?|pred)\s+((?:\.ptr\b[^%\w$]*)?(?:\.\w+\s*(?:\d+\s+)?)*)([%\w$]+)((?:\s*\[\s*\d*\s*\])*)\s*$/u.exec(
      text,
    );
  if (!match) return undefined;
  const [, before = "", type = "", , name = "", dimensions = ""] = match;
  const alignText = /\.align\s+(\d+)/u.exec(before)?.[1] ?? undefined;
  const vector = /\.v([24])\b/u.exec(before)?.[1];
  const element = typeBytes(type) * Number(vector ?? 1);
  const align = alignText === undefined ? Math.max(1, element) : Number(alignText);
  let bytes: number | undefined = element;
  for (const dimension of dimensions.match(/\[\s*\d*\s*\]/gu) ?? []) {
    const count = /\d+/u.exec(dimension)?.[0];
    bytes = count === undefined || bytes === undefined ? undefined : bytes * Number(count);
  }
  return { name, bytes, align, type };
}

function parseVariable(text: string, line: number): ModuleVariable | undefined {
  const space = /\.(global|const|shared)\b/u.exec(text)?.[1];
  if (space !== "global" && space !== "const" && space !== "shared") return undefined;
  const equals = text.indexOf("=");
  const declaration = parseDeclarator((equals < 0 ? text : text.slice(0, equals)).trim());
  if (!declaration) {
    throw new PtxError("unsupported", `declaration "${text.trim().slice(0, 80)}"`, { line });
  }
  const { name, align, type } = declaration;
  let { bytes } = declaration;
  if (equals < 0) return { name, space, bytes, align, initial: undefined, addresses: [], line };
  const initial = parseInitialiser(text.slice(equals + 1), typeBytes(type), type, bytes, line);
  bytes ??= initial.bytes.length;
  return { name, space, bytes, align, initial: initial.bytes, addresses: initial.addresses, line };
}

/** Places of the shared variables that a kernel uses; the dynamic ones begin where the fixed ones end. */
export function layoutShared(
  fn: FunctionSource,
  functions: ReadonlyMap<string, FunctionSource>,
  variables: ReadonlyMap<string, ModuleVariable>,
): { offsets: Map<string, number>; bytes: number; dynamicStart: number } {
  const offsets = new Map<string, number>();
  let bytes = 0;
  const place = (name: string, size: number, align: number): void => {
    if (offsets.has(name)) return;
    bytes = alignUp(bytes, align);
    offsets.set(name, bytes);
    bytes += size;
  };
  const seen = new Set<string>();
  const visit = (body: string): void => {
    for (const match of body.matchAll(/\.shared\s+\.[^;]*?;/gu)) {
      const declaration = parseDeclarator(match[0].slice(0, -1).trim());
      if (declaration?.bytes !== undefined) {
        place(declaration.name, declaration.bytes, declaration.align);
      }
    }
    if (!/\bcall\b/u.test(body)) return;
    for (const name of body.match(/[A-Za-z_$][\w$]*/gu) ?? []) {
      const callee = functions.get(name);
      if (callee?.body === undefined || seen.has(name)) continue;
      seen.add(name);
      visit(callee.body);
    }
  };
  visit(fn.body ?? "");
  const bodies = [fn.body ?? "", ...[...seen].map((name) => functions.get(name)?.body ?? "")];
  let dynamicAlign = 16;
  for (const variable of variables.values()) {
    if (variable.space !== "shared" || !bodies.some((body) => body.includes(variable.name)))
      continue;
    if (variable.bytes !== undefined) place(variable.name, variable.bytes, variable.align);
    else dynamicAlign = Math.max(dynamicAlign, variable.align);
  }
  const dynamicStart = alignUp(bytes, dynamicAlign);
  for (const variable of variables.values()) {
    if (variable.space === "shared" && variable.bytes === undefined) {
      offsets.set(variable.name, dynamicStart);
    }
  }
  return { offsets, bytes, dynamicStart };
}

/** Module variables lie in one window, 256 bytes apart at least. */
function layoutModule(variables: ReadonlyMap<string, ModuleVariable>): Map<string, number> {
  const addresses = new Map<string, number>();
  let next = 0x10000;
  for (const variable of variables.values()) {
    if (variable.space === "shared") continue;
    next = alignUp(next, Math.max(256, variable.align));
    addresses.set(variable.name, next);
    next += (variable.bytes ?? 0) + 256;
  }
  return addresses;
}

export function alignUp(value: number, align: number): number {
  return Math.ceil(value / align) * align;
}
