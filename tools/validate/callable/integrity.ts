import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { packageData } from "../../paths.ts";

/** Names the judge's own files as they are on disk now: read again at every call. */
export function judgeFilesDigest(): string {
  const hash = createHash("sha256");
  const here = fileURLToPath(import.meta.url);
  for (const file of [here, ...filesBelow(packageData("tools"))]) {
    hash.update(file).update("\0").update(readFileSync(file)).update("\0");
  }
  return hash.digest("hex");
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}
