import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { linksOf, splitFrontMatter } from "./markdown.ts";
import { unknownNames } from "./names.ts";
import { mostTokens } from "./tokens.ts";

const folder = path.resolve("skills/rmsnorm-kernels");
const skill = readFileSync(path.join(folder, "SKILL.md"), "utf8");
const { frontMatter, body } = splitFrontMatter(skill);
const references = readdirSync(path.join(folder, "references"));
const texts = ["SKILL.md", ...references.map((name) => `references/${name}`)].map((name) => ({
  name,
  text: readFileSync(path.join(folder, name), "utf8"),
}));

/** What agentskills.io allows; anything else is an error for its validators. */
const allowedKeys = [
  "name",
  "description",
  "license",
  "compatibility",
  "metadata",
  "allowed-tools",
];

/** What breaks the rules of the Agent Skills format, in words. */
function faultsOf(source: string, folderName: string): string[] {
  const matter = parse(source) as Record<string, string>;
  const { name = "", description = "", compatibility = "" } = matter;
  const faults = Object.keys(matter)
    .filter((key) => !allowedKeys.includes(key))
    .map((key) => `unknown key ${key}`);
  if (!/^[a-z0-9]+(-[a-z0-9]+)*$/u.test(name) || name.length > 64) faults.push("name");
  if (name !== folderName) faults.push("name is not the folder's");
  if (description.length < 1 || description.length > 1024) faults.push("description length");
  if (compatibility.length > 500) faults.push("compatibility length");
  return faults;
}

test("the front matter follows the Agent Skills format", () => {
  expect(faultsOf(frontMatter, path.basename(folder))).toEqual([]);
  expect((parse(frontMatter) as { license: string }).license).toBe("Apache-2.0");
});

test.each([
  ["a folder of another name", frontMatter, "rmsnorm"],
  [
    "a double hyphen",
    frontMatter.replace("rmsnorm-kernels", "rmsnorm--kernels"),
    "rmsnorm--kernels",
  ],
  ["an unknown key", `${frontMatter}\ntriggers: norm`, "rmsnorm-kernels"],
  ["a description that is too long", `name: a\ndescription: ${"word ".repeat(300)}`, "a"],
])("the check of the front matter rejects %s", (_, source, folderName) => {
  expect(faultsOf(source, folderName)).not.toEqual([]);
});

test("the description says when to use the skill and when not to", () => {
  const { description } = parse(frontMatter) as { description: string };
  expect(description).toMatch(/Use when .+Do not use for /su);
  for (const word of ["RMSNorm", "CUDA", "Qwen3", "LTX-Video", ".cu", "without a GPU"]) {
    expect(description).toContain(word);
  }
});

test("the body has at most 550 tokens, counted from above", () => {
  expect(mostTokens(body)).toBeLessThanOrEqual(550);
});

test("no reference is longer than an agent reads for one question", () => {
  for (const { name, text } of texts) {
    expect(mostTokens(text), name).toBeLessThanOrEqual(3000);
  }
});

test("every tool, verb and flag that is named exists", () => {
  for (const { name, text } of texts) expect(unknownNames(text), name).toEqual([]);
});

test.each([
  ["a tool that does not exist yet", "then call `benchmark_kernel`"],
  ["a tool of another name", "call `check_jobs`"],
  ["a verb that does not exist", "run `kernelwright benchmark kernels/x`"],
  ["one wrong verb among several", "run `kernelwright inspect|forge --json`"],
  ["a flag of another verb", "run `kernelwright inspect --effort full`"],
  ["a flag that does not exist", "add `--fast`"],
])("the check of names rejects %s", (_, text) => {
  expect(unknownNames(text)).toHaveLength(1);
});

test("SKILL.md names every tool", () => {
  const named = ["inspect_gpu", "create_kernel", "build_kernel", "validate_kernel", "check_job"];
  expect(named.filter((name) => !skill.includes(`\`${name}\``))).toEqual([]);
});

test("copied alone, the folder holds all that it links to, one level deep", () => {
  const home = mkdtempSync(path.join(tmpdir(), "skill-"));
  try {
    const copy = path.join(home, "rmsnorm-kernels");
    cpSync(folder, copy, { recursive: true });
    for (const { name, text } of texts) {
      expect(brokenLinks(copy, name, text), name).toEqual([]);
    }
  } finally {
    rmSync(home, { recursive: true });
  }
});

function brokenLinks(root: string, name: string, text: string): string[] {
  return linksOf(text).filter((target) => {
    const file = path.resolve(root, path.dirname(name), target);
    return !file.startsWith(root + path.sep) || !existsSync(file);
  });
}

test("the check of links rejects a missing file and one outside of the folder", () => {
  const text = "[a](missing.md) [b](../../README.md) [c](references/numerics.md)";
  expect(brokenLinks(folder, "SKILL.md", text)).toEqual(["missing.md", "../../README.md"]);
});

test("every reference is reached from SKILL.md, and begins with the question that it answers", () => {
  const linked = texts.flatMap(({ text }) => linksOf(text).map((target) => path.basename(target)));
  expect(references.filter((name) => !linked.includes(name))).toEqual([]);
  for (const { name, text } of texts.slice(1))
    expect(text.split("\n")[0], name).toMatch(/^# .+\?$/u);
});

test("no text names a path of a machine, or a file outside of the folder", () => {
  for (const { name, text } of texts) {
    expect(
      text.match(/(?:^|[\s`(])(?:\/(?:work|home|root|tmp|Users)\/|\.\.\/)\S*/gmu),
      name,
    ).toBeNull();
  }
});
