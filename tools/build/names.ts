import path from "node:path";
import { runLocally } from "../executors/local.ts";
import { shortened } from "../text.ts";
import { findProgram, pathFolders } from "../toolchain/programs.ts";

/** Names of template instantiations can be a page long. */
const nameLength = 100;

/**
 * Readable names by mangled name, from one run of cu++filt or c++filt. Where neither is installed
 * the mangled name stays: it still identifies the kernel.
 */
export async function demangle(
  names: readonly string[],
  compilerRoot: string,
  signal: AbortSignal,
): Promise<Map<string, string>> {
  const folders = [path.join(compilerRoot, "bin"), ...pathFolders()];
  const program = findProgram("cu++filt", folders) ?? findProgram("c++filt", folders);
  const same = new Map(names.map((name) => [name, name]));
  if (program === undefined || names.length === 0) return same;
  const result = await runLocally([program], {
    input: `${names.join("\n")}\n`,
    timeoutMs: 10_000,
    signal,
  });
  const lines = result.stdout.trimEnd().split("\n");
  if (result.exit_code !== 0 || lines.length !== names.length) return same;
  return new Map(names.map((name, i) => [name, withoutUnitName(lines[i] ?? name)]));
}

/** nvcc names an anonymous namespace after the file and a hash of its path. */
function withoutUnitName(name: string): string {
  return name.replace(/_GLOBAL__N__[0-9a-f]{8}_\w+?::/gu, "(anonymous namespace)::");
}

/** "void rms<256, true>(float*, int)" -> "rms<256, true>": for tables and messages. */
export function shortName(demangled: string): string {
  return shortened(withoutParameters(demangled), nameLength);
}

function withoutParameters(demangled: string): string {
  const plain = demangled.replaceAll("(anonymous namespace)::", "").replace(/^void /u, "");
  let depth = 0;
  for (let at = 0; at < plain.length; at += 1) {
    if (plain[at] === "<") depth += 1;
    else if (plain[at] === ">") depth -= 1;
    else if (plain[at] === "(" && depth === 0) return plain.slice(0, at);
  }
  return plain;
}
