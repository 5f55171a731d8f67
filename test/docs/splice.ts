/**
 * `text` with what stands between `<!-- name` ... `-->` and `<!-- /name -->` replaced.
 * The opening comment may go on with who writes the section. Throws where the markers are missing.
 */
export function splice(text: string, name: string, content: string): string {
  const section = new RegExp(`(<!-- ${name}\\b[^>]*-->\\n)[\\s\\S]*?(<!-- /${name} -->)`, "u");
  if (!section.test(text)) throw new Error(`no section "${name}" between markers`);
  const inner = content === "" ? "" : `${content.trimEnd()}\n`;
  return text.replace(section, (_, open: string, close: string) => `${open}${inner}${close}`);
}

/** A Markdown table; `|` within a cell is escaped. */
export function markdownTable(
  header: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(header), `|${header.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}
