import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { packageData } from "../paths.ts";

/** Folders of tools/ that decide what an outcome is. */
const judging = ["kernel", "ptx", "record", "validate"];

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
    ? [here, ...filesBelow(packageData("tools", "record", "stand_in"))]
    : judging.flatMap((name) => filesBelow(path.join(folder, "..", name)));
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .sort();
}

function digestOf(files: readonly string[]): string {
  const hash = createHash("sha256");
  for (const file of files) hash.update(readFileSync(file)).update("\0");
  return hash.digest("hex").slice(0, 20);
}
