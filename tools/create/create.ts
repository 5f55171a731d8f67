import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { ToolError } from "../errors.ts";
import { isAlive } from "../executors/alive.ts";
import type { Dtype } from "../kernel/dtypes.ts";
import { type Model, models, sitesOf } from "../kernel/models.ts";
import { type KernelProject, readProject } from "../kernel/project.ts";
import type { Operator } from "../kernel/project-schema.ts";
import { requireInside } from "../paths.ts";
import type { ToolContext } from "../tool.ts";
import { proposedName, requireKernelName } from "./naming.ts";
import { type ProjectFile, specialisedFiles } from "./specialise.ts";

export interface CreateArguments {
  operator: Operator;
  name?: string | undefined;
  folder?: string | undefined;
  model?: string | undefined;
  dtypes?: readonly Dtype[] | undefined;
  archs?: readonly string[] | undefined;
}

export interface Created {
  project: KernelProject;
  model: Model | undefined;
  files: ProjectFile[];
}

/**
 * Writes a project from the operator's template: whole, or not at all.
 * Throws invalid_argument for a bad name or an unknown model, already_exists where something lies.
 */
export async function createProject(args: CreateArguments, context: ToolContext): Promise<Created> {
  const model = args.model === undefined ? undefined : requireModel(args.model);
  const name = requireKernelName(
    args.name ?? (model ? proposedName(`${model.name}-${args.operator}`) : args.operator),
  );
  const given = args.folder ?? path.join("kernels", name);
  const folder = requireInside(context.workspace, given);
  requireFree(folder, given);
  const files = specialisedFiles({
    operator: args.operator,
    name,
    archs: args.archs && distinct(args.archs),
    dtypes: args.dtypes && distinct(args.dtypes),
    sites: model && sitesOf(model),
  });
  await writeWhole(folder, given, files, context.signal);
  return { project: readProject(folder), model, files };
}

function requireModel(name: string): Model {
  const model = models.find((one) => one.name === name);
  if (model) return model;
  const names = models.map((one) => one.name).join(", ");
  throw new ToolError(
    "invalid_argument",
    `No model "${name}" is known.`,
    `Call create_kernel with model set to one of ${names}; or without model, and write the model's norms under sites in kernel.yaml.`,
  );
}

function distinct<Value>(values: readonly Value[]): Value[] {
  return [...new Set(values)];
}

function requireFree(folder: string, given: string): void {
  if (existsSync(folder)) throw alreadyExists(given);
}

function alreadyExists(given: string): ToolError {
  return new ToolError(
    "already_exists",
    `"${given}" exists already, and create_kernel never overwrites.`,
    `Call create_kernel with another name or folder, or build_kernel with kernel: "${given}" to go on with what is there.`,
  );
}

/**
 * Everything goes into a hidden folder beside `folder`, which then gets its name in one step.
 * On failure or cancellation that folder goes away, and so do parent folders that were made for it.
 */
async function writeWhole(
  folder: string,
  given: string,
  files: readonly ProjectFile[],
  signal: AbortSignal,
): Promise<void> {
  const parent = path.dirname(folder);
  let madeParent: string | undefined;
  let unfinished: string | undefined;
  try {
    madeParent = await mkdir(parent, { recursive: true });
    await removeInterrupted(parent);
    unfinished = await mkdtemp(path.join(parent, `${unfinishedPrefix}${process.pid}-`));
    for (const file of files) {
      signal.throwIfAborted();
      const target = path.join(unfinished, file.path);
      await mkdir(path.dirname(target), { recursive: true });
      await writeFile(target, file.text);
    }
    signal.throwIfAborted();
    requireFree(folder, given);
    await rename(unfinished, folder);
  } catch (error) {
    if (unfinished) await rm(unfinished, { recursive: true, force: true });
    if (madeParent) await removeEmpty(parent, madeParent);
    throw signal.aborted ? cancelled(given) : failure(error, folder, given);
  }
}

const unfinishedPrefix = ".kernelwright-creating-";

/** What a process left here that was killed while it wrote. */
async function removeInterrupted(parent: string): Promise<void> {
  for (const name of await readdir(parent)) {
    if (!name.startsWith(unfinishedPrefix)) continue;
    const pid = Number.parseInt(name.slice(unfinishedPrefix.length), 10);
    if (isAlive(pid)) continue;
    await rm(path.join(parent, name), { recursive: true, force: true });
  }
}

/** Removes `folder` and its parents up to `top`, as far as they are empty. */
async function removeEmpty(folder: string, top: string): Promise<void> {
  for (let one = folder; one.startsWith(top); one = path.dirname(one)) {
    try {
      await rmdir(one);
    } catch {
      return; // Somebody else put something there: it stays.
    }
  }
}

function cancelled(given: string): ToolError {
  return new ToolError(
    "cancelled",
    `Creating "${given}" was cancelled; nothing was left behind.`,
    "Call create_kernel again with the same arguments.",
  );
}

function failure(error: unknown, folder: string, given: string): unknown {
  if (error instanceof ToolError) return error;
  const { code, message, syscall } = error as NodeJS.ErrnoException;
  if (syscall === "rename" && (code === "ENOTEMPTY" || code === "EEXIST")) {
    return alreadyExists(given);
  }
  if (code === "ENOSPC" || code === "EDQUOT") {
    return new ToolError(
      "disk_full",
      `No space is left for ${folder}; nothing was left behind.`,
      `Free some space on the disk of ${path.dirname(folder)}, then call create_kernel again.`,
    );
  }
  if (code === undefined) return error;
  return new ToolError(
    "invalid_argument",
    `"${given}" cannot be written: ${message}. Nothing was left behind.`,
    `Call create_kernel with a folder whose parent can be written, for example "kernels/${path.basename(given)}".`,
    { cause: error },
  );
}
