import { createHash } from "node:crypto";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from "node:fs";
import path from "node:path";
import type { KernelCase } from "../kernel/cases.ts";
import type { CaseOutcome } from "./outcome.ts";

/** Raised whenever a measurement or what it is made from changes meaning: old outcomes are then not used. */
const judgeVersion = 1;

/** Builds whose outcomes a project keeps. */
const keptBuilds = 24;

/**
 * Outcomes of cases by content (build, device, case), one JSON object a line, appended as each
 * case ends: an interrupted validation resumes, a repeated one is read.
 */
export class OutcomeStore {
  readonly #file: string;
  readonly #known = new Map<string, CaseOutcome>();

  /** `root`: the candidate's folder. Lines that do not parse (a torn write) are passed over. */
  constructor(root: string, buildId: string, device: string) {
    const folder = path.join(root, ".kernelwright", "outcomes");
    this.#file = path.join(folder, `${buildId}-${device}-${judgeVersion}.jsonl`);
    mkdirSync(folder, { recursive: true });
    if (!existsSync(this.#file)) prune(folder);
    const text = existsSync(this.#file) ? readFileSync(this.#file, "utf8") : "";
    for (const line of text.split("\n")) {
      const entry = parseLine(line);
      if (entry) this.#known.set(entry.key, entry.outcome);
    }
  }

  find(one: KernelCase): CaseOutcome | undefined {
    return this.#known.get(keyOf(one));
  }

  /** A case that could not be recorded or executed is not kept: the reason may be gone next time. */
  add(one: KernelCase, outcome: CaseOutcome): void {
    if (outcome.state === "not_recorded" || outcome.state === "not_executed") return;
    const line = JSON.stringify({ key: keyOf(one), outcome }, encodeNumber);
    appendFileSync(this.#file, `${line}\n`);
  }
}

function keyOf(one: KernelCase): string {
  return createHash("sha256").update(JSON.stringify(one)).digest("hex").slice(0, 20);
}

function parseLine(line: string): { key: string; outcome: CaseOutcome } | undefined {
  if (!line.endsWith("}")) return undefined;
  try {
    return JSON.parse(line, decodeNumber);
  } catch {
    return undefined;
  }
}

/** JSON has neither NaN nor infinities nor -0; expected and got values may be any of them. */
function encodeNumber(_key: string, value: unknown): unknown {
  if (typeof value !== "number") return value;
  return Number.isFinite(value) && !Object.is(value, -0)
    ? value
    : `#${Object.is(value, -0) ? "-0" : value}`;
}

function decodeNumber(_key: string, value: unknown): unknown {
  return typeof value === "string" && /^#(?:NaN|-?Infinity|-0)$/u.test(value)
    ? Number(value.slice(1))
    : value;
}

function prune(folder: string): void {
  const files = readdirSync(folder)
    .map((name) => path.join(folder, name))
    .map((file) => ({ file, used: statSync(file).mtimeMs }))
    .sort((a, b) => b.used - a.used);
  for (const { file } of files.slice(keptBuilds)) rmSync(file, { force: true });
}
