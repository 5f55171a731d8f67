import { createHash } from "node:crypto";
import type { RecordedLaunch } from "../record/recorder.ts";

/**
 * Names what launches execute: the code of their kernels, their shapes and their parameters.
 * Two archs for which it is equal compute the same, instruction by instruction.
 */
export function launchDigest(ptx: string): (launches: readonly RecordedLaunch[]) => string {
  const code = codeDigests(ptx);
  return (launches) => {
    const hash = createHash("sha256");
    for (const launch of launches) {
      const { kernel, grid, block, cluster, dynamic_shared_bytes, params } = launch;
      hash.update(JSON.stringify([code.get(kernel), grid, block, cluster, dynamic_shared_bytes]));
      for (const param of params) hash.update(param);
    }
    return hash.digest("hex").slice(0, 20);
  };
}

/** Per kernel the text of its body without source lines, with what stands before all kernels. */
function codeDigests(ptx: string): Map<string, string> {
  const plain = ptx
    .replace(/^[ \t]*\.(?:loc|file|target|version)\b.*$/gmu, "")
    .replace(/\/\/.*$/gmu, "");
  const [before = "", ...kernels] = plain.split(/^(?=(?:\.visible |\.weak )?\.entry )/mu);
  const digests = new Map<string, string>();
  for (const text of kernels) {
    const name = /\.entry\s+([\w$]+)/u.exec(text)?.[1];
    // Functions and data of the whole module may be used by any kernel of it.
    if (name) digests.set(name, createHash("sha256").update(before).update(text).digest("hex"));
  }
  return digests;
}
