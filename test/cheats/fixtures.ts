import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Dtype, dtypeNames } from "../../tools/kernel/dtypes.ts";

/**
 * A kernel of the catalogue of cheats, or an honest one that looks like it. Each file says in its
 * first comment lines ("key: value", longer values indented on the next lines) how the judge is
 * asked, and what it must answer:
 *
 * - cheat      numbers of the catalogue; in an honest kernel the key is `honest`
 * - reason     the code of tools/validate/reasons.ts that names it; alternatives after "or"
 * - on_gpu     the same where the GPU shows it under another name; "-" where the GPU cannot show it
 * - without_gpu  "inconclusive": an honest kernel that only a GPU can execute
 * - signature  how a .cu is called; `function` for a .py
 * - dtypes, shapes, eps, archs, effort   arguments of validate_kernel
 * - why        what it does, and why naive checks pass it
 */
export interface CheatFixture {
  /** "d12-tail-skipped.cu", in test/cheats. */
  file: string;
  d_numbers: string[];
  honest: boolean;
  /** Any of these names the fault in the interpreter; empty: it passes. */
  reasons: string[];
  /** On a GPU; undefined where it cannot be shown there. */
  gpu_reasons: string[] | undefined;
  /** Of an honest kernel, in the interpreter. */
  verdict_without_gpu: "passed" | "inconclusive";
  why: string;
  /** Of a .py: what is called. */
  function: string | undefined;
  arguments: FixtureArguments;
}

export interface FixtureArguments {
  signature?: string;
  dtypes?: Dtype[];
  shapes?: string[];
  eps?: number;
  archs?: string[];
  effort?: "quick" | "default" | "full";
}

export const cheatsFolder = import.meta.dirname;

/** All fixtures of the folder, by name. */
export function readFixtures(folder = cheatsFolder): CheatFixture[] {
  return readdirSync(folder)
    .filter((name) => /\.(cu|py)$/u.test(name))
    .sort()
    .map((file) => parseFixture(file, readFileSync(path.join(folder, file), "utf8")));
}

/** Names of cheats and of their honest twins agree up to this part. */
export function pairName(file: string): string {
  return file.replace(/(\.honest)?\.(cu|py)$/u, "");
}

function parseFixture(file: string, text: string): CheatFixture {
  const fields = parseHeader(text);
  const honest = fields.has("honest");
  const words = (key: string, between: RegExp) => fields.get(key)?.split(between);
  const reasons = words("reason", / or /u) ?? [];
  const onGpu = words("on_gpu", / or /u) ?? reasons;
  return {
    file,
    d_numbers: (fields.get("cheat") ?? fields.get("honest") ?? "").split(/, ?/u),
    honest,
    reasons,
    gpu_reasons: onGpu[0] === "-" ? undefined : onGpu,
    verdict_without_gpu: fields.get("without_gpu") === "inconclusive" ? "inconclusive" : "passed",
    why: fields.get("why") ?? "",
    function: fields.get("function"),
    arguments: argumentsOf(fields),
  };
}

function argumentsOf(fields: ReadonlyMap<string, string>): FixtureArguments {
  const list = (key: string) => fields.get(key)?.split(/, ?/u);
  const dtypes = list("dtypes")?.map((name) => {
    const known = dtypeNames.find((dtype) => dtype === name);
    if (!known) throw new Error(`unknown dtype ${name}`);
    return known;
  });
  const signature = fields.get("signature");
  const shapes = list("shapes");
  const archs = list("archs");
  const eps = fields.get("eps");
  return {
    ...(signature === undefined ? {} : { signature }),
    ...(dtypes ? { dtypes } : {}),
    ...(shapes ? { shapes } : {}),
    ...(archs ? { archs } : {}),
    ...(eps === undefined ? {} : { eps: Number(eps) }),
    effort: (fields.get("effort") ?? "quick") as "quick",
  };
}

/** "key: value" of the comment lines at the top. */
function parseHeader(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  let last = "";
  for (const line of text.split("\n")) {
    const content = /^(?:\/\/|#)( .*)$/u.exec(line)?.[1];
    if (content === undefined) break;
    const [, key, value] = /^ (\w+): (.*)$/u.exec(content) ?? [];
    if (key !== undefined && value !== undefined) {
      last = key;
      fields.set(key, value);
    } else {
      fields.set(last, `${fields.get(last) ?? ""} ${content.trim()}`);
    }
  }
  return fields;
}
