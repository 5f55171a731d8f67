import { mix32 } from "./inputs.ts";

/** A named choice with its values. */
export interface Factor {
  name: string;
  values: readonly (string | number)[];
}

/**
 * A small list of tuples in which every two values of every two factors meet at least once.
 * Greedy (AETG: Cohen, Dalal, Fredman, Patton, IEEE TSE 23(7), 1997), with choices between
 * equals drawn from `seed`: the same factors and seed give the same list.
 */
export function pairwise(
  factors: readonly Factor[],
  seed: number,
): Record<string, string | number>[] {
  const open = new OpenPairs(factors);
  const tuples: Record<string, string | number>[] = [];
  while (open.left > 0) {
    const chosen = bestTuple(factors, open, mix32(seed + tuples.length));
    open.cover(chosen);
    tuples.push(
      Object.fromEntries(
        factors.map(({ name, values }, f) => [
          name,
          values[chosen[f] as number] as string | number,
        ]),
      ),
    );
  }
  return tuples;
}

/** Attempts per tuple: more make the list shorter by little and slower by much. */
const attempts = 24;

function bestTuple(factors: readonly Factor[], open: OpenPairs, seed: number): number[] {
  let best: number[] = [];
  let bestGain = -1;
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const tuple = grow(factors, open, mix32(seed ^ (attempt * 0x9e3779b9)));
    const gain = open.gain(tuple);
    if (gain > bestGain) [best, bestGain] = [tuple, gain];
  }
  return best;
}

/** Starts from an uncovered pair, then gives each further factor the value that covers most. */
function grow(factors: readonly Factor[], open: OpenPairs, seed: number): number[] {
  const tuple = new Array<number>(factors.length).fill(-1);
  const [fa, va, fb, vb] = open.anyPair(seed);
  tuple[fa] = va;
  tuple[fb] = vb;
  for (const f of shuffled(factors.length, seed)) {
    if (tuple[f] !== -1) continue;
    const count = (factors[f] as Factor).values.length;
    const first = mix32(seed + f) % count;
    let bestValue = first;
    let bestGain = -1;
    for (let step = 0; step < count; step += 1) {
      const value = (first + step) % count;
      tuple[f] = value;
      const gain = open.gainOf(tuple, f);
      if (gain > bestGain) [bestValue, bestGain] = [value, gain];
    }
    tuple[f] = bestValue;
  }
  return tuple;
}

function shuffled(count: number, seed: number): number[] {
  return Array.from({ length: count }, (_, index) => index).sort(
    (a, b) => mix32(seed ^ (a + 1)) - mix32(seed ^ (b + 1)),
  );
}

/** The pairs of (factor, value) that no tuple holds yet. */
class OpenPairs {
  readonly #pairs = new Map<number, true>();

  constructor(factors: readonly Factor[]) {
    factors.forEach((first, fa) => {
      factors.forEach((second, fb) => {
        if (fa >= fb) return;
        for (let va = 0; va < first.values.length; va += 1) {
          for (let vb = 0; vb < second.values.length; vb += 1) {
            this.#pairs.set(key(fa, va, fb, vb), true);
          }
        }
      });
    });
  }

  get left(): number {
    return this.#pairs.size;
  }

  /** The pairs of factor `f` in a partly filled tuple (-1: not chosen yet) that are still open. */
  gainOf(tuple: readonly number[], f: number): number {
    let gain = 0;
    tuple.forEach((value, other) => {
      if (other === f || value === -1) return;
      if (this.#pairs.has(pairKey(tuple, f, other))) gain += 1;
    });
    return gain;
  }

  gain(tuple: readonly number[]): number {
    return tuple.reduce((sum, _, f) => sum + this.gainOf(tuple, f), 0) / 2;
  }

  cover(tuple: readonly number[]): void {
    tuple.forEach((_, f) => {
      for (let other = f + 1; other < tuple.length; other += 1) {
        this.#pairs.delete(pairKey(tuple, f, other));
      }
    });
  }

  anyPair(seed: number): [number, number, number, number] {
    // A walk from a drawn position: iteration order is insertion order, so this is repeatable.
    const target = seed % this.#pairs.size;
    let index = 0;
    for (const packed of this.#pairs.keys()) {
      if (index === target) return unpack(packed);
      index += 1;
    }
    throw new Error("no open pair");
  }
}

function pairKey(tuple: readonly number[], f: number, other: number): number {
  const [fa, fb] = f < other ? [f, other] : [other, f];
  return key(fa, tuple[fa] as number, fb, tuple[fb] as number);
}

/** At most 32 factors and 1024 values each. */
function key(fa: number, va: number, fb: number, vb: number): number {
  return ((fa * 1024 + va) * 32 + fb) * 1024 + vb;
}

function unpack(packed: number): [number, number, number, number] {
  const vb = packed % 1024;
  const fb = Math.floor(packed / 1024) % 32;
  const va = Math.floor(packed / 32768) % 1024;
  return [Math.floor(packed / 33554432), va, fb, vb];
}
