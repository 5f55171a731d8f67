import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { packageData } from "../paths.ts";

/** Folders of tools/ that decide what an outcome is. */
const judging = ["kernel", "ptx", "record", "validate", "worker"];

/** Of these, what lies beside the bundle as it is. */
const shipped = [["record", "stand_in"], ["worker"]];

let known: string | undefined;

/** Names the code that judges: the bundle with its stand-in runtime, or the sources that have a say. */
export function judgeDigest(): string {
  known ??= digestOf(codeFiles(fileURLToPath(import.meta.url)));
  return known;
}

function codeFiles(here: string): string[] {
  const folder = path.dirname(here);
  const inBundle = path.basename(folder) !== "validate";
  return inBundle
    ? [here, ...shipped.flatMap((folders) => filesBelow(packageData("tools", ...folders)))]
    : judging.flatMap((name) => filesBelow(path.join(folder, "..", name)));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.parentPath.endsWith("__pycache__"))
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file)).update("\0");
  return hash.digest("hex").slice(0, 20);
}
