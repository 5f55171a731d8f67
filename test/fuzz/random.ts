/** A source of numbers that a seed fixes: the same on every machine, so that a failing seed is a test. */
export interface Random {
  /** 32 random bits, as an unsigned integer. */
  bits(): number;
  /** An integer from 0 to `count` - 1. */
  below(count: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
}

/** splitmix32: every seed starts another sequence. */
export function makeRandom(seed: number): Random {
  let state = seed | 0;
  const bits = (): number => {
    state = (state + 0x9e3779b9) | 0;
    return mix(state);
  };
  const below = (count: number): number => Math.floor((bits() / 2 ** 32) * count);
  return {
    bits,
    below,
    chance: (probability) => bits() / 2 ** 32 < probability,
    pick: (from) => {
      const one = from[below(from.length)];
      if (one === undefined) throw new RangeError("pick from nothing");
      return one;
    },
  };
}

/** A hash of 32 bits: input words of generated kernels are its values; run_on_gpu.py has the same. */
export function mix(value: number): number {
  let z = value | 0;
  z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
  z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
  return (z ^ (z >>> 16)) >>> 0;
}
