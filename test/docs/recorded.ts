import { existsSync, readFileSync } from "node:fs";

/** Paragraphs longer than this are shortened to their first lines. */
const longestParagraph = 8;
const linesKept = 5;
const widest = 112;

/** Output without colours, and without the paths of the machine that it was recorded on. */
export function withoutMachine(output: string): string {
  const start = String.fromCharCode(27);
  return output
    .replaceAll(new RegExp(`${start}\\[[\\d;]*[A-Za-z]`, "gu"), "")
    .replaceAll(/(?<=\s)\/\S*(?=\/kernelwright\/toolchains\/)/gu, "~/.cache")
    .replaceAll(/(?<=\s)\/\S*(?=\/dist\/kernelwright\.mjs)/gu, "<this folder>")
    .replaceAll(/(?<=\s)\/(?!usr\/)\S*(?=\/python\S*$)/gmu, "…");
}

/**
 * The recorded standard output of `npm start`, as the README shows it: long tables shortened,
 * hints at next calls left out. Empty where none is recorded.
 */
export function startOutput(file: string): string {
  if (!existsSync(file)) return "";
  const paragraphs = readFileSync(file, "utf8")
    .replace(/^[\s\S]*?(?=^Set-up$)/mu, "")
    // Progress, a line every five seconds.
    .replaceAll(/^ {2}.* \d+\/\d+ {2}[\d.]+ s\n/gmu, "")
    .replaceAll(/^ {2}Unpacking .*\n/gmu, "")
    .trimEnd()
    .split(/\n{2,}/u)
    .filter((paragraph) => !paragraph.startsWith("Next:"));
  return fenced(paragraphs.map(shortened).join("\n\n"));
}

/** The summary at the end of the recorded output of `npm test`. */
export function testOutput(file: string): string {
  if (!existsSync(file)) return "";
  const text = readFileSync(file, "utf8");
  const summary = text.slice(text.lastIndexOf("Test Files")).trim().split("\n");
  return fenced(summary.map((line) => line.trim()).join("\n"));
}

function shortened(paragraph: string): string {
  const lines = paragraph.split("\n");
  const left = lines.length - linesKept;
  const kept =
    lines.length <= longestParagraph
      ? lines
      : [...lines.slice(0, linesKept), `… and ${left} more lines`];
  return kept.map((line) => (line.length > widest ? `${line.slice(0, widest)}…` : line)).join("\n");
}

function fenced(text: string): string {
  return `\`\`\`text\n${text}\n\`\`\``;
}
