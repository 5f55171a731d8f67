/**
 * Puts lines together from chunks of bytes. What grows beyond `mostBytes` without an end is handed
 * on as "a line without an end", and forgotten.
 */
export function lineReader(mostBytes: number, onLine: (line: string) => void) {
  let parts: Buffer[] = [];
  let held = 0;
  const take = (): string => {
    const line = Buffer.concat(parts).toString("utf8");
    parts = [];
    held = 0;
    return line;
  };
  return (chunk: Buffer): void => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      parts.push(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      onLine(take());
    }
    parts.push(rest);
    held += rest.length;
    if (held <= mostBytes) return;
    parts = [];
    held = 0;
    onLine("a line without an end");
  };
}
