import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { isMap, isScalar, parseDocument } from "yaml";
import type { Dtype } from "../kernel/dtypes.ts";
import type { Operator, Site } from "../kernel/project-schema.ts";
import { packageData } from "../paths.ts";
import { packageName } from "./naming.ts";

/** What a new project is to be, beyond what its template says. */
export interface Specialisation {
  operator: Operator;
  name: string;
  archs: readonly string[] | undefined;
  dtypes: readonly Dtype[] | undefined;
  sites: readonly Site[] | undefined;
}

/** A file of the new project: its path in the project, with `/`, and its text. */
export interface ProjectFile {
  path: string;
  text: string;
}

/** What building in a template's folder leaves behind. */
const leftBehind: ReadonlySet<string> = new Set([
  ".kernelwright",
  "build",
  "__pycache__",
  "result",
]);

/**
 * All files of the new project. A template is a project that builds as it stands, so names and
 * numbers change and nothing else; the shared headers come to where build.toml lists them.
 */
export function specialisedFiles(wanted: Specialisation): ProjectFile[] {
  const template = packageData("cuda-templates", wanted.operator);
  const files = [
    ...filesBelow(template),
    ...filesBelow(packageData("cuda-templates", "common"), `${wanted.operator}_cuda/common`),
  ];
  return files
    .map((file) => ({ path: renamed(file.path, wanted), text: specialised(file, wanted) }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
}

function filesBelow(folder: string, place = ""): ProjectFile[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry): ProjectFile[] => {
    if (leftBehind.has(entry.name)) return [];
    const from = path.join(folder, entry.name);
    const to = place ? `${place}/${entry.name}` : entry.name;
    if (entry.isDirectory()) return filesBelow(from, to);
    return [{ path: to, text: readFileSync(from, "utf8") }];
  });
}

/** The template's own names, which occur nowhere in another sense. */
function templateName(operator: Operator): string {
  return `${operator}-kernel`;
}

function renamed(text: string, { operator, name }: Specialisation): string {
  const own = templateName(operator);
  // Packers treat a `.gitignore` inside a package as theirs, so the template's has no dot.
  if (text === "gitignore") return ".gitignore";
  return text.replaceAll(own, name).replaceAll(packageName(own), packageName(name));
}

function specialised(file: ProjectFile, wanted: Specialisation): string {
  const text = renamed(file.text, wanted);
  if (file.path === "kernel.yaml") return specialisedConfig(text, wanted);
  if (file.path.endsWith("/supports.cuh")) return withSupport(text, wanted.dtypes);
  if (file.path.startsWith("benchmarks/")) return withShapes(text, wanted.sites);
  return text;
}

function specialisedConfig(text: string, { archs, dtypes, sites }: Specialisation): string {
  const document = parseDocument(text);
  const flow = (value: unknown) => document.createNode(value, { flow: true });
  if (archs) document.set("archs", flow(archs));
  if (dtypes) document.setIn(["supports", "dtypes"], flow(dtypes));
  if (sites) {
    const list = document.createNode(sites);
    for (const item of list.items) {
      if (!isMap(item)) continue;
      item.flow = true;
      const eps = item.get("eps", true);
      if (isScalar(eps)) eps.format = "EXP";
    }
    document.set("sites", list);
  }
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** 1 for each dtype that is compiled, 0 for the others. */
function withSupport(text: string, dtypes: readonly Dtype[] | undefined): string {
  if (!dtypes) return text;
  return text.replaceAll(/(?<=#define SUPPORT_)(?<dtype>\w+) \d/gu, (_, dtype: string) => {
    const supported = dtypes.some((one) => one.toUpperCase() === dtype);
    return `${dtype} ${supported ? 1 : 0}`;
  });
}

function withShapes(text: string, sites: readonly Site[] | undefined): string {
  if (!sites) return text;
  const shapes = sites.flatMap(({ rows, hidden_size }) =>
    rows.map((count) => `    (${count}, ${hidden_size}),\n`),
  );
  const list = [...new Set(shapes)].join("");
  return text.replace(/(?<=^SHAPES = \[.*\n)(?: {4}\(\d+, \d+\),\n)+/mu, list);
}
