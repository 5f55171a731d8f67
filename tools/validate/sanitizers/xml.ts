/** An element: its text, or the elements in it. */
export interface XmlElement {
  name: string;
  text: string;
  children: XmlElement[];
}

/**
 * The elements of an XML text without attributes, as compute-sanitizer writes it. What is cut off at
 * the end, since the writer was killed, is left out: an element counts when its end tag is there.
 */
export function parseXml(text: string): XmlElement[] {
  const root: XmlElement = { name: "", text: "", children: [] };
  const open = [root];
  let end = 0;
  for (const tag of text.matchAll(/<(\?|\/?)([A-Za-z][\w.-]*)([^<>]*)>/gu)) {
    const [whole, before, name = "", after = ""] = tag;
    const top = open.at(-1) as XmlElement;
    top.text += plain(text.slice(end, tag.index));
    end = tag.index + whole.length;
    if (before === "?") continue;
    if (before === "/") {
      if (open.length > 1 && top.name === name) {
        open.pop();
        open.at(-1)?.children.push(top);
      }
    } else if (after.endsWith("/")) top.children.push({ name, text: "", children: [] });
    else open.push({ name, text: "", children: [] });
  }
  for (const one of open.slice(1)) root.children.push(...one.children);
  return root.children;
}

/** The first element of this name at any depth below. */
export function findElement(
  within: readonly XmlElement[],
  ...path: string[]
): XmlElement | undefined {
  const [name, ...rest] = path;
  for (const one of within) {
    if (one.name !== name) continue;
    return rest.length === 0 ? one : findElement(one.children, ...rest);
  }
  return undefined;
}

const entities: Readonly<Record<string, string>> = {
  lt: "<",
  gt: ">",
  amp: "&",
  quot: '"',
  apos: "'",
};

function plain(text: string): string {
  return text.replace(/&(#?\w+);/gu, (whole, name: string) => {
    if (!name.startsWith("#")) return entities[name] ?? whole;
    const code = /^#x/iu.test(name) ? Number.parseInt(name.slice(2), 16) : Number(name.slice(1));
    return code > 0 && code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
