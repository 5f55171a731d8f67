import { createHash } from "node:crypto";
import type { RecordedCall } from "../record/recorder.ts";

/**
 * Names what a call of the entry point comes to: its result, everything that it asked of the
 * device, and the code of the kernels that it launched. Two archs for which it is equal compute the
 * same, instruction by instruction.
 */
export function launchDigest(
  ptx: string,
): (call: Pick<RecordedCall, "result" | "operations">) => string {
  let code: ReadonlyMap<string, string> | undefined;
  return ({ result, operations }) => {
    // At the first call: where every outcome is known, none comes.
    code ??= codeDigests(ptx);
    const hash = createHash("sha256").update(String(result));
    for (const operation of operations) {
      const kernel = operation.kind === "launch" ? operation.kernel : undefined;
      hash.update(JSON.stringify([operation, kernel && code.get(kernel)], asText));
    }
    return hash.digest("hex").slice(0, 20);
  };
}

/** JSON has no bigint, and spells out bytes at length. */
function asText(_key: string, value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  return value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
}

/** Per kernel its text without debug data, with all of the module that is not in a kernel. */
function codeDigests(ptx: string): Map<string, string> {
  const plain = ptx
    .replace(/^[ \t]*\.(?:loc|file|target|version)\b.*$/gmu, "")
    .replace(/\/\/.*$/gmu, "")
    .replace(/^[ \t]*\.section\b[\s\S]*/mu, "");
  const kernel = /^(?:\.(?:visible|weak)[ \t]+)?\.entry\s+([\w$]+)[\s\S]*?^\}/gmu;
  // Functions and data of the module may be used by any kernel of it.
  const shared = plain.replace(kernel, "");
  return new Map(
    [...plain.matchAll(kernel)].map(([text, name]) => [
      name as string,
      createHash("sha256").update(shared).update(text).digest("hex"),
    ]),
  );
}
