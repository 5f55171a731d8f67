/** In which order warps have their turns, or blocks run; a number is the seed of a shuffle. */
export type Order = "forward" | "reverse" | number;

/** Numbers in [0, 1), the same for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The numbers 0 to count - 1 in that order. `draw` is what `seeded` gave for an order that is a number. */
export function arrange(count: number, order: Order, draw: () => number): number[] {
  const all = Array.from({ length: count }, (_, index) => index);
  if (order === "reverse") return all.reverse();
  if (order === "forward") return all;
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(draw() * (last + 1));
    [all[last], all[other]] = [all[other] as number, all[last] as number];
  }
  return all;
}

/** More than these are shuffled by a rule, without a list of them. */
const mostListed = 1 << 16;

/** Which of `count` things comes at a position: a list for few, a rule for grids of up to 2^31 blocks and more. */
export function arrangement(count: number, order: Order): (position: number) => number {
  if (order === "forward") return (position) => position;
  if (order === "reverse") return (position) => count - 1 - position;
  const draw = seeded(order);
  if (count <= mostListed) {
    const list = arrange(count, order, draw);
    return (position) => list[position] as number;
  }
  // Steps of a number without a common divisor come to all of them; products stay exact below 2^53.
  const most = Math.min(count, Math.floor(2 ** 52 / count));
  let step = Math.max(1, Math.floor(draw() * most));
  while (commonDivisor(step, count) !== 1) step = (step % most) + 1;
  const start = Math.floor(draw() * count);
  return (position) => (start + ((position * step) % count)) % count;
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
