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
import { ToolError } from "../errors.ts";
import { judgeDigest } from "./judge-digest.ts";
import type { CaseOutcome } from "./outcome.ts";
import type { WorkItem } from "./work.ts";

/** Builds whose outcomes are kept, those used last: 10 to 20 MB. */
const keptBuilds = 256;

/**
 * Outcomes of work items by content, one JSON object a line, appended as each item ends: an interrupted
 * validation resumes, a repeated one is read. The content is what is under test (`subject`), the
 * item, and Kernelwright's own code: after a change of ours nothing old is believed.
 */
export class OutcomeStore {
  readonly #file: string;
  readonly #known = new Map<string, CaseOutcome>();

  /**
   * `cache`: the user's cache, not the project: who hands over a kernel must not be able to hand
   * over its outcomes. `subject`: build, device and entry point, as data.
   * Lines that do not parse (a torn write) are passed over. Of two lines for a case the first holds.
   */
  constructor(cache: string, subject: unknown) {
    const folder = path.join(cache, "outcomes");
    this.#file = path.join(folder, `${digest([subject, judgeDigest()])}.jsonl`);
    mkdirSync(folder, { recursive: true });
    const text = existsSync(this.#file) ? readFileSync(this.#file, "utf8") : "";
    if (text === "") prune(folder);
    // What follows a torn line must not be torn with it.
    else if (!text.endsWith("\n")) this.#append("\n");
    for (const line of text.split("\n")) {
      const entry = parseLine(line);
      if (entry && !this.#known.has(entry.key)) this.#known.set(entry.key, entry.outcome);
    }
  }

  find(item: WorkItem): CaseOutcome | undefined {
    return this.#known.get(digest(item));
  }

  /**
   * Keeps an outcome. One that could not be recorded or executed is not kept, nor one that a busy
   * GPU may have caused: the reason may be gone next time. Throws disk_full.
   */
  add(item: WorkItem, outcome: CaseOutcome): void {
    if (outcome.state === "not_recorded" || outcome.state === "not_executed") return;
    if (outcome.state === "faulted" && passing.includes(outcome.fault.kind)) return;
    this.#append(`${JSON.stringify({ key: digest(item), outcome }, encodeNumber)}\n`);
  }

  #append(text: string): void {
    try {
      appendFileSync(this.#file, text);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ENOSPC" && code !== "EDQUOT") throw error;
      throw new ToolError(
        "disk_full",
        `There is no space left for outcomes in ${path.dirname(this.#file)}.`,
        "Free disk space, for example with: kernelwright clean. Then make the same call again.",
        { cause: error },
      );
    }
  }
}

/** Faults of the GPU's clock and driver. The interpreter has an instruction budget in their place. */
const passing = ["timed_out", "launch_failed"];

function digest(content: unknown): string {
  return createHash("sha256").update(JSON.stringify(content)).digest("hex").slice(0, 20);
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
    .map((file) => ({ file, used: lastUse(file) }))
    .sort((a, b) => b.used - a.used);
  // One more is about to be made.
  for (const { file } of files.slice(keptBuilds - 1)) rmSync(file, { force: true });
}

/** Another process may have removed it in the meantime. */
function lastUse(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
