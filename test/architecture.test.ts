// The shape of the house, held against the real imports: AGENTS.md says the same in words.
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";

const root = path.resolve(import.meta.dirname, "..");

/** Lowest first. A file imports its own group and lower ones; within `capabilities` one way, in this order. */
const capabilities = [
  "create",
  "build",
  "validate",
  "benchmark",
  "profile",
  "tune",
  "integrate",
  "package",
  "jobs",
];
const machine = ["executors", "config.ts", "toolchain", "gpu", "record", "worker"];
const base = ["errors.ts", "paths.ts", "text.ts", "tool.ts"];
const doors = ["tools/context.ts", "tools/index.ts", "server"];

/** Ranks of the groups; capabilities are ranked among themselves by fractions. Undefined: not placed. */
function rankOf(file: string): number | undefined {
  const [top = "", second = ""] = file.split("/");
  if (doors.includes(top) || doors.includes(`${top}/${second}`)) return 6;
  if (top !== "tools") return undefined;
  if (second === "ptx") return 1;
  if (base.includes(second)) return 2;
  if (second === "kernel") return 3;
  if (machine.includes(second)) return 4;
  const place = capabilities.indexOf(second);
  return place < 0 ? undefined : 5 + place / 100;
}

const sources = ["tools", "server"].flatMap((folder) => filesBelow(folder, [".ts"]));
const imports = sources.flatMap((file) => importsOf(file).map((target) => ({ file, target })));

test("every source file has a place in an import group", () => {
  expect(sources.filter((file) => rankOf(file) === undefined)).toEqual([]);
});

test("a file imports its own group and lower ones", () => {
  const wrong = imports
    .filter(({ target }) => target.startsWith("tools/") || target.startsWith("server/"))
    .filter(({ file, target }) => (rankOf(target) ?? 0) > (rankOf(file) ?? 0))
    .map(({ file, target }) => `${file} imports ${target}`);
  expect(wrong).toEqual([]);
});

test("tools/ptx imports nothing of ours but itself", () => {
  const wrong = imports.filter(
    ({ file, target }) =>
      file.startsWith("tools/ptx/") &&
      !target.startsWith("tools/ptx/") &&
      !target.startsWith("node:"),
  );
  expect(wrong).toEqual([]);
});

test("server/mcp.ts alone imports the MCP SDK", () => {
  const users = imports.filter(({ target }) => target.startsWith("@modelcontextprotocol/"));
  expect(new Set(users.map(({ file }) => file))).toEqual(new Set(["server/mcp.ts"]));
});

test("this test sees an import that goes up", () => {
  // The mutant: without it, a reader that finds no imports would pass everything.
  expect(imports.length).toBeGreaterThan(100);
  expect(parseImports('import { a } from "./a.ts";\nconst b = await import("./b.ts");\n')).toEqual([
    "./a.ts",
    "./b.ts",
  ]);
  expect(
    parseImports('import type { a } from "./a.ts";\nexport type { b } from "./b.ts";\n'),
  ).toEqual([]);
  expect(rankOf("server/mcp.ts")).toBeGreaterThan(rankOf("tools/jobs/tool.ts") ?? 9);
  expect(rankOf("tools/jobs/tool.ts")).toBeGreaterThan(rankOf("tools/build/tool.ts") ?? 9);
});

test("no source file is longer than 400 lines", () => {
  const kinds = [".ts", ".mjs", ".py", ".c", ".h", ".cu", ".cuh", ".cpp"];
  const files = ["tools", "server", "cuda-templates"].flatMap((folder) =>
    filesBelow(folder, kinds),
  );
  const long = files
    .map((file) => ({ file, lines: read(file).split("\n").length }))
    .filter(({ lines }) => lines > 400);
  expect(long).toEqual([]);
});

test("no folder or file is called utils, common or misc, and barrels are two", () => {
  const named = sources.filter((file) =>
    /(^|\/)(utils?|common|misc|helpers)(\.ts$|\/)/u.test(file),
  );
  expect(named).toEqual([]);
  const barrels = sources.filter((file) => path.basename(file) === "index.ts");
  expect(
    barrels.filter((file) => !["tools/index.ts", "tools/ptx/index.ts"].includes(file)),
  ).toEqual([]);
});

test("there are no default exports", () => {
  expect(sources.filter((file) => /^export default\b/mu.test(read(file)))).toEqual([]);
});

/** Targets of ours as paths from the root; others as written. */
function importsOf(file: string): string[] {
  return parseImports(read(file)).map((target) =>
    target.startsWith(".") ? path.posix.join(path.posix.dirname(file), target) : target,
  );
}

/** Value imports only, static and dynamic: `import type` is erased and free. */
function parseImports(text: string): string[] {
  const found: string[] = [];
  const statement =
    /^(?:import|export)\s+(?!type\b)(?:[^"';]*?\bfrom\s+)?"([^"]+)"|\bimport\(\s*"([^"]+)"\s*\)/gmu;
  for (const match of text.matchAll(statement)) found.push(match[1] ?? match[2] ?? "");
  return found;
}

function read(file: string): string {
  return readFileSync(path.join(root, file), "utf8");
}

function filesBelow(folder: string, endings: readonly string[]): string[] {
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const file = `${folder}/${entry.name}`;
    if (entry.isDirectory()) return entry.name === ".kernelwright" ? [] : filesBelow(file, endings);
    return endings.some((ending) => entry.name.endsWith(ending)) ? [file] : [];
  });
}
