/** An int32 as JavaScript. */
export function literal(value: number): string {
  const word = value | 0;
  return word < 0 ? `(${word})` : `${word}`;
}

/** A float as JavaScript, its sign of zero kept. */
export function floatLiteral(value: number): string {
  if (Number.isNaN(value)) return "NaN";
  if (Object.is(value, -0)) return "(-0)";
  return value < 0 ? `(${value})` : `${value}`;
}

/** The double with these words. */
export function doubleOf(lo: number, hi: number): number {
  return new Float64Array(Int32Array.of(lo, hi).buffer)[0] ?? 0;
}
