/** A Markdown file in the parts that its tests look at. */
export interface Section {
  heading: string;
  text: string;
}

/** The text between the two `---` lines at the top, and what follows them. */
export function splitFrontMatter(text: string): { frontMatter: string; body: string } {
  const found = /^---\n(?<head>[\s\S]*?)\n---\n(?<rest>[\s\S]*)$/u.exec(text)?.groups;
  if (!found) throw new Error("no front matter");
  return { frontMatter: found.head ?? "", body: found.rest ?? "" };
}

/**
 * Everything set as code: the lines of fenced and indented blocks, and inline spans. A block
 * of `text` is what a program printed, and left out.
 */
export function codeOf(text: string): string[] {
  const lines: string[] = [];
  const prose = text
    .replaceAll(/^```text\n[\s\S]*?^```$/gmu, "")
    .replaceAll(/^```[^\n]*\n(?<code>[\s\S]*?)^```$/gmu, (_, code: string) => {
      lines.push(...code.split("\n").filter((line) => line.trim() !== ""));
      return "";
    })
    .replaceAll(/^ {4}(?<code>\S.*)$/gmu, (_, code: string) => {
      lines.push(code);
      return "";
    });
  const spans = [...prose.matchAll(/`([^`]+)`/gu)].map(([, span = ""]) => span);
  return [...lines, ...spans].map((one) => one.replaceAll(/\s+/gu, " ").trim());
}

/** Targets of all links and images, without their anchors. */
export function linksOf(text: string): string[] {
  return [...text.matchAll(/\]\((?<target>[^)\s]+)\)/gu)]
    .map((match) => (match.groups?.target ?? "").replace(/#.*$/u, ""))
    .filter((target) => target !== "");
}

/** Split at headings of the second level; what stands before the first is a section as well. */
export function sectionsOf(text: string): Section[] {
  return text.split(/^(?=## )/mu).map((part) => ({
    heading: /^#+ (.*)$/mu.exec(part)?.[1] ?? "",
    text: part,
  }));
}
