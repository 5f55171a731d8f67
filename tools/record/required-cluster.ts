/** Blocks of a cluster that a kernel's PTX demands (`__cluster_dims__`), by its mangled name. */
export function requiredClusters(
  ptx: string,
): ReadonlyMap<string, readonly [number, number, number]> {
  const found = new Map<string, readonly [number, number, number]>();
  // From the name to the body: parameters in parentheses, then directives.
  for (const [, name = "", head = ""] of ptx.matchAll(/\.entry\s+([\w$]+)([^{]*)\{/gu)) {
    const [, blocks] = /\.reqnctapercluster\s+(\d+(?:\s*,\s*\d+)*)/u.exec(head) ?? [];
    if (blocks === undefined) continue;
    const [x = 1, y = 1, z = 1] = blocks.split(",").map(Number);
    found.set(name, [x, y, z]);
  }
  return found;
}
