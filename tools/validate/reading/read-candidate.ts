import { readFileSync } from "node:fs";
import type { Reading } from "./codes.ts";
import { readDeviceCalls } from "./device-calls.ts";
import { readFastMath } from "./fast-math.ts";
import { readHiddenSizes } from "./hidden-sizes.ts";
import { readHostCalls } from "./host-calls.ts";
import { readMissingArchs } from "./missing-archs.ts";
import { readMultiplyAdds } from "./multiply-add.ts";
import { readPtxFunctions } from "./ptx-statements.ts";
import { readRowOffsets } from "./row-offsets.ts";
import { readSourceTexts } from "./source-text.ts";

export { type Reading, type ReadingCode, readingCodes, readings } from "./codes.ts";

export interface ReadingInput {
  /** The build's PTX, as text. */
  ptx: string;
  /** Path of the build's library. */
  library: string;
  /** The entry point's symbol: what it does not lead to is not held against the candidate. */
  entry: string;
  /** Mangled names of the kernels that were launched: others are not read. Left out: all are. */
  launched?: ReadonlySet<string>;
  /** Absolute paths of the candidate's own files, main first. */
  sources: readonly string[];
  /** What shown paths are relative to, and what relative paths in the PTX start from. */
  root: string;
  /** Of kernel.yaml; left out for a single file. */
  declared_archs?: readonly string[];
  /** All archs that were built, where all declared ones were asked for. */
  built_archs?: readonly string[];
}

/**
 * What can be said of a candidate without running it: warnings, and the few things that are certain,
 * which are failures with a reason. Reads files; runs nothing. A library that is no ELF file has no
 * host calls.
 */
export function readCandidate(input: ReadingInput): Reading[] {
  const { root, launched, declared_archs, built_archs } = input;
  const functions = readPtxFunctions(input.ptx).filter(
    ({ name, is_kernel }) => !launched || !is_kernel || launched.has(name),
  );
  const sources = readSourceTexts(input.sources, root);
  const origin = { own: input.sources, root };
  return [
    ...readHostCalls(readFileSync(input.library), input.entry, sources),
    ...(declared_archs && built_archs ? readMissingArchs(declared_archs, built_archs) : []),
    ...readDeviceCalls(functions, origin),
    ...readRowOffsets(functions, origin),
    ...readFastMath(functions, origin),
    ...readMultiplyAdds(functions, origin),
    ...readHiddenSizes(sources),
  ];
}
