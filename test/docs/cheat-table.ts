import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { catalogue } from "../cheats/catalogue.ts";
import { type CheatFixture, readFixtures } from "../cheats/fixtures.ts";
import { mutants } from "../kernels/mutants.ts";
import { markdownTable } from "./splice.ts";

/** What test/gpu/judge-cheats.ts writes. */
export interface CheatResults {
  /** The GPU's name; without one, what the code was executed as. */
  device: string;
  driver: string;
  versions: Record<string, string>;
  date: string;
  rows: CheatRow[];
}

export interface CheatRow {
  fixture: string;
  /** "passed", or the reasons that name the fault. */
  expected: string;
  verdict: string;
  /** Of the first failure; "" where there is none. */
  reason: string;
  reasons: string[];
  message: string;
  as_expected: boolean;
  executed_on: string;
  devices: string[];
  ms: number;
}

export const resultsFolder = path.resolve("test/cheats/results");

/** test/cheats/README.md. */
export function cheatPage(): string {
  return `# Ways to cheat, and what finds them

Each \`dNN-<name>.cu\` or \`.py\` here is a kernel that validate_kernel must reject with its own reason; beside it
\`dNN-<name>.honest.*\` looks as suspicious and must pass. \`cheats.test.ts\` judges them all as a user would.
${honestSummary()}

The numbers are those of the catalogue (\`catalogue.ts\`). Results: \`results/nvidia-h200.json\` on a GPU and
\`results/interpreter.json\` without, written by \`test/gpu/judge-cheats.ts\`. Written by \`npm run docs\`.

${cheatTable()}
`;
}

/**
 * Every cheat of the catalogue with what shows it and which check rejected it, with a GPU and
 * without, as the committed result files say; mutants are run by the tests alone.
 */
export function cheatTable(folder = resultsFolder): string {
  const fixtures = readFixtures().filter(({ honest }) => !honest);
  const gpu = readResults(folder, "nvidia-h200.json");
  const interpreter = readResults(folder, "interpreter.json");
  const rows = Object.entries(catalogue).flatMap(([d_number, what]) => [
    ...fixtures
      .filter(({ d_numbers }) => d_numbers[0] === d_number)
      .map((one) => [
        one.d_numbers.join(", "),
        what,
        `\`${one.file}\``,
        shownReason(one, gpu, one.gpu_reasons),
        shownReason(one, interpreter, one.reasons),
      ]),
    ...mutants
      .filter((mutant) => mutant.d_number === d_number)
      .map(({ name, reasons }) => [
        d_number,
        what,
        `mutant \`${name}\``,
        "not run",
        reasons.map(code).join(" or "),
      ]),
  ]);
  return markdownTable(["", "what", "shown by", "on a GPU", "without"], rows);
}

/** How many honest kernels were judged, and how many were rejected, in one sentence an executor. */
export function honestSummary(folder = resultsFolder): string {
  const honest = readFixtures().filter((fixture) => fixture.honest);
  const sentences = ["nvidia-h200.json", "interpreter.json"].flatMap((name) => {
    const results = readResults(folder, name);
    if (!results) return [];
    const rows = honest.flatMap(({ file }) => results.rows.filter((row) => row.fixture === file));
    const rejected = rows.filter(({ verdict }) => verdict === "failed").length;
    const where = name === "interpreter.json" ? "without a GPU" : `on an ${results.device}`;
    return [`${rows.length} honest kernels ${where}: ${rejected} rejected (${results.date}).`];
  });
  return sentences.join(" ");
}

function readResults(folder: string, name: string): CheatResults | undefined {
  const file = path.join(folder, name);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as CheatResults) : undefined;
}

function shownReason(
  { file }: CheatFixture,
  results: CheatResults | undefined,
  expected: readonly string[] | undefined,
): string {
  if (expected === undefined) return "cannot be shown there";
  const row = results?.rows.find(({ fixture }) => fixture === file);
  if (!row || row.executed_on === "nothing") return "not run";
  return row.verdict === "failed" ? code(row.reason) : row.verdict.replace("_", " ");
}

function code(text: string): string {
  return `\`${text}\``;
}
