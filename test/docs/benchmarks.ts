import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { markdownTable } from "./splice.ts";

/** What `npm run bench` writes: one file per machine. Every number in the README comes from these. */
const resultSchema = z.object({
  machine: z.string().optional(),
  device: z.string().optional(),
  versions: z.record(z.string(), z.string()),
  date: z.string().regex(/^20\d\d-\d\d-\d\d/u),
  command: z.string(),
  rows: z.array(
    z.object({
      name: z.string(),
      median: z.number(),
      low: z.number(),
      high: z.number(),
      unit: z.string(),
    }),
  ),
});

/** One table per result file in `folder`, under the machine, versions, date and command; empty without any. */
export function benchmarkTables(folder: string): string {
  return resultFiles(folder)
    .map((file) => tableOf(readFileSync(file, "utf8"), path.basename(file)))
    .join("\n\n");
}

function resultFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => name.endsWith(".json"))
      .sort()
      .map((name) => path.join(folder, name));
  } catch {
    return [];
  }
}

function tableOf(text: string, name: string): string {
  const parsed = resultSchema.safeParse(JSON.parse(text));
  if (!parsed.success) throw new Error(`${name}: ${z.prettifyError(parsed.error)}`);
  const { machine, device, versions, date, command, rows } = parsed.data;
  const listed = Object.entries(versions).map(([what, version]) => `${what} ${version}`);
  const header = [device ?? machine ?? "", ...listed, date.slice(0, 10), `\`${command}\``];
  const table = markdownTable(
    ["what", "median", "lowest to highest"],
    rows.map(({ name: what, median, low, high, unit }) => [
      what,
      `${rounded(median)} ${unit}`,
      `${rounded(low)} to ${rounded(high)} ${unit}`,
    ]),
  );
  return `${header.filter((part) => part !== "").join(", ")}:\n\n${table}`;
}

function rounded(value: number): string {
  return String(Number(value.toPrecision(3)));
}
