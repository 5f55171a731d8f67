/** A message as a tool printed it, before the sources are looked at. */
export interface RawDiagnostic {
  severity: "error" | "warning";
  message: string;
  file?: string;
  line?: number;
  /** From 1, where the tool says it. */
  column?: number;
  /** The line as the tool printed it, and the column (from 1) in it that it points at. */
  pointed?: { text: string; column: number };
  /** A line of the PTX instead of one of a source: ptxas knows no other. */
  ptx_line?: number;
  /** The kernel that the message is about, mangled. */
  ptx_entry?: string;
  notes: string[];
}

/** Reads what nvcc and the programs it runs print: cudafe++ and cicc, ptxas, gcc or clang, as, ld. */
export function parseOutput(output: string): RawDiagnostic[] {
  const parser = new OutputParser();
  for (const line of output.split(/\r?\n/u)) parser.read(line);
  return withoutConsequences(parser.found);
}

const edg =
  /^(?<file>[^\s(][^(]*)\((?<line>\d+)\): (?:catastrophic |internal )?(?<kind>error|warning|note|remark)(?: #\d+(?:-D)?)?: (?<message>.*)$/u;
const gcc =
  /^(?<file>[^\s:][^:]*):(?<line>\d+):(?:(?<column>\d+):)? (?<kind>fatal error|error|warning|note|Error|Warning|Fatal error): (?<message>.*)$/u;
const ptxas =
  /^ptxas (?:(?<file>\S.*?), line (?<line>\d+); )?(?<kind>fatal|error|warning)\s*: (?<message>.*)$/u;
const driver =
  /^(?:nvcc|nvlink|cudafe\+\+|cicc|fatbinary|gcc|g\+\+|clang\+\+|cc1plus|collect2|as)(?:\s|:\s)+(?<kind>fatal error|fatal|error|warning)\s*: (?<message>.*)$/u;
const linker = /^(?:\S*\/)?ld(?:\.\w+)?: (?<message>.*)$/u;
const linkerPlace = /^\S+:\(\.text[^)]*\): (?<message>undefined reference to .*)$/u;

/** The class has a lifetime: one output, read line by line; what follows a message belongs to it. */
class OutputParser {
  readonly found: RawDiagnostic[] = [];
  private current: RawDiagnostic | undefined;
  private lastText = "";
  /** A note is not pointed at: its source lines are skipped. */
  private inNote = false;

  read(line: string): void {
    if (this.start(line)) return;
    if (line.trim() === "") this.inNote = false;
    else if (this.current) this.continue(line, this.current);
  }

  private start(line: string): boolean {
    const groups = [edg, gcc, ptxas, driver].map((pattern) => pattern.exec(line)?.groups);
    const [fromEdg, fromGcc, fromPtxas, fromDriver] = groups;
    const from = fromEdg ?? fromGcc ?? fromPtxas ?? fromDriver ?? linkerGroups(line);
    if (from === undefined) return /^(?:ptxas info|Remark:|compilation terminated)/u.test(line);
    this.inNote = from.kind === "note" || from.kind === "remark";
    this.lastText = "";
    if (this.inNote) {
      this.current?.notes.push(`${from.message} (${from.file}:${from.line})`);
      return true;
    }
    const severity = from.kind?.toLowerCase() === "warning" ? "warning" : "error";
    this.current = { severity, message: from.message ?? "", notes: [] };
    if (fromPtxas) placeInPtx(this.current, from);
    else if (from.file !== undefined) placeInSource(this.current, from);
    this.found.push(this.current);
    return true;
  }

  private continue(line: string, current: RawDiagnostic): void {
    const context =
      /^\s+(?:detected during:? ?)?(instantiation of .*|\[ \d+ instantiation .*)$/u.exec(line);
    const pointer = /^(?<indent>\s*(?:\d* ?\| )?\s*)\^[~^\s]*$/u.exec(line);
    if (context) current.notes.push(context[1] ?? "");
    else if (pointer && !this.inNote && current.column === undefined && this.lastText) {
      const column = (pointer.groups?.indent?.length ?? 0) + 1;
      current.pointed ??= { text: this.lastText, column };
    } else if (/^\s+(?:operand|argument|object) types? (?:are|is): /u.test(line) && !this.inNote) {
      current.message += `; ${line.trim()}`;
    }
    this.lastText = line;
  }
}

function linkerGroups(line: string): Record<string, string> | undefined {
  const message = (linker.exec(line) ?? linkerPlace.exec(line))?.groups?.message;
  if (message === undefined || /: in function /u.test(message)) return undefined;
  const plain = message.replace(/^\S+\.(?:o|cpp):(?:\(\.text[^)]*\):)? /u, "");
  return { kind: /^warning: /u.test(plain) ? "warning" : "error", message: plain };
}

function placeInSource(diagnostic: RawDiagnostic, from: Record<string, string | undefined>): void {
  diagnostic.file = from.file ?? "";
  diagnostic.line = Number(from.line);
  if (from.column !== undefined) diagnostic.column = Number(from.column);
}

function placeInPtx(diagnostic: RawDiagnostic, from: Record<string, string | undefined>): void {
  if (from.line !== undefined) diagnostic.ptx_line = Number(from.line);
  const entry = /(?:[Ee]ntry(?: function)?|function) '?(_Z\w+)'?/u.exec(diagnostic.message)?.[1];
  if (entry !== undefined) diagnostic.ptx_entry = entry;
}

/** "aborted due to errors" and "ld returned 1" say nothing where an error before them does. */
function withoutConsequences(found: readonly RawDiagnostic[]): RawDiagnostic[] {
  const consequence =
    /^(?:Ptx assembly aborted due to errors|ld returned \d+ exit status|final link failed.*)$/u;
  const telling = found.filter((one) => !consequence.test(one.message));
  return telling.some((one) => one.severity === "error") ? telling : [...found];
}
