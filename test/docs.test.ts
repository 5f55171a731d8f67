import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { tools } from "../tools/index.ts";
import { benchmarkTables } from "./docs/benchmarks.ts";
import { caseTable, limitTable, mutantTable, reasonsPage, toolTable } from "./docs/sections.ts";
import { splice } from "./docs/splice.ts";
import { linksOf } from "./skill/markdown.ts";
import { unknownNames } from "./skill/names.ts";

// `npm run docs` is this file with -u: what writes the generated parts is what checks them.
describe("generated parts", () => {
  test("README.md has the tools, the case list, the mutants and the measured times as they are", async () => {
    let text = read("README.md");
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

  test("a page without the markers is refused, not left as it is", () => {
    expect(() => splice("# Title\n", "tools", "| a |")).toThrow('no section "tools"');
    expect(splice("<!-- a: why -->\nold\n<!-- /a -->", "a", "new")).toBe(
      "<!-- a: why -->\nnew\n<!-- /a -->",
    );
  });
});

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

test("the pages hold no path of a machine and no registry's host", () => {
  for (const page of pages) {
    expect(
      read(page).match(/\/(?:work|tmp|home|root)\/\S*|pypi\.org|registry\.npmjs\S*/gu),
      page,
    ).toBeNull();
  }
});

test("the README shows real output: the sections that a run fills are not empty", () => {
  const text = read("README.md");
  for (const name of ["start-output", "test-output"]) {
    const [, inner = ""] =
      new RegExp(`<!-- ${name}[^>]*-->\\n([\\s\\S]*?)<!-- /${name} -->`, "u").exec(text) ?? [];
    expect(inner.trim(), name).not.toBe("");
  }
});

function read(file: string): string {
  return readFileSync(path.resolve(file), "utf8");
}
