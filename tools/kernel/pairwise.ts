import { mix32 } from "./inputs.ts";

export type FactorValue = string | number;
export type Tuple = Record<string, FactorValue>;

/** A named choice with its values. */
export interface Factor {
  name: string;
  values: readonly FactorValue[];
}

/** What is asked of a pair of values of two factors; `a` is the factor that is listed first. */
export type PairRule = (a: Choice, b: Choice) => "needed" | "optional" | "forbidden";

interface Choice {
  name: string;
  value: FactorValue;
}

/**
 * A small list of tuples in which every two values of every two factors meet at least once, but
 * for pairs that `rule` calls optional (they may) or forbidden (they never do).
 * Greedy (AETG: Cohen, Dalal, Fredman, Patton, IEEE TSE 23(7), 1997), with choices between
 * equals drawn from `seed`: the same factors and seed give the same list.
 * A needed pair that forbidden ones keep out of every tuple is left out.
 */
export function pairwise(
  factors: readonly Factor[],
  seed: number,
  rule: PairRule = () => "needed",
): Tuple[] {
  const pairs = new Pairs(factors, rule);
  const tuples: Tuple[] = [];
  for (let open = pairs.anyOpen(seed); open; open = pairs.anyOpen(mix32(seed + tuples.length))) {
    const chosen = bestTuple(pairs, open, mix32(seed + tuples.length));
    if (!chosen) {
      pairs.close(open[0], open[1]);
      continue;
    }
    pairs.cover(chosen);
    tuples.push(
      Object.fromEntries(
        factors.map(({ name, values }, f) => [name, values[chosen[f] as number] as FactorValue]),
      ),
    );
  }
  return tuples;
}

/** Attempts per tuple: more make the list shorter by little and slower by much. */
const attempts = 12;

type OpenPair = [first: number, second: number];

function bestTuple(pairs: Pairs, open: OpenPair, seed: number): number[] | undefined {
  let best: number[] | undefined;
  let bestGain = 0;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const drawn = mix32(seed ^ Math.imul(attempt, 0x9e3779b9));
    const start = attempt === 0 ? open : (pairs.anyOpen(drawn) ?? open);
    const { tuple, gain } = pairs.grow(start, drawn);
    if (gain > bestGain) [best, bestGain] = [tuple, gain];
  }
  return best;
}

/**
 * All values of all factors, numbered through, and for every two of them whether they may meet and
 * whether they still have to.
 */
class Pairs {
  readonly #count: number;
  /** The first number of each factor, and one past the last of all. */
  readonly #starts: number[] = [0];
  readonly #factorOf: number[] = [];
  readonly #open: Uint8Array;
  readonly #forbidden: Uint8Array;
  /** Open pairs in the order of listing; those closed since are passed over. */
  #list: OpenPair[] = [];
  #left = 0;

  constructor(factors: readonly Factor[], rule: PairRule) {
    const choices = factors.flatMap(({ name, values }, f) => {
      this.#starts.push((this.#starts[f] as number) + values.length);
      for (const _ of values) this.#factorOf.push(f);
      return values.map((value) => ({ name, value }));
    });
    this.#count = choices.length;
    this.#open = new Uint8Array(this.#count ** 2);
    this.#forbidden = new Uint8Array(this.#count ** 2);
    choices.forEach((a, first) => {
      for (let second = this.#endOf(first); second < this.#count; second += 1) {
        this.#add(first, second, rule(a, choices[second] as Choice));
      }
    });
  }

  /** A drawn open pair; undefined where none is left. */
  anyOpen(seed: number): OpenPair | undefined {
    if (this.#left === 0) return undefined;
    if (this.#list.length > 2 * this.#left) {
      this.#list = this.#list.filter(([a, b]) => this.#open[a * this.#count + b]);
    }
    for (let index = seed % this.#list.length; ; index = (index + 1) % this.#list.length) {
      const [a, b] = this.#list[index] as OpenPair;
      if (this.#open[a * this.#count + b]) return [a, b];
    }
  }

  /**
   * A tuple that starts from a pair and gives each further factor, in a drawn order, the value that
   * covers most. `gain` is the number of open pairs in it; 0 where forbidden pairs allow no tuple.
   */
  grow([a, b]: OpenPair, seed: number): { tuple: number[]; gain: number } {
    const tuple = new Array<number>(this.#starts.length - 1).fill(-1);
    const chosen = [a, b];
    tuple[this.#factorOf[a] as number] = a - this.#startOf(a);
    tuple[this.#factorOf[b] as number] = b - this.#startOf(b);
    let gain = 1;
    for (const f of shuffled(tuple.length, seed)) {
      if (tuple[f] !== -1) continue;
      const best = this.#bestValue(f, chosen, mix32(seed + f));
      if (!best) return { tuple, gain: 0 };
      tuple[f] = best.value - (this.#starts[f] as number);
      chosen.push(best.value);
      gain += best.gain;
    }
    return { tuple, gain };
  }

  cover(tuple: readonly number[]): void {
    const chosen = tuple.map((value, f) => (this.#starts[f] as number) + value);
    chosen.forEach((first, f) => {
      for (const second of chosen.slice(f + 1)) this.close(first, second);
    });
  }

  close(first: number, second: number): void {
    if (!this.#open[first * this.#count + second]) return;
    this.#left -= 1;
    this.#open[first * this.#count + second] = 0;
    this.#open[second * this.#count + first] = 0;
  }

  #bestValue(
    f: number,
    chosen: readonly number[],
    seed: number,
  ): { value: number; gain: number } | undefined {
    const start = this.#starts[f] as number;
    const count = (this.#starts[f + 1] as number) - start;
    let best: { value: number; gain: number } | undefined;
    for (let step = 0; step < count; step += 1) {
      const value = start + ((seed + step) % count);
      const row = value * this.#count;
      let gain = 0;
      for (const other of chosen) {
        if (this.#forbidden[row + other]) gain = Number.NEGATIVE_INFINITY;
        gain += this.#open[row + other] as number;
      }
      if (gain >= 0 && (!best || gain > best.gain)) best = { value, gain };
    }
    return best;
  }

  #add(first: number, second: number, asked: ReturnType<PairRule>): void {
    const marked = asked === "needed" ? this.#open : this.#forbidden;
    if (asked === "optional") return;
    marked[first * this.#count + second] = 1;
    marked[second * this.#count + first] = 1;
    if (asked === "forbidden") return;
    this.#list.push([first, second]);
    this.#left += 1;
  }

  #startOf(value: number): number {
    return this.#starts[this.#factorOf[value] as number] as number;
  }

  #endOf(value: number): number {
    return this.#starts[(this.#factorOf[value] as number) + 1] as number;
  }
}

function shuffled(count: number, seed: number): number[] {
  const keys = Array.from({ length: count }, (_, index) => mix32(seed ^ (index + 1)));
  return keys.map((_, index) => index).sort((a, b) => (keys[a] as number) - (keys[b] as number));
}
