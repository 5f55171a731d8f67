import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { isAlive } from "../executors/alive.ts";
import type { Progress } from "../tool.ts";

export type JobState = "running" | "done" | "failed" | "cancelled" | "interrupted";

/** What a job leaves on disk: `<project or workspace>/.kernelwright/jobs/<job_id>.json`. */
export interface JobRecord {
  schema: 1;
  job_id: string;
  tool: string;
  /** As the tool was called, without wait_s. */
  arguments: Record<string, unknown>;
  state: JobState;
  /** Of the server that runs it: a running record of a dead server counts as interrupted. */
  pid: number;
  started_at: string;
  ended_at?: string;
  progress?: Progress;
  result?: Record<string, unknown>;
  error?: { code: string; message: string; hint: string };
}

/** Records kept per folder; the oldest ended ones go first. */
export const recordsKept = 50;
/** Workspace folders are searched this deep for projects with jobs. */
const searchDepth = 4;
const notSearched = new Set(["node_modules", "build", "dist", "__pycache__"]);

/** The folder that job records of a project or workspace live in. */
export function jobsFolder(owner: string): string {
  return path.join(owner, ".kernelwright", "jobs");
}

/** Atomic: a reader sees the old record or the new one, never a part. */
export async function writeRecord(folder: string, record: JobRecord): Promise<void> {
  await mkdir(folder, { recursive: true });
  await keepOutOfGit(path.dirname(folder));
  const file = path.join(folder, `${record.job_id}.json`);
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString("hex")}.tmp`;
  await writeFile(temporary, `${JSON.stringify(record, undefined, 2)}\n`);
  await rename(temporary, file);
}

/** A record is undefined when there is none; a running one whose server died reads as interrupted. */
export async function findRecord(workspace: string, jobId: string): Promise<JobRecord | undefined> {
  for (const folder of await findJobsFolders(workspace)) {
    const record = await readRecord(path.join(folder, `${jobId}.json`));
    if (record) return record;
  }
  return undefined;
}

/** All records of a workspace and of the projects in it, newest first. */
export async function listRecords(workspace: string): Promise<JobRecord[]> {
  const records: JobRecord[] = [];
  for (const folder of await findJobsFolders(workspace)) {
    for (const name of await readdir(folder)) {
      const record = name.endsWith(".json") && (await readRecord(path.join(folder, name)));
      if (record) records.push(record);
    }
  }
  return records.sort((a, b) => b.started_at.localeCompare(a.started_at));
}

/** Keeps the newest records of one folder. */
export async function pruneRecords(folder: string, keep = recordsKept): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
  const aged = await Promise.all(
    names.map(async (name) => {
      const file = path.join(folder, name);
      return { file, written_ms: (await stat(file).catch(() => undefined))?.mtimeMs ?? 0 };
    }),
  );
  aged.sort((a, b) => b.written_ms - a.written_ms);
  for (const { file } of aged.slice(keep)) await rm(file, { force: true });
}

async function readRecord(file: string): Promise<JobRecord | undefined> {
  if (!existsSync(file)) return undefined;
  try {
    const record = JSON.parse(await readFile(file, "utf8")) as JobRecord;
    if (record.schema !== 1 || typeof record.job_id !== "string") return undefined;
    return record.state === "running" && !isAlive(record.pid)
      ? { ...record, state: "interrupted" }
      : record;
  } catch {
    return undefined; // Not a record of ours: listing the others goes on.
  }
}

async function findJobsFolders(workspace: string, depth = searchDepth): Promise<string[]> {
  const found = existsSync(jobsFolder(workspace)) ? [jobsFolder(workspace)] : [];
  if (depth === 0) return found;
  const entries = await readdir(workspace, { withFileTypes: true }).catch(() => []);
  for (const entry of entries) {
    if (!entry.isDirectory() || entry.name.startsWith(".") || notSearched.has(entry.name)) continue;
    found.push(...(await findJobsFolders(path.join(workspace, entry.name), depth - 1)));
  }
  return found;
}

async function keepOutOfGit(folder: string): Promise<void> {
  const file = path.join(folder, ".gitignore");
  if (!existsSync(file)) await writeFile(file, "*\n");
}
