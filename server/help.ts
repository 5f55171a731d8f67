import type { Tool } from "../tools/tool.ts";
import { commonOptions, type Option, optionsOf } from "./options.ts";

const width = 96;

/** `kernelwright --help`. */
export function renderOverview(verbs: readonly Pick<Tool, "verb" | "title">[]): string {
  const widest = Math.max(...verbs.map(({ verb }) => verb.length));
  return [
    "kernelwright: write, compile and check RMSNorm CUDA kernels, with or without a GPU",
    "",
    "  kernelwright <verb> [arguments] [--options]     kernelwright <verb> --help",
    "",
    ...verbs.map(({ verb, title }) => `  ${verb.padEnd(widest)}  ${title}`),
    "",
    "From nothing to a verdict:",
    "  kernelwright create qwen3-rmsnorm --model qwen3-8b",
    "  kernelwright validate kernels/qwen3-rmsnorm",
    "",
    exitCodes,
  ].join("\n");
}

const exitCodes =
  "Exit codes: 0 done or passed, 1 any other verdict, 2 wrong use or a failure that says what to do,\n" +
  "3 a bug of Kernelwright, 130 cancelled.";

/** `kernelwright <verb> --help`, made from the tool's own schema and descriptions. */
export function renderVerbHelp(
  tool: Pick<Tool, "verb" | "description" | "input" | "positional">,
): string {
  const options = optionsOf(tool);
  const byName = new Map(options.map((option) => [option.name, option]));
  const placed = tool.positional.flatMap((name) => byName.get(name) ?? []);
  const places = placed.map((option) =>
    option.required ? `<${option.name}>` : `[${option.name}]`,
  );
  return [
    `kernelwright ${[tool.verb, ...places, "[--options]"].join(" ")}`,
    "",
    wrapped(tool.description, ""),
    "",
    ...options.map((option) => renderOption(option)),
    ...commonOptions.map((option) => renderOption(option)),
    "",
    "Example:",
    `  ${exampleOf(tool.verb, placed, options)}`,
    "",
    exitCodes,
  ].join("\n");
}

function renderOption(option: Option): string {
  const value = option.type === "boolean" ? "" : ` <${valueName(option)}>`;
  const notes = [
    option.required ? "required" : "",
    option.choices ? `one of ${option.choices.join(", ")}` : "",
    option.default === undefined ? "" : `default ${JSON.stringify(option.default)}`,
  ].filter((note) => note);
  const text = `${option.description}${notes.length > 0 ? ` (${notes.join("; ")})` : ""}`;
  return `  ${option.flag}${value}\n${wrapped(text, "      ")}`;
}

function valueName(option: Option): string {
  if (option.type === "list") return "a,b,…";
  return option.type === "string" ? "text" : option.type;
}

/** Values come from the descriptions' own "for example …". */
function exampleOf(verb: string, placed: readonly Option[], options: readonly Option[]): string {
  const byPlace = placed
    .filter((option) => option.required || sample(option))
    .map((option) => sample(option) ?? `<${option.name}>`);
  const byFlag = options
    .filter((option) => !placed.includes(option) && sample(option) !== undefined)
    .slice(0, 2)
    .map((option) => `${option.flag} ${sample(option)}`);
  return ["kernelwright", verb, ...byPlace, ...byFlag].join(" ");
}

function sample(option: Option): string | undefined {
  const found = /for example (\[[^\]]*\]|"[^"]+"|[^\s,;()]+)/u.exec(option.description)?.[1];
  if (!found) return undefined;
  const bare = found.replace(/[[\]"'`]/gu, "").replace(/,\s+/gu, ",");
  return /[\s|&;<>*]/u.test(bare) ? `'${bare}'` : bare;
}

function wrapped(text: string, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/u)) {
    if (line && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else line = line ? `${line} ${word}` : word;
  }
  return [...lines, indent + line].join("\n");
}
