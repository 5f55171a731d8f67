import { type Reading, reading } from "./codes.ts";
import { readPtxFunctions } from "./ptx-statements.ts";

export interface ArchCode {
  arch: string;
  /** Its PTX, as text. */
  ptx: string;
  /** Mangled names of the kernels that the entry point launched on it. */
  launched: readonly string[];
}

/**
 * A kernel that was launched and whose body is empty in one arch's code, but not in another's:
 * `#if __CUDA_ARCH__` around all of it. An empty kernel that nobody launches is honest: the host code
 * may choose by device. Nothing is said of a kernel that is empty everywhere.
 */
export function readArchsWithoutCode(archs: readonly ArchCode[]): Reading[] {
  const empty = archs.map(({ ptx }) => emptyKernels(ptx));
  return archs.flatMap(({ arch, launched }, index) => {
    const name = launched.find(
      (kernel) =>
        empty[index]?.get(kernel) === true && empty.some((other) => other.get(kernel) === false),
    );
    if (name === undefined) return [];
    const others = archs.filter((_, other) => empty[other]?.get(name) === false);
    const has = others.map((other) => other.arch).join(", ");
    const detail = `${name} is empty for ${arch}, and not for ${has}`;
    return [reading("arch_missing", detail, { certain: true })];
  });
}

/** By mangled name, whether nothing but its end is in it. */
function emptyKernels(ptx: string): ReadonlyMap<string, boolean> {
  return new Map(
    readPtxFunctions(ptx).map(({ name, statements }) => [
      name,
      statements.every(({ opcode }) => /^(?:ret|exit)\b/u.test(opcode)),
    ]),
  );
}
