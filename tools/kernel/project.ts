import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import toml from "toml";
import { parse as parseYaml } from "yaml";
import type * as z from "zod";
import { ToolError } from "../errors.ts";
import {
  type BuildToml,
  buildTomlSchema,
  kernelConfigSchema,
  type Operator,
  type Site,
  type Supports,
} from "./project-schema.ts";

/** A kernel project on disk, checked: every path is absolute and every listed source exists. */
export interface KernelProject {
  folder: string;
  /** The name on the Hub, for example "qwen3-rmsnorm". */
  name: string;
  operator: Operator;
  /** The Python package, for example "qwen3_rmsnorm". */
  package: string;
  version: number;
  license: string;
  /** The C entry point in `main`: `int entry(const <operator>_args *, cudaStream_t)`. */
  entry: string;
  /** The one .cu file that is compiled in the edit loop. */
  main: string;
  /** For the compiler's -I. */
  include_folders: string[];
  /** Every file that decides what the compiler sees, `main` first: the content of a build's key. */
  sources: string[];
  archs: string[];
  supports: Supports;
  sites: Site[];
  /** Values to try per launch parameter; the key `warps_per_block` is the macro TUNE_WARPS_PER_BLOCK. */
  tune: Record<string, number[]>;
  /** Where `supports`, `sites` and `tune` were read from. */
  config_path: string;
}

/**
 * Reads build.toml and kernel.yaml of the project in `folder` (absolute).
 * Throws not_found where there is no project, and project_invalid naming file, field, value and the fix.
 */
export function readProject(folder: string): KernelProject {
  requireProjectFolder(folder);
  const buildTomlPath = path.join(folder, "build.toml");
  const configPath = path.join(folder, "kernel.yaml");
  const build = checked(buildTomlSchema, parsedFile(buildTomlPath, parseToml), buildTomlPath);
  const config = checked(kernelConfigSchema, parsedFile(configPath, parseYaml), configPath);
  requireSitesSupported(config.sites, config.supports, configPath);
  const { main, sources } = kernelSources(folder, build, buildTomlPath);
  return {
    folder,
    name: build.general.name,
    operator: config.operator,
    package: build.general.name.replaceAll("-", "_"),
    version: build.general.version,
    license: build.general.license,
    entry: config.operator,
    main,
    include_folders: includeFolders(folder, main),
    sources,
    archs: config.archs,
    supports: config.supports,
    sites: config.sites,
    tune: config.tune,
    config_path: configPath,
  };
}

function requireProjectFolder(folder: string): void {
  if (existsSync(folder) && !statSync(folder).isDirectory()) {
    throw new ToolError(
      "invalid_argument",
      `${folder} is a file, not the folder of a kernel project.`,
      `Give the project's folder; a single .cu file is for validate_kernel, with signature.`,
    );
  }
  if (!existsSync(folder)) {
    throw new ToolError(
      "not_found",
      `There is no folder ${folder}.`,
      `Call create_kernel with name: "${path.basename(folder)}", or give the folder of an existing project.`,
    );
  }
}

function parseToml(text: string): unknown {
  return toml.parse(text);
}

function parsedFile(file: string, parse: (text: string) => unknown): unknown {
  if (!existsSync(file)) {
    throw new ToolError(
      "project_invalid",
      `${file} is missing, so ${path.dirname(file)} is no kernel project.`,
      `Call create_kernel to make a project, or give the folder that holds ${path.basename(file)}.`,
    );
  }
  const text = textOf(file);
  try {
    return parse(text);
  } catch (error) {
    throw new ToolError(
      "project_invalid",
      `${file} cannot be parsed: ${parseErrorText(error)}`,
      `Correct that line of ${file}.`,
      { cause: error },
    );
  }
}

/** A folder, a pipe or an unreadable file in the place of a file is the user's to mend. */
function textOf(file: string): string {
  const cannot = (why: string) =>
    new ToolError(
      "project_invalid",
      `${file} cannot be read: ${why}.`,
      `Put a regular file that this user can read at ${file}.`,
    );
  if (!statSync(file).isFile()) throw cannot("it is no regular file");
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw cannot((error as NodeJS.ErrnoException).code ?? String(error));
  }
}

/** toml says the place in `location`, yaml in its message. */
function parseErrorText(error: unknown): string {
  const { message, location } = error as {
    message: string;
    location?: { start: { line: number; column: number } };
  };
  const firstLine = message.split("\n")[0] ?? message;
  if (!location) return firstLine;
  const found = /but .* found\.$/u.exec(firstLine)?.[0].slice("but ".length);
  return `line ${location.start.line}, column ${location.start.column}: ${found ?? firstLine}`;
}

function checked<Schema extends z.ZodType>(
  schema: Schema,
  data: unknown,
  file: string,
): z.output<Schema> {
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  if (!issue) throw new Error(`zod refused ${file} without saying why`);
  if (issue.code === "unrecognized_keys") {
    const unknown = fieldName([...issue.path, issue.keys[0] ?? ""]);
    throw invalid(
      file,
      unknown,
      "is no field that Kernelwright knows",
      "remove it, or correct its name",
    );
  }
  const field = fieldName(issue.path);
  const given = valueAt(data, issue.path);
  const said = given === undefined ? "is missing" : `is ${shownValue(given)}`;
  throw invalid(file, field, said, issue.message.replace(/^Invalid (?:input|option): /u, ""));
}

function invalid(file: string, field: string, said: string, wanted: string): ToolError {
  return new ToolError(
    "project_invalid",
    `${file}: ${field} ${said}; ${wanted}.`,
    `Edit ${field} in ${file}: ${wanted}.`,
  );
}

/** ["sites", 0, "rows"] -> "sites[0].rows". */
function fieldName(parts: readonly PropertyKey[]): string {
  let name = "";
  for (const part of parts) {
    if (typeof part === "number") name += `[${part}]`;
    else name += name ? `.${String(part)}` : String(part);
  }
  return name || "the document";
}

function valueAt(data: unknown, parts: readonly PropertyKey[]): unknown {
  let value: unknown = data;
  for (const part of parts) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Record<PropertyKey, unknown>)[part];
  }
  return value;
}

function shownValue(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A site that the kernel refuses would make every later tool fail on it: say so here. */
function requireSitesSupported(sites: readonly Site[], supports: Supports, file: string): void {
  for (const [index, site] of sites.entries()) {
    requireListed(`sites[${index}].rounding`, site.rounding, supports.rounding, file);
    requireListed(`sites[${index}].weight`, site.weight, supports.weight, file);
    requireListed(
      `sites[${index}].weight_offset`,
      site.weight_offset,
      supports.weight_offset,
      file,
    );
  }
}

function requireListed<Value>(
  field: string,
  value: Value,
  supported: readonly Value[],
  file: string,
): void {
  if (supported.includes(value)) return;
  const list = supported.join(", ");
  const name = field.split(".").at(-1);
  throw invalid(
    file,
    field,
    `is ${shownValue(value)}`,
    `supports.${name} has only ${list}: use one of these, or add it there and to the kernel`,
  );
}

function kernelSources(
  folder: string,
  build: BuildToml,
  file: string,
): { main: string; sources: string[] } {
  const sections = Object.entries(build.kernel);
  const [name, kernel] = sections[0] ?? [];
  if (!name || !kernel || sections.length > 1) {
    const names = sections.map((section) => section[0]).join(", ") || "none";
    throw invalid(file, "kernel", `has the sections ${names}`, "expected exactly one [kernel.*]");
  }
  const field = `kernel.${name}.src`;
  const compiled = kernel.src.filter((source) => source.endsWith(".cu"));
  if (compiled.length !== 1 || !compiled[0]) {
    const list = compiled.join(", ") || "none";
    throw invalid(file, field, `lists ${list} as .cu files`, "expected exactly one .cu file");
  }
  const main = requireSource(folder, compiled[0], field, file);
  const headers = kernel.src.filter((source) => !source.endsWith(".cu"));
  return {
    main,
    sources: [main, ...headers.map((source) => requireSource(folder, source, field, file))],
  };
}

function requireSource(folder: string, source: string, field: string, file: string): string {
  const own = path.resolve(folder, source);
  if (path.relative(folder, own).startsWith("..")) {
    throw invalid(file, field, `lists ${source}`, "expected paths inside the project");
  }
  // Reading a pipe would wait for ever.
  if (existsSync(own) && !statSync(own).isFile()) {
    throw invalid(file, field, `lists ${source}, which is no regular file`, "expected a file");
  }
  if (existsSync(own)) return own;
  const shared = sharedHeader(folder, source);
  if (shared) return shared;
  throw invalid(
    file,
    field,
    `lists ${source}, which does not exist`,
    "remove it, or restore the file",
  );
}

/**
 * A template's `<sources>/common/x.cuh` lies beside the templates, in `cuda-templates/common`, and only there:
 * create_kernel copies it into the project at the place which build.toml names already.
 */
function sharedHeader(folder: string, source: string): string | undefined {
  const inCommon = /\/common\/(?<header>[^/]+)$/u.exec(source)?.groups?.header;
  if (!inCommon) return undefined;
  const shared = path.join(folder, "..", "common", inCommon);
  return existsSync(shared) ? shared : undefined;
}

function includeFolders(folder: string, main: string): string[] {
  const own = path.dirname(main);
  return existsSync(path.join(own, "common")) ? [own] : [own, path.dirname(folder)];
}
