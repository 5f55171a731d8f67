import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { tools } from "../tools/index.ts";
import { benchmarkTables } from "./docs/benchmarks.ts";
import { cheatPage } from "./docs/cheat-table.ts";
import { startOutput, testOutput, withoutMachine } from "./docs/recorded.ts";
import { caseTable, limitTable, mutantTable, reasonsPage, toolTable } from "./docs/sections.ts";
import { splice } from "./docs/splice.ts";
import { linksOf } from "./skill/markdown.ts";
import { unknownNames } from "./skill/names.ts";

const recordings = path.resolve("test/fixtures/docs");

// `npm run docs` is this file with -u: what writes the generated parts is what checks them.
describe("generated parts", () => {
  test("README.md has the tools, the case list, the mutants and the measured times as they are", async () => {
    let text = read("README.md");
    text = splice(text, "start-output", startOutput(path.join(recordings, "start.txt")));
    text = splice(text, "test-output", testOutput(path.join(recordings, "test.txt")));
    text = splice(text, "tools", toolTable(tools));
    text = splice(text, "cases", caseTable());
    text = splice(text, "mutants", mutantTable());
    text = splice(text, "times", benchmarkTables(path.resolve("test/bench/results")));
    await expect(text).toMatchFileSnapshot(path.resolve("README.md"));
  });

  test("numerics.md has the limits of the judge", async () => {
    const file = path.resolve("skills/rmsnorm-kernels/references/numerics.md");
    const text = splice(read(file), "limits", limitTable());
    await expect(text).toMatchFileSnapshot(file);
  });

  test("reasons.md has every reason with its fix", async () => {
    const file = path.resolve("skills/rmsnorm-kernels/references/reasons.md");
    await expect(reasonsPage()).toMatchFileSnapshot(file);
  });

  test("the cheats' page says which check rejects which, as the committed results have it", async () => {
    const file = path.resolve("test/cheats/README.md");
    await expect(cheatPage()).toMatchFileSnapshot(file);
  });

  test("a page without the markers is refused, not left as it is", () => {
    expect(() => splice("# Title\n", "tools", "| a |")).toThrow('no section "tools"');
    expect(splice("<!-- a: why -->\nold\n<!-- /a -->", "a", "new")).toBe(
      "<!-- a: why -->\nnew\n<!-- /a -->",
    );
  });
});

test("a result file becomes a table under its device, versions, date and command", () => {
  const rows = [{ name: "edit to built", median: 1802.31, low: 1771, high: 1850.5, unit: "ms" }];
  const result = {
    machine: "2 cores",
    versions: { Node: "20.20.2" },
    date: "2026-11-22",
    command: "npm run bench",
    rows,
  };
  expect(tablesOf(result)).toBe(
    "2 cores, Node 20.20.2, 2026-11-22, `npm run bench`:\n\n" +
      "| what | median | lowest to highest |\n|---|---|---|\n" +
      "| edit to built | 1800 ms | 1770 to 1850 ms |",
  );
  expect(() => tablesOf({ ...result, date: "today" })).toThrow("date");
  expect(() => tablesOf({ ...result, rows: [{ name: "a", median: 1 }] })).toThrow("unit");
  expect(benchmarkTables("no/such/folder")).toBe("");
});

function tablesOf(result: object): string {
  const folder = mkdtempSync(path.join(tmpdir(), "results-"));
  try {
    writeFileSync(path.join(folder, "machine.json"), JSON.stringify(result));
    return benchmarkTables(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const pages = ["README.md", "AGENTS.md", "CONTRIBUTING.md", "CHANGELOG.md"];

test.each(pages)("%s names only tools, verbs and flags that exist", (page) => {
  expect(unknownNames(read(page))).toEqual([]);
});

test.each(pages)("%s names only files that exist", (page) => {
  expect(missingFiles(read(page))).toEqual([]);
});

test("the check of files rejects one that is gone", () => {
  expect(missingFiles("See `tools/index.ts`, `tools/gone.ts` and [x](test/gone.md).")).toEqual([
    "tools/gone.ts",
    "test/gone.md",
  ]);
});

/** Paths of this repository, as code or as a link, that lead nowhere. Patterns and placeholders are skipped. */
function missingFiles(text: string): string[] {
  const asCode = [...text.matchAll(/`(?<file>[\w.@/-]+)`/gu)].map(
    (match) => match.groups?.file ?? "",
  );
  const ours = asCode.filter((file) => roots.test(file));
  const links = linksOf(text).filter((target) => !target.includes(":"));
  return [...ours, ...links].filter((file) => !existsSync(path.resolve(file)));
}

const roots = /^(?:tools|server|test|skills|cuda-templates|examples|\.ci)\//u;

const machinePath = /\/(?:work|tmp|home|root|Users)\/\S*|pypi\.org|registry\.npmjs\S*/gu;

test("the pages hold no path of a machine and no registry's host", () => {
  for (const page of pages) expect(read(page).match(machinePath), page).toBeNull();
});

test("what the README shows of npm start is a recorded run that passed", () => {
  const shown = startOutput(path.join(recordings, "start.txt"));
  expect(shown).toMatch(/^PASSED {2}kernels\/qwen3-rmsnorm/mu);
});

test("recordings hold no path of the machine that they were made on", () => {
  for (const name of readdirSync(recordings)) {
    const text = read(path.join(recordings, name));
    expect(text, name).toBe(withoutMachine(text));
    expect(text.match(machinePath), name).toBeNull();
  }
  expect(withoutMachine("in /home/me/.cache/kernelwright/toolchains/x, installed now")).toBe(
    "in ~/.cache/kernelwright/toolchains/x, installed now",
  );
});

function read(file: string): string {
  return readFileSync(path.resolve(file), "utf8");
}
