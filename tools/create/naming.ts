import { ToolError } from "../errors.ts";

/** kernel-builder's rule. The Python package is the name with `_` for `-`. */
const kernelName = /^[a-z][-a-z0-9]*[a-z0-9]$/u;
const longestName = 64;

/** Names that pass kernel-builder's rule, but that no Python package can have. */
const pythonKeywords: ReadonlySet<string> = new Set(
  (
    "and as assert async await break class continue def del elif else except finally for from " +
    "global if import in is lambda nonlocal not or pass raise return try while with yield"
  ).split(" "),
);

/** The name itself, or invalid_argument with a valid name made from it. */
export function requireKernelName(name: string): string {
  if (kernelName.test(name) && name.length <= longestName && !pythonKeywords.has(name)) return name;
  throw new ToolError(
    "invalid_argument",
    `"${name}" is no kernel name: ${whyNot(name)}.`,
    `Call create_kernel again with name: "${proposedName(name)}".`,
  );
}

/** The nearest name that kernel-builder takes: "My_Kernel" -> "my-kernel". */
export function proposedName(text: string): string {
  const name = text
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, "-")
    .replace(/^[^a-z]+/u, "")
    .slice(0, longestName)
    .replace(/-+$/u, "");
  if (name === "") return "rmsnorm";
  return name.length === 1 || pythonKeywords.has(name) ? `${name}-rmsnorm` : name;
}

/** The Python package of a kernel. */
export function packageName(name: string): string {
  return name.replaceAll("-", "_");
}

function whyNot(name: string): string {
  if (pythonKeywords.has(name)) return "it is a word of Python, so no package can have it";
  if (name.length > longestName) return `it has ${name.length} characters, ${longestName} at most`;
  return (
    "kernel-builder takes lower-case letters, digits and dashes, " +
    "starting with a letter and ending with a letter or digit, two characters at least"
  );
}
