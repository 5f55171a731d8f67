import { ToolError } from "../../errors.ts";
import type { OperatorName } from "../../kernel/operators.ts";
import { listed } from "../../text.ts";

/** Words of a signature that stand for tensors, and for numbers. */
const tensorWords = ["x", "weight", "out", "residual", "bias", "rstd", "mean"] as const;
const numberWords = [
  "eps",
  "rows",
  "hidden_size",
  "x_row_stride",
  "out_row_stride",
  "weight_offset",
] as const;
const words: readonly string[] = [...tensorWords, ...numberWords];
/** What else an expression may name. */
const literals: readonly string[] = ["None", "True", "False", "torch"];
/** What a call may give back, in order: "out, residual = fn(…)". */
const resultWords: readonly string[] = ["out", "residual", "rstd", "mean", "_"];

export interface CallSignature {
  /** The expression in Python, without what stands before "=". */
  expression: string;
  /** The word that stands for the function in it. */
  name: string;
  used: ReadonlySet<string>;
  /** What comes back, where it is said. */
  results: readonly string[] | undefined;
  operator: OperatorName;
}

export const defaultSignature = "fn(x, weight, eps)";

/**
 * One call in Python, in the words of the glossary: "fn(x, weight, eps)",
 * "fn(x, (hidden_size,), weight, eps)", "fn(out, x, weight, eps=eps)",
 * "out, residual = fn(x, residual, weight, eps)". Throws invalid_argument.
 */
export function parseCallSignature(text: string): CallSignature {
  const line = text.trim().replace(/;+$/u, "");
  const parts = /^(?:([\w\s,]+?)\s*=\s*)?([A-Za-z_]\w*)\s*\((.*)\)$/su.exec(line);
  if (!parts) throw refused(line, "it is not one call of one function");
  const [, left, name = "", args = ""] = parts;
  const used = wordsOf(args);
  const unknown = [...used].find((word) => !words.includes(word) && !literals.includes(word));
  if (unknown !== undefined) throw refused(line, `nobody knows what "${unknown}" is`);
  if (!used.has("x")) throw refused(line, "it passes no x");
  return {
    expression: `${name}(${args})`,
    name,
    used,
    results: left === undefined ? undefined : resultsOf(left, line),
    operator: operatorOf(used),
  };
}

/** Names that stand for values: no strings, no attributes, no names of keyword arguments. */
function wordsOf(args: string): Set<string> {
  const plain = args
    .replace(/"[^"\\]*"|'[^'\\]*'/gu, " ")
    .replace(/\.\s*[A-Za-z_]\w*/gu, " ")
    .replace(/\b\d[\w.]*(?:e[+-]?\d+)?/giu, " ")
    .replace(/[A-Za-z_]\w*\s*=(?!=)/gu, " ");
  return new Set(plain.match(/[A-Za-z_]\w*/gu));
}

function resultsOf(left: string, line: string): string[] {
  const results = left
    .split(",")
    .map((word) => word.trim())
    .filter((word) => word !== "");
  const unknown = results.find((word) => !resultWords.includes(word));
  if (unknown !== undefined) {
    throw refused(line, `"${unknown}" is none of what may come back: ${listed(resultWords)}`);
  }
  return results;
}

function operatorOf(used: ReadonlySet<string>): OperatorName {
  if (used.has("residual")) return "add_rmsnorm";
  return used.has("bias") || used.has("mean") ? "layernorm" : "rmsnorm";
}

function refused(line: string, why: string): ToolError {
  return new ToolError(
    "invalid_argument",
    `The signature "${line}" cannot be used: ${why}.`,
    `Write one call in the words ${listed(words)}; for example "${defaultSignature}" or "fn(x, (hidden_size,), weight, eps)".`,
  );
}
