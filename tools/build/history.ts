import { randomUUID } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import type { ArchBuild } from "./compile.ts";
import { shortName } from "./names.ts";
import type { KernelResources } from "./resources.ts";

/** What is compared from one build to the next, and how it is called. */
const compared = {
  registers_per_thread: "registers",
  spill_store_bytes: "spill store bytes",
  spill_load_bytes: "spill load bytes",
  stack_frame_bytes: "stack frame bytes",
  static_shared_bytes: "static shared bytes",
  instruction_count: "instructions",
} as const satisfies Partial<Record<keyof KernelResources, string>>;

type Compared = keyof typeof compared;
type Numbers = Record<Compared, number>;

/** By arch, then by readable kernel name: mangled ones change with the path of an anonymous namespace. */
type LastBuild = Record<string, { build_id: string; kernels: Record<string, Numbers> }>;

export interface Change {
  arch: string;
  kernel: string;
  /** "registers", "instructions" ..., or "kernel": new (0 to 1) or gone (1 to 0). */
  what: string;
  before: number;
  after: number;
}

/**
 * What is different from the last build of this project, per arch that both have, and remembers
 * this one. A project that was never built has no changes.
 */
export async function changesSinceLastBuild(
  projectFolder: string,
  builds: readonly ArchBuild[],
): Promise<Change[]> {
  const file = path.join(projectFolder, ".kernelwright", "last-build.json");
  const last = await readLastBuild(file);
  const now: LastBuild = {};
  const changes: Change[] = [];
  for (const build of builds) {
    const kernels = Object.fromEntries(
      build.kernels.map((kernel) => [kernel.demangled, numbersOf(kernel)]),
    );
    now[build.arch] = { build_id: build.build_id, kernels };
    const before = last[build.arch];
    if (before && before.build_id !== build.build_id) {
      changes.push(...compareKernels(build.arch, before.kernels, kernels));
    }
  }
  await writeWhole(file, { ...last, ...now });
  return changes;
}

/** Writes JSON beside its place and moves it there: a reader sees the old file or the new one. */
export async function writeWhole(file: string, value: unknown): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.${process.pid}-${randomUUID()}`;
  await writeFile(temporary, `${JSON.stringify(value, undefined, 1)}\n`);
  await rename(temporary, file);
}

function numbersOf(kernel: KernelResources): Numbers {
  const keys = Object.keys(compared) as Compared[];
  return Object.fromEntries(keys.map((key) => [key, kernel[key]])) as Numbers;
}

/** A file that was cut or edited counts as none: it only serves a comparison. */
async function readLastBuild(file: string): Promise<LastBuild> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as LastBuild;
  } catch {
    return {};
  }
}

function compareKernels(
  arch: string,
  before: Record<string, Numbers>,
  after: Record<string, Numbers>,
): Change[] {
  const changes: Change[] = [];
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    const [old, now] = [before[name], after[name]];
    const kernel = shortName(name);
    if (!old || !now) {
      changes.push({ arch, kernel, what: "kernel", before: old ? 1 : 0, after: now ? 1 : 0 });
      continue;
    }
    for (const [key, what] of Object.entries(compared) as [Compared, string][]) {
      if (old[key] !== now[key])
        changes.push({ arch, kernel, what, before: old[key], after: now[key] });
    }
  }
  return changes;
}
