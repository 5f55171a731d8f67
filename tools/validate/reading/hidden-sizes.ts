import { type Reading, reading } from "./codes.ts";
import { lineAt, type SourceText } from "./source-text.ts";

/** Words that mean the length of a row. */
const hiddenSize =
  "(?:\\w+(?:\\.|->))?(?:hidden_size|hidden_dim|hidden|hiddenSize|num_cols|n_cols|ncols|cols|columns|row_size|row_length|normalized_size|norm_size|embed_dim|dim|d_model|C|D|H|N)";
const leastSize = 64;

/** What sends the sizes that are left over somewhere. */
const goesOn = /<<<|\b\w*(?:launch|norm|forward|kernel|dispatch|generic|fallback|any)\w*\s*[<(]/iu;

/**
 * Comparisons of the row's length with numbers, after which other lengths are not computed: a table
 * of the shapes that were announced. What comes after the last of them is looked at as text.
 */
export function readHiddenSizes(sources: readonly SourceText[]): Reading[] {
  return sources.flatMap((source) => [...readComparisons(source), ...readSwitches(source)]);
}

function readComparisons({ name, code }: SourceText): Reading[] {
  const comparison = new RegExp(
    `\\bif\\s*(?:constexpr\\s*)?\\(\\s*${hiddenSize}\\s*==\\s*(\\d+)\\s*\\)`,
    "gu",
  );
  const found = [...code.matchAll(comparison)].filter(([, size]) => Number(size) >= leastSize);
  const last = found.at(-1);
  if (!last || goesOn.test(afterBranch(code, last.index + last[0].length))) return [];
  return [
    toReading(
      name,
      code,
      found[0]?.index ?? 0,
      found.map(([, size]) => size ?? ""),
    ),
  ];
}

function readSwitches({ name, code }: SourceText): Reading[] {
  const start = new RegExp(`\\bswitch\\s*\\(\\s*${hiddenSize}\\s*\\)\\s*\\{`, "gu");
  return [...code.matchAll(start)].flatMap((match) => {
    const body = block(code, match.index + match[0].length - 1);
    const sizes = [...body.matchAll(/\bcase\s+(\d+)\s*:/gu)].map(([, size]) => size ?? "");
    if (sizes.length === 0 || sizes.some((size) => Number(size) < leastSize)) return [];
    const otherwise = /\bdefault\s*:([\s\S]*)$/u.exec(body)?.[1] ?? "";
    const after = afterBranch(code, match.index + match[0].length - 1);
    if (goesOn.test(otherwise) || goesOn.test(after)) return [];
    return [toReading(name, code, match.index, sizes)];
  });
}

function toReading(name: string, code: string, at: number, sizes: readonly string[]): Reading {
  const shown = [...new Set(sizes)].slice(0, 6).join(", ");
  return reading("fixed_hidden_size", shown, { source: `${name}:${lineAt(code, at)}` });
}

/** What follows the statement that starts at `from`, up to the end of the function's block. */
function afterBranch(code: string, from: number): string {
  const rest = code.slice(from);
  const opening = /^\s*\{/u.exec(rest);
  const skipped = opening
    ? opening[0].length - 1 + block(code, from + opening[0].length - 1).length
    : rest.indexOf(";") + 1;
  const after = rest.slice(skipped);
  let depth = 0;
  for (let index = 0; index < after.length; index += 1) {
    if (after[index] === "{") depth += 1;
    if (after[index] === "}") depth -= 1;
    if (depth < 0) return after.slice(0, index);
  }
  return after;
}

/** The text from an opening brace to its closing one, both included. */
function block(code: string, open: number): string {
  let depth = 0;
  for (let index = open; index < code.length; index += 1) {
    if (code[index] === "{") depth += 1;
    if (code[index] === "}") depth -= 1;
    if (depth === 0) return code.slice(open, index + 1);
  }
  return code.slice(open);
}
