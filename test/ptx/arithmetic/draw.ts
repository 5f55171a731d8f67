// Random operands with a fixed seed, and the counting of cases.
import { expect, vi } from "vitest";

// A busy machine may be ten times slower than the half second that the longest of these tests takes.
vi.setConfig({ testTimeout: 60_000 });

/** xorshift32: 32 random bits a call, the same sequence in every run. */
export class Bits {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x;
    return x >>> 0;
  }

  below(n: number): number {
    return Math.floor((this.next() / 4294967296) * n);
  }

  /** A float32 with uniformly drawn bits: every exponent alike, NaN and infinities included. */
  f32(): number {
    return f32Of(this.next());
  }

  /** A float32 with magnitude between 2^low and 2^high. */
  f32Between(low: number, high: number): number {
    const exponent = low + this.below(high - low) + 127;
    return f32Of((this.next() & 0x807fffff) | (exponent << 23));
  }

  f64(): number {
    words[0] = this.next();
    words[1] = this.next();
    return doubles[0] as number;
  }

  bits16(): number {
    return this.next() & 0xffff;
  }
}

const words = new Uint32Array(2);
const doubles = new Float64Array(words.buffer);
const singles = new Float32Array(words.buffer);

export function f32Of(bits: number): number {
  words[0] = bits;
  return singles[0] as number;
}

/** Compares many cases by bits (Object.is: zeros by sign, any NaN equal) and fails with the first difference. */
export class Checker {
  cases = 0;
  #failures = 0;
  #first: string | undefined;

  check(actual: unknown, expected: unknown, describe: () => string): void {
    this.cases++;
    if (Object.is(actual, expected)) return;
    this.#failures++;
    this.#first ??= `${describe()}: got ${String(actual)}, exact ${String(expected)}`;
  }

  /** Ends a test: no difference, and at least so many cases. */
  done(atLeast: number): void {
    expect(this.#first, `${this.#failures} of ${this.cases} cases differ`).toBeUndefined();
    expect(this.cases).toBeGreaterThanOrEqual(atLeast);
  }
}
