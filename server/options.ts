import * as z from "zod";
import { ToolError } from "../tools/errors.ts";
import type { Tool } from "../tools/tool.ts";
import { nearest } from "./nearest.ts";

/** One option of the command line, made from one property of a tool's input schema. */
export interface Option {
  /** The argument's own name, in snake_case. */
  name: string;
  /** `--install-compiler`. */
  flag: string;
  type: "string" | "number" | "boolean" | "list" | "json";
  itemType?: "string" | "number";
  description: string;
  choices?: readonly string[];
  default?: unknown;
  required: boolean;
}

/** Options that every verb takes and that no tool sees. */
export interface CommonOptions {
  json: boolean;
  help: boolean;
  version: boolean;
  workspace?: string;
}

export const commonOptions: readonly Option[] = [
  {
    name: "workspace",
    flag: "--workspace",
    type: "string",
    description: "Folder that all paths must lie in; left out: the current folder",
    required: false,
  },
  {
    name: "json",
    flag: "--json",
    type: "boolean",
    description: "Print the structured result only",
    required: false,
  },
  { name: "help", flag: "--help", type: "boolean", description: "Show this text", required: false },
];

interface Property {
  type?: string;
  enum?: unknown[];
  items?: Property;
  default?: unknown;
  description?: string;
}

/** A tool's arguments as options, in the order of its schema. */
export function optionsOf(tool: Pick<Tool, "input">): Option[] {
  const schema = z.toJSONSchema(tool.input, { io: "input" }) as {
    properties?: Record<string, Property>;
    required?: string[];
  };
  return Object.entries(schema.properties ?? {}).map(([name, property]) => {
    const choices = property.enum ?? property.items?.enum;
    return {
      name,
      flag: `--${name.replaceAll("_", "-")}`,
      type: typeOf(property),
      ...(property.type === "array" ? { itemType: scalar(property.items?.type) } : {}),
      description: property.description ?? "",
      ...(choices ? { choices: choices.map(String) } : {}),
      ...(property.default === undefined ? {} : { default: property.default }),
      required: schema.required?.includes(name) ?? false,
    };
  });
}

/** The words after the verb as the arguments of a tool and the common options. Throws ToolError `invalid_argument`. */
export function parseOptions(
  verb: string,
  words: readonly string[],
  options: readonly Option[],
  positional: readonly string[],
): { args: Record<string, unknown>; common: CommonOptions } {
  const accepted = [...options, ...commonOptions];
  const values: Record<string, unknown> = {};
  const places = [...positional];
  const rest = [...words];
  let onlyPositional = false;
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === "--" && !onlyPositional) {
      onlyPositional = true;
    } else if (onlyPositional || !isFlag(word)) {
      place(word);
    } else {
      const [flag, inline] = splitFlag(word);
      const option = requireOption(verb, flag, accepted);
      values[option.name] = valueFor(option, flag, inline, rest, values[option.name]);
    }
  }
  const { workspace, json, help, ...args } = values;
  return {
    args,
    common: {
      json: json === true,
      help: help === true,
      version: false,
      ...(workspace === undefined ? {} : { workspace: String(workspace) }),
    },
  };

  function place(word: string): void {
    const name = places.shift();
    const option = accepted.find((candidate) => candidate.name === name);
    if (!option) {
      const takes = positional.length > 0 ? positional.join(", ") : "none";
      throw usage(
        verb,
        `kernelwright ${verb} has no place for "${word}": by position it takes ${takes}.`,
      );
    }
    values[option.name] = parseValue(option, word, values[option.name]);
  }
}

function valueFor(
  option: Option,
  flag: string,
  inline: string | undefined,
  rest: string[],
  before: unknown,
): unknown {
  if (option.type === "boolean" && inline === undefined) return !flag.startsWith("--no-");
  const text = inline ?? rest.shift();
  if (text === undefined || (inline === undefined && isFlag(text) && !isNumber(text))) {
    throw new ToolError(
      "invalid_argument",
      `${flag} needs a value.`,
      `Write ${flag} <${option.type === "list" ? "a,b" : option.type}>. ${option.description}`.trim(),
    );
  }
  return parseValue(option, text, before);
}

/** Text that is no number stays text: the schema's own message is better than ours. */
function parseValue(option: Option, text: string, before: unknown): unknown {
  switch (option.type) {
    case "number":
      return isNumber(text) ? Number(text) : text;
    case "boolean":
      return text === "true" ? true : text === "false" ? false : text;
    case "list": {
      const items = text.split(",").map((item) => item.trim());
      const filled = items.filter((item) => item !== "");
      const typed = filled.map((item) =>
        option.itemType === "number" && isNumber(item) ? Number(item) : item,
      );
      return [...(Array.isArray(before) ? before : []), ...typed];
    }
    case "json":
      return parseJson(option, text);
    default:
      return text;
  }
}

function parseJson(option: Option, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ToolError(
      "invalid_argument",
      `${option.flag} takes JSON, and "${text}" is none.`,
      `Write ${option.flag} '<JSON>'. ${option.description}`.trim(),
    );
  }
}

function requireOption(verb: string, flag: string, accepted: readonly Option[]): Option {
  const found = accepted.find(
    (option) =>
      option.flag === flag ||
      option.flag === flag.replaceAll("_", "-") ||
      (option.type === "boolean" && flag === option.flag.replace(/^--/u, "--no-")),
  );
  if (found) return found;
  const flags = accepted.map((option) => option.flag);
  const guess = nearest(flag, flags);
  const meant = guess ? ` Did you mean ${guess}?` : "";
  throw usage(
    verb,
    `kernelwright ${verb} has no option ${flag}.${meant} Accepted: ${flags.join(", ")}.`,
  );
}

function usage(verb: string, message: string): ToolError {
  return new ToolError("invalid_argument", message, `Run "kernelwright ${verb} --help".`);
}

function splitFlag(word: string): [string, string | undefined] {
  const at = word.indexOf("=");
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

function isFlag(word: string): boolean {
  return word.startsWith("-") && word !== "-" && !isNumber(word);
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

function typeOf(property: Property): Option["type"] {
  if (property.type === "array") {
    const items = property.items?.type;
    return items === "object" || items === "array" ? "json" : "list";
  }
  if (property.type === "object") return "json";
  if (property.type === "boolean") return "boolean";
  return scalar(property.type);
}

function scalar(type: string | undefined): "string" | "number" {
  return type === "number" || type === "integer" ? "number" : "string";
}
