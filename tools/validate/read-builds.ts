import { readSources } from "../build/sources.ts";
import { shortened } from "../text.ts";
import type { Warning } from "../tool.ts";
import type { ArchInput } from "./arch-input.ts";
import { buildSource, type Candidate } from "./candidate.ts";
import { readArchsWithoutCode } from "./reading/arch-without-code.ts";
import { type Reading, readCandidate } from "./reading/read-candidate.ts";
import type { ExecutedCase, Failure } from "./verdict.ts";

/** What can be said of the builds without running them: certain findings fail, the others warn. */
export async function readBuilds(
  candidate: Candidate,
  runs: readonly ArchInput[],
  executed: readonly ExecutedCase[],
  allArchs: boolean,
): Promise<{ failures: Failure[]; warnings: Warning[] }> {
  const [first] = runs;
  if (!first) return { failures: [], warnings: [] };
  const { files } = await readSources(buildSource(candidate));
  const archs = runs.map(({ build, ptx }) => ({
    arch: build.arch,
    ptx,
    launched: launchedOn(build.arch, executed),
  }));
  const launched = new Set(archs.flatMap((one) => one.launched));
  const built_archs = archs.map(({ arch }) => arch);
  // The host code is the same for every arch, and its device code nearly so.
  const readings = readCandidate({
    ptx: first.ptx,
    library: first.build.library,
    entry: candidate.entry,
    sources: files.map((file) => file.path),
    root: candidate.root,
    ...(launched.size > 0 ? { launched } : {}),
    ...(candidate.archs && allArchs ? { declared_archs: candidate.archs, built_archs } : {}),
  });
  const found = [...readings, ...readArchsWithoutCode(archs)];
  return {
    failures: found.flatMap((one) => failureOf(one, first.build.arch) ?? []),
    warnings: found.filter((one) => !failureOf(one, "")).map(warningOf),
  };
}

function launchedOn(arch: string, executed: readonly ExecutedCase[]): string[] {
  const names = executed.flatMap((one) =>
    one.arch === arch && "launches" in one.outcome ? one.outcome.launches : [],
  );
  return [...new Set(names.map(({ kernel }) => kernel))];
}

function failureOf(
  { certain, reason, message, source }: Reading,
  arch: string,
): Failure | undefined {
  if (!certain || !reason) return undefined;
  return {
    reason,
    detail: message,
    case_name: "reading the sources and the build",
    case_index: -50,
    special_inputs: false,
    arch,
    ...(source ? { source } : {}),
  };
}

function warningOf({ code, message, source, hint }: Reading): Warning {
  return { code, message: shortened(source ? `${message} (${source})` : message, 400), hint };
}
