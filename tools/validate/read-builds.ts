import { readSources } from "../build/sources.ts";
import type { Warning } from "../tool.ts";
import type { ArchInput } from "./arch-input.ts";
import { buildSource, type Candidate } from "./candidate.ts";
import type { ReadingInput } from "./reading/read-candidate.ts";
import { readCandidate } from "./reading/read-candidate.ts";
import type { Failure } from "./verdict.ts";

/** What can be said of the builds without running them: certain findings fail, the others warn. */
export async function readBuilds(
  candidate: Candidate,
  runs: readonly ArchInput[],
  allArchs: boolean,
): Promise<{ failures: Failure[]; warnings: Warning[] }> {
  const { files } = await readSources(buildSource(candidate));
  const failures: Failure[] = [];
  const warnings = new Map<string, Warning>();
  const built_archs = runs.map(({ build }) => build.arch);
  for (const { build, ptx } of runs) {
    const input: ReadingInput = {
      ptx,
      library: build.library,
      entry: candidate.entry,
      sources: files.map((file) => file.path),
      root: candidate.root,
      ...(candidate.archs && allArchs ? { declared_archs: candidate.archs, built_archs } : {}),
    };
    for (const { code, certain, reason, message, source, hint } of readCandidate(input)) {
      const place = source ? ` (${source})` : "";
      if (certain && reason) {
        failures.push({
          reason,
          detail: message,
          case_name: "reading the sources and the build",
          case_index: -50,
          special_inputs: false,
          arch: build.arch,
          ...(source ? { source } : {}),
        });
      } else {
        // Of seven archs one line says it.
        warnings.set(`${code} ${source}`, { code, message: `${message}${place}`, hint });
      }
    }
  }
  return { failures, warnings: [...warnings.values()] };
}
