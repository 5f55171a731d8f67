import * as z from "zod";
import { ToolError } from "../tools/errors.ts";
import { listed, shortened } from "../tools/text.ts";
import type * as tool from "../tools/tool.ts";
import { nearest } from "./nearest.ts";

type Tool = Pick<tool.Tool, "name" | "input">;

/**
 * The arguments of a call, checked against the tool's schema with defaults filled in.
 * Throws ToolError `invalid_argument`, which names every unknown argument and what is accepted,
 * or the first three wrong values with what was expected of them.
 */
export function parseArguments(tool: Tool, given: unknown): Record<string, unknown> {
  const raw = given ?? {};
  if (typeof raw !== "object" || Array.isArray(raw)) {
    throw new ToolError(
      "invalid_argument",
      `The arguments of ${tool.name} must be an object, not ${shown(raw)}.`,
      `Send an object with some of: ${acceptedBy(tool)}.`,
    );
  }
  const parsed = z.strictObject(tool.input.shape).safeParse(raw);
  if (parsed.success) return parsed.data;
  throw refusal(tool, raw as Record<string, unknown>, parsed.error.issues);
}

type Issue = z.core.$ZodIssue;

function refusal(tool: Tool, raw: Record<string, unknown>, issues: readonly Issue[]): ToolError {
  const unknown = issues.flatMap((issue) =>
    issue.code === "unrecognized_keys" && issue.path.length === 0 ? issue.keys : [],
  );
  if (unknown.length > 0) return unknownArguments(tool, unknown);
  const messages = issues.slice(0, 3).map((issue) => describe(issue, raw));
  const more = issues.length > 3 ? ` And ${issues.length - 3} more.` : "";
  const names = [...new Set(issues.slice(0, 3).map((issue) => String(issue.path[0] ?? "")))];
  const hints = names.map((name) => describeArgument(tool, name)).filter((hint) => hint);
  return new ToolError(
    "invalid_argument",
    `${messages.join(" ")}${more}`,
    `Correct ${listed(names)} and call ${tool.name} again. ${hints.join(" ")}`.trim(),
  );
}

/** No more of the unknown names than help: a caller may send thousands of them, or megabytes. */
const namedAtMost = 5;

function unknownArguments(tool: Tool, all: readonly string[]): ToolError {
  const unknown = all.slice(0, namedAtMost).map((name) => shortened(name, 80));
  const more = all.length > namedAtMost ? [`${all.length - namedAtMost} more`] : [];
  const quoted = [...unknown.map((name) => `"${name}"`), ...more];
  const guesses = unknown.flatMap((name) => {
    const guess = nearest(name, Object.keys(tool.input.shape));
    return guess ? [`write ${guess} for ${name}`] : [];
  });
  const instead = guesses.length > 0 ? `, or ${listed(guesses)}` : "";
  return new ToolError(
    "invalid_argument",
    `${tool.name} has no argument ${listed(quoted)}. Accepted: ${acceptedBy(tool)}.`,
    `Remove ${listed(quoted)}${instead}, and call ${tool.name} again.`,
  );
}

function acceptedBy(tool: Tool): string {
  return Object.keys(tool.input.shape).join(", ") || "no arguments";
}

/** `archs[1]: expected ..., got "sm_91".` */
function describe(issue: Issue, raw: Record<string, unknown>): string {
  const place = issue.path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${String(key)}` : String(key),
    "",
  );
  const value = issue.path.reduce<unknown>(
    (inner, key) => (inner as Record<PropertyKey, unknown> | undefined)?.[key],
    raw,
  );
  if (value === undefined) return `${place} is missing: ${expectation(issue)}.`;
  return `${place}: ${expectation(issue)}, got ${shown(value)}.`;
}

function expectation(issue: Issue): string {
  // A schema's own words are better than any that we can make.
  if (!/^(Invalid|Too|Unrecognized)/u.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return `expected ${article(issue.expected)}`;
    case "invalid_value":
      return `expected one of ${issue.values.map((value) => JSON.stringify(value)).join(", ")}`;
    case "too_small":
      return `expected at least ${issue.minimum}${unitOf(issue.origin)}`;
    case "too_big":
      return `expected at most ${issue.maximum}${unitOf(issue.origin)}`;
    case "invalid_format":
      return issue.pattern ? `expected text like ${issue.pattern}` : `expected ${issue.format}`;
    case "unrecognized_keys":
      return `unknown ${listed(issue.keys)}`;
    default:
      return issue.message;
  }
}

function article(type: string): string {
  const spelled = type === "int" ? "integer" : type;
  return `${/^[aeio]/u.test(spelled) ? "an" : "a"} ${spelled}`;
}

function unitOf(origin: string): string {
  if (origin === "string") return " characters";
  if (origin === "array") return " entries";
  return "";
}

function describeArgument(tool: Tool, name: string): string {
  const description = (tool.input.shape[name] as z.ZodType | undefined)?.description;
  return description ? `${name}: ${description}.` : "";
}

function shown(value: unknown): string {
  return shortened(JSON.stringify(value) ?? String(value), 80);
}
