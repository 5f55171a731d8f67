import { listed, plural } from "../text.ts";

/**
 * Where the marked elements of a `rows` x `hiddenSize` matrix lie, in words: whole rows, the tail
 * of rows, every n-th column, the last rows, or scattered.
 */
export function describePattern(marked: Uint8Array, rows: number, hiddenSize: number): string {
  const rowCounts = new Uint32Array(rows);
  const columnCounts = new Uint32Array(hiddenSize);
  let total = 0;
  marked.forEach((mark, index) => {
    if (!mark) return;
    const row = Math.floor(index / hiddenSize);
    const column = index % hiddenSize;
    rowCounts[row] = (rowCounts[row] as number) + 1;
    columnCounts[column] = (columnCounts[column] as number) + 1;
    total += 1;
  });
  const badRows = indicesOf(rowCounts);
  const badColumns = indicesOf(columnCounts);
  const which = describeRows(badRows, rows);
  if (total === rows * hiddenSize) return "every element";
  if (total === badRows.length * hiddenSize) return `${which}, whole`;
  const share = total / (badRows.length * hiddenSize);
  if (total === badRows.length * badColumns.length) {
    return `${which}, ${describeColumns(badColumns, hiddenSize)}`;
  }
  if (share > 0.5) return `${which}, ${Math.round(share * 100)} % of their elements`;
  return `${which}, scattered: ${plural(total, "element")} of ${rows * hiddenSize}`;
}

function describeRows(bad: readonly number[], rows: number): string {
  if (bad.length === rows) return rows === 1 ? "the one row" : "every row";
  const period = periodOf(bad);
  if (bad.length === 1) return `row ${bad[0]}`;
  if (isRun(bad)) return `rows ${bad[0]} to ${bad.at(-1)} of ${rows}`;
  if (period && bad.length >= rows / period - 1)
    return `every ${ordinal(period)} row from ${bad[0]}`;
  return `rows ${listed(bad.slice(0, 5).map(String))}${bad.length > 5 ? ` and ${bad.length - 5} more` : ""}`;
}

function describeColumns(bad: readonly number[], hiddenSize: number): string {
  const tail = bad.at(-1) === hiddenSize - 1;
  if (bad.length === 1) return `column ${bad[0]}`;
  if (isRun(bad)) return `columns ${bad[0]} to ${bad.at(-1)}${tail ? " (the tail)" : ""}`;
  const period = periodOf(bad);
  if (period) return `every ${ordinal(period)} column from ${bad[0]}`;
  return `${bad.length} columns from ${bad[0]} to ${bad.at(-1)}`;
}

function indicesOf(counts: Uint32Array): number[] {
  const indices: number[] = [];
  counts.forEach((count, index) => {
    if (count > 0) indices.push(index);
  });
  return indices;
}

function isRun(indices: readonly number[]): boolean {
  return (indices.at(-1) as number) - (indices[0] as number) === indices.length - 1;
}

function periodOf(indices: readonly number[]): number | undefined {
  if (indices.length < 3) return undefined;
  const period = (indices[1] as number) - (indices[0] as number);
  const regular = indices.every((value, i) => value === (indices[0] as number) + i * period);
  return regular ? period : undefined;
}

function ordinal(count: number): string {
  if (count % 100 > 10 && count % 100 < 14) return `${count}th`;
  return `${count}${["th", "st", "nd", "rd"][count % 10] ?? "th"}`;
}
