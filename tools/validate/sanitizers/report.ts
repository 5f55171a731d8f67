import type { FaultReport } from "../outcome.ts";
import type { SanitizerTool } from "./command.ts";
import { findElement, parseXml, type XmlElement } from "./xml.ts";

/** What a sanitizer holds against a kernel, in the words of the interpreter's findings. */
export interface SanitizerFinding extends FaultReport {
  tool: SanitizerTool;
  /** Warnings: races inside of a warp, which may be meant. */
  level: "error" | "warning";
  kind: SanitizerKind;
  /** The kernel that was launched; where that is not known, the function that the sanitizer names. */
  kernel: string;
  /** Records of this kind at this line: one a thread, up to a limit, or one a pair of lines for races. */
  times: number;
  thread?: [number, number, number];
  block?: [number, number, number];
  /** Of a race: the other access. */
  other?: { source_file?: string; source_line?: number };
}

export const sanitizerKinds = [
  "out_of_bounds",
  "misaligned",
  "shared_race",
  "intra_warp_race",
  "uninitialised_global",
  "divergent_barrier",
  "missing_lanes",
  "trap",
  /** Something that this list does not know; its message is the sanitizer's own. */
  "sanitizer_error",
] as const;

export type SanitizerKind = (typeof sanitizerKinds)[number];

/**
 * The findings of one record each, in the order of the report: `compute-sanitizer --xml --save`.
 * A report that was cut off gives the records that are whole.
 */
export function readReport(xml: string, tool: SanitizerTool): SanitizerFinding[] {
  return allRecords(parseXml(xml)).map((record) => readRecord(record, tool));
}

/** How many records are in the sanitizer's log so far: it grows as they are found, the report does not. */
export function countRecords(log: string): { records: number; errors: number } {
  const heads = (log.match(/^========= \S.*$/gmu) ?? []).filter((head) => {
    const words = head.slice("========= ".length);
    // "Error:" and "Warning:" stand before races and before what the tool says of itself.
    if (/^(?:Error|Warning): /u.test(words)) return /^\w+: Race reported/u.test(words);
    return !/^(?:COMPUTE-SANITIZER|[A-Z]+ SUMMARY|Target application|Internal )/u.test(words);
  });
  const warnings = heads.filter((head) => head.startsWith("========= Warning: "));
  return { records: heads.length, errors: heads.length - warnings.length };
}

/** Findings of the same kind at the same lines become one. */
export function mergeFindings(findings: readonly SanitizerFinding[]): SanitizerFinding[] {
  const merged = new Map<string, SanitizerFinding>();
  for (const one of findings) {
    const { tool, level, kind, kernel, source_file, source_line, other } = one;
    const key = JSON.stringify([tool, level, kind, kernel, source_file, source_line, other]);
    const known = merged.get(key);
    if (known) known.times += one.times;
    else merged.set(key, { ...one });
  }
  return [...merged.values()];
}

function allRecords(elements: readonly XmlElement[]): XmlElement[] {
  return elements.flatMap((one) => (one.name === "record" ? [one] : allRecords(one.children)));
}

function readRecord(record: XmlElement, tool: SanitizerTool): SanitizerFinding {
  const text = (...path: string[]): string =>
    findElement(record.children, ...path)?.text.trim() ?? "";
  const race = findElement(record.children, "what", "source") !== undefined;
  const place = placeOf(race ? at(record, "what", "source") : record.children);
  const level = text("level") === "Warning" ? "warning" : "error";
  const words = text("what", "text") || text("what", "exception") || `${tool} reports an error`;
  const type = text("what", "type");
  const kind = kindOf(words, type, level, race);
  const finding: SanitizerFinding = {
    tool,
    level,
    kind,
    kernel: place.function,
    times: Number(text("what", "destination", "count")) || 1,
    message: "",
    ...sourceOf(place),
    ...indices(record, "threadIdx", "thread"),
    ...indices(record, "blockIdx", "block"),
  };
  if (race) {
    const from = placeOf(at(record, "what", "destination"));
    finding.other = sourceOf(from);
    const [first, second] = [
      text("what", "source", "direction"),
      text("what", "destination", "direction"),
    ].map((word) => word.toLowerCase());
    const where = level === "warning" ? "inside a warp" : "across warps";
    finding.message = `${tool}: ${first} in ${place.function}${shown(place)} races ${where} with the ${second} at${shown(from).replace(" at", "")}, both in shared memory (${finding.times} hazards)`;
  } else {
    const detail = type ? `${words}: ${type}` : words;
    finding.message = `${tool}: ${detail} in ${place.function}${shown(place)}${who(finding)}`;
  }
  return finding;
}

function kindOf(
  words: string,
  type: string,
  level: "error" | "warning",
  race: boolean,
): SanitizerKind {
  if (race) return level === "warning" ? "intra_warp_race" : "shared_race";
  if (/misaligned/u.test(words)) return "misaligned";
  if (/out of bounds|^Invalid __\w+__/u.test(words)) return "out_of_bounds";
  if (/^Uninitialized/u.test(words)) return "uninitialised_global";
  if (/^Barrier error/u.test(words)) {
    return /Divergent/u.test(type) ? "divergent_barrier" : "missing_lanes";
  }
  if (/trap|assert|illegal instruction/iu.test(words)) return "trap";
  return "sanitizer_error";
}

interface Place {
  function: string;
  file?: string;
  line?: number;
}

/** Headers of the toolkit, whose lines say less than the user's own that called them. */
const toolkitHeader =
  /(?:^|[/\\])(?:cuda_\w+|sm_\d+\w*|device_\w+|math_functions|crt[/\\][^/\\]+)\.(?:h|hpp|cuh)$|[/\\](?:cub|cooperative_groups)[/\\]/u;

/** The place itself, or the nearest frame around it that is not in a header of the toolkit. */
function placeOf(within: readonly XmlElement[]): Place {
  const frames = [
    findElement(within, "where"),
    ...(findElement(within, "deviceStack")?.children ?? []),
  ].filter((one): one is XmlElement => one !== undefined);
  const places = frames.map(readPlace);
  const own = places.find(({ file }) => file !== undefined && !toolkitHeader.test(file));
  return own ?? places[0] ?? { function: "?" };
}

function readPlace(frame: XmlElement): Place {
  const text = (name: string) => findElement(frame.children, name)?.text.trim() ?? "";
  const line = Number(text("line"));
  return {
    function: text("func") || "?",
    ...(text("path") && { file: text("path") }),
    ...(line > 0 && { line }),
  };
}

function sourceOf(place: Place): { source_file?: string; source_line?: number } {
  return {
    ...(place.file !== undefined && { source_file: place.file }),
    ...(place.line !== undefined && { source_line: place.line }),
  };
}

function at(record: XmlElement, ...path: string[]): readonly XmlElement[] {
  return findElement(record.children, ...path)?.children ?? [];
}

function indices<Name extends string>(
  record: XmlElement,
  element: string,
  name: Name,
): Partial<Record<Name, [number, number, number]>> {
  const found = findElement(record.children, "who", element);
  if (!found) return {};
  const [x = 0, y = 0, z = 0] = ["x", "y", "z"].map((axis) =>
    Number(findElement(found.children, axis)?.text ?? 0),
  );
  return { [name]: [x, y, z] } as Partial<Record<Name, [number, number, number]>>;
}

function shown(place: Place): string {
  return place.file === undefined ? "" : ` at ${place.file}:${place.line ?? "?"}`;
}

function who({ thread, block }: SanitizerFinding): string {
  if (!thread || !block) return "";
  return `, thread (${thread.join(",")}) of block (${block.join(",")})`;
}
