import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { buildWarningCodes } from "../../tools/build/warnings.ts";
import { errorCodes } from "../../tools/errors.ts";
import { sectionsOf } from "./markdown.ts";

const references = path.resolve("skills/rmsnorm-kernels/references");
const variants = path.resolve("cuda-templates/rmsnorm/rmsnorm_cuda");
const names = readdirSync(references);

test("numbers of hardware and of measurements are dated, and say where they come from", () => {
  for (const name of names) expect(undated(read(name)), name).toEqual([]);
});

test("the check of numbers rejects one without date, and one without source", () => {
  expect(undated("## Speed\nAn H100 copies 3000 GB/s (measured).")).toEqual(["Speed"]);
  expect(undated("## Speed\nAn H100 copies 3000 GB/s, 2026-11-22.")).toEqual(["Speed"]);
  expect(undated("## Speed\nAn H100 copies 3000 GB/s (measured 2026-11-22).")).toEqual([]);
});

/** Sections with a number of hardware or of a measurement, and without date or source. */
function undated(text: string): string[] {
  const number =
    /\d[\d,.]* ?(?:[GT]B\/s|[KMG]i?B\b|µs|us\b|ms\b|microseconds|SMs\b|registers\b|threads per SM)|sm_\d+ \(/u;
  const source = /measured|simulated|compiled by|by trial|estimate|read in the sources|datasheet/iu;
  return sectionsOf(text)
    .filter((part) => number.test(part.text) || /\d %/u.test(part.text))
    .filter((part) => !/\b20\d\d-\d\d-\d\d\b/u.test(part.text) || !source.test(part.text))
    .map((part) => part.heading);
}

test("troubleshooting has every error code, every build warning, and no other", () => {
  const text = read("troubleshooting.md");
  const [, refused = ""] = /## A call was refused\n([\s\S]*?)\n## /u.exec(text) ?? [];
  const [, warned = ""] = /## It compiles with a warning\n([\s\S]*?)\n## /u.exec(text) ?? [];
  expect(firstCells(refused).toSorted()).toEqual([...errorCodes].toSorted());
  expect(firstCells(warned)).toEqual([...buildWarningCodes]);
});

/** The codes in the first column of a table; a cell may hold several. */
function firstCells(table: string): string[] {
  return [...table.matchAll(/^\| (?<cell>`[^|]+) \|/gmu)].flatMap((row) =>
    [...(row.groups?.cell ?? "").matchAll(/`([^`]+)`/gu)].map(([, code = ""]) => code),
  );
}

test("the ladder is that of the template, in its order and with its widths", () => {
  const table = firstCells(/## The ladder[\s\S]*?\n## /u.exec(read("design.md"))?.[0] ?? "");
  const files = readdirSync(variants).map((name) => path.basename(name, ".cuh"));
  expect(table.filter((variant) => !files.includes(variant))).toEqual([]);
  const launch = readFileSync(path.join(variants, "launch.cuh"), "utf8");
  const kernels = [...launch.matchAll(/\brmsnorm_(\w+)<T/gu)].map(([, name]) => name);
  expect(table).toEqual([...new Set(kernels)]);

  const perLane = constant("warp_per_row.cuh", /kVectorsPerLane = (\d+)/u);
  const perBlock = constant("row_in_registers.cuh", /kBlockVectors = (\d+)/u);
  expect(widthOf("several_rows_per_warp")).toBe(32);
  expect(widthOf("warp_per_row")).toBe(32 * perLane);
  expect(widthOf("row_in_registers")).toBe(perBlock);
});

function widthOf(variant: string): number {
  return Number(
    new RegExp(`\`${variant}\` \\| up to (\\d+) vectors`, "u").exec(read("design.md"))?.[1],
  );
}

function constant(file: string, pattern: RegExp): number {
  return Number(pattern.exec(readFileSync(path.join(variants, file), "utf8"))?.[1]);
}

test("every word in snake_case that is set as code occurs in the sources", () => {
  const sources = ["tools", "cuda-templates"].map(textBelow).join("\n");
  for (const name of names) {
    const words = (read(name).match(/`[a-z]+(?:_[a-z0-9]+)+`/gu) ?? []).map((word) =>
      word.slice(1, -1),
    );
    const unknown = words.filter((word) => !foreign.has(word) && !sources.includes(word));
    expect(unknown, name).toEqual([]);
  }
});

/** Words of other projects. */
const foreign: ReadonlySet<string> = new Set(["variance_epsilon"]);

function textBelow(folder: string): string {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.(?:ts|cuh?|yaml|c|h)$/u.test(entry.name))
    .map((entry) => readFileSync(path.join(entry.parentPath, entry.name), "utf8"))
    .join("\n");
}

function read(name: string): string {
  return readFileSync(path.join(references, name), "utf8");
}
