import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { ToolError } from "../errors.ts";
import { type RunResult, runLocally } from "../executors/local.ts";
import { userCache } from "../paths.ts";

const proofSchema = z.object({
  nvcc: z.string(),
  mtime_ms: z.number(),
  size_bytes: z.number(),
  version: z.string(),
  archs: z.array(z.string()),
});

/** What an nvcc said of itself when it ran. */
export type NvccProof = Pick<z.infer<typeof proofSchema>, "version" | "archs">;

/**
 * Runs nvcc for its version and its archs, or reads what it said last time: a proof is kept in the
 * user's cache and holds as long as the file's path, time and size are the same.
 * Returns the reason as a string where nvcc does not run.
 */
export async function proveNvcc(nvcc: string, signal?: AbortSignal): Promise<NvccProof | string> {
  const kept = readProof(nvcc);
  if (kept) return kept;
  const options = { timeoutMs: 10_000, ...(signal && { signal }) };
  let answers: [RunResult, RunResult];
  try {
    answers = await Promise.all([
      runLocally([nvcc, "--version"], options),
      runLocally([nvcc, "--list-gpu-code"], options),
    ]);
  } catch (error) {
    // Made for another processor, or a text file: that is a refusal, not an end of the search.
    if (error instanceof ToolError && error.code === "prerequisite_missing") return error.message;
    throw error;
  }
  const [asked, listing] = answers;
  const version = /\bV(\d+\.\d+\.\d+)/u.exec(asked.stdout)?.[1];
  if (asked.exit_code !== 0 || !version) return whyNot(asked);
  const archs = listing.stdout.match(/^sm_\d+$/gmu) ?? [];
  if (archs.length === 0) return `${nvcc} --list-gpu-code names no arch`;
  const proof = { version, archs: archs.sort((a, b) => archNumber(a) - archNumber(b)) };
  keepProof(nvcc, proof);
  return proof;
}

function readProof(nvcc: string): NvccProof | undefined {
  try {
    const proof = proofSchema.parse(JSON.parse(readFileSync(proofFile(nvcc), "utf8")));
    const now = statSync(nvcc);
    const same =
      proof.nvcc === nvcc && proof.mtime_ms === now.mtimeMs && proof.size_bytes === now.size;
    return same ? { version: proof.version, archs: proof.archs } : undefined;
  } catch {
    return undefined;
  }
}

function keepProof(nvcc: string, proof: NvccProof): void {
  const file = proofFile(nvcc);
  const { mtimeMs, size } = statSync(nvcc);
  const record = { nvcc, mtime_ms: mtimeMs, size_bytes: size, ...proof };
  try {
    mkdirSync(path.dirname(file), { recursive: true });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, JSON.stringify(record));
    renameSync(temporary, file);
  } catch {
    // A cache that cannot be written costs 10 ms at the next call, nothing else.
  }
}

function proofFile(nvcc: string): string {
  const name = createHash("sha256").update(nvcc).digest("hex").slice(0, 16);
  return userCache("toolchains", "proofs", `${name}.json`);
}

function whyNot(asked: RunResult): string {
  if (asked.timed_out) return "nvcc --version did not end within 10 s";
  const said = asked.stderr.trim().split("\n")[0];
  return `nvcc --version ended with exit code ${asked.exit_code}${said ? `: ${said}` : ""}`;
}

function archNumber(arch: string): number {
  return Number(arch.slice(3));
}
