export interface Spread {
  median: number;
  low: number;
  high: number;
}

/** Of at least one sample; to a tenth below 100, else to whole units. */
export function spreadOf(samples: readonly number[]): Spread {
  const sorted = [...samples].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const median = ((sorted[Math.ceil(middle) - 1] ?? 0) + (sorted[Math.floor(middle)] ?? 0)) / 2;
  return { median: tidy(median), low: tidy(sorted[0] ?? 0), high: tidy(sorted.at(-1) ?? 0) };
}

function tidy(value: number): number {
  return Number(value.toFixed(value < 100 ? 1 : 0));
}
