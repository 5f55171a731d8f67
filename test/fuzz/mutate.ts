import type { Random } from "./random.ts";

const numbers = [
  "0",
  "-1",
  "1",
  "31",
  "32",
  "33",
  "64",
  "255",
  "256",
  "65535",
  "65536",
  "2147483647",
  "2147483648",
  "4294967295",
  "4294967296",
  "9007199254740993",
  "18446744073709551615",
  "18446744073709551616",
  "1e308",
  "1e400",
  "0x7fffffffffffffff",
  "0xffffffffffffffffff",
  "-9223372036854775808",
  "99999999999999999999999999",
  "0f7F800000",
  "0f7FC00000",
  "0d7FF0000000000000",
]; // What parsers and machines have their limits at.

/** One to four changes of a text: at bytes, tokens, numbers and lines. `other` is what lines come from. */
export function mutateText(random: Random, text: string, other = text): string {
  let changed = text;
  for (let times = 1 + random.below(4); times > 0; times--)
    changed = change(random, changed, other);
  return changed;
}

function change(random: Random, text: string, other: string): string {
  const at = random.below(text.length + 1);
  const some = 1 + random.below(random.chance(0.8) ? 20 : 400);
  switch (random.below(11)) {
    case 0:
      return text.slice(0, at) + String.fromCharCode(random.below(256)) + text.slice(at + 1);
    case 1:
      return text.slice(0, at) + text.slice(at + some);
    case 2:
      return (
        text.slice(0, at) +
        text.slice(at, at + some).repeat(1 + random.below(4)) +
        text.slice(at + some)
      );
    case 3:
      return text.slice(0, at);
    case 4:
    case 5:
      return replaceOne(random, text, /\b\d+\b/gu, () => random.pick(numbers));
    case 6:
      return swapTokens(random, text);
    case 7:
      return withLine(random, text, other);
    case 8:
      return withoutLine(random, text);
    case 9:
      return replaceOne(random, text, /\.[usbf](?:8|16|32|64)\b/gu, () =>
        random.pick([".u32", ".s64", ".b8", ".f16", ".f32", ".pred", ".b128", ".f64", ".bf16"]),
      );
    default:
      return (
        text.slice(0, at) +
        random.pick([
          "{",
          "}",
          ";",
          ",",
          "[",
          "]",
          "(",
          ")",
          "@",
          "%",
          ":",
          "\0",
          "\n",
          "//",
          "/*",
          '"',
          "<",
          "%r1",
          "%p1",
          "ret;",
        ]) +
        text.slice(at)
      );
  }
}

function replaceOne(
  random: Random,
  text: string,
  pattern: RegExp,
  by: (found: string) => string,
): string {
  const found = [...text.matchAll(pattern)];
  if (found.length === 0) return text;
  const one = random.pick(found);
  return text.slice(0, one.index) + by(one[0]) + text.slice(one.index + one[0].length);
}

function swapTokens(random: Random, text: string): string {
  const found = [...text.matchAll(/[%.\w$]+/gu)];
  if (found.length < 2) return text;
  const [a, b] = [random.pick(found), random.pick(found)].sort((one, two) => one.index - two.index);
  if (!a || !b || a.index === b.index) return text;
  const between = text.slice(a.index + a[0].length, b.index);
  return text.slice(0, a.index) + b[0] + between + a[0] + text.slice(b.index + b[0].length);
}

function withLine(random: Random, text: string, other: string): string {
  const lines = text.split("\n");
  lines.splice(random.below(lines.length + 1), 0, random.pick(other.split("\n")));
  return lines.join("\n");
}

function withoutLine(random: Random, text: string): string {
  const lines = text.split("\n");
  lines.splice(random.below(lines.length), 1);
  return lines.join("\n");
}

/** Changed, cut and lengthened bytes. */
export function mutateBytes(random: Random, bytes: Uint8Array): Uint8Array {
  let changed = Uint8Array.from(bytes);
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(changed.length + 1);
    switch (random.below(5)) {
      case 0:
        changed = changed.slice(0, at);
        break;
      case 1:
        changed = Uint8Array.from([
          ...changed.slice(0, at),
          ...changed.slice(at + 1 + random.below(8)),
        ]);
        break;
      case 2: {
        // Counts and sizes are words.
        const word = Uint32Array.of(random.pick([0, 1, 0x7fffffff, 0xffffffff, random.bits()]));
        changed.set(new Uint8Array(word.buffer).subarray(0, Math.max(0, changed.length - at)), at);
        break;
      }
      default:
        if (changed.length > 0) changed[random.below(changed.length)] = random.below(256);
    }
  }
  return changed;
}

/** A value of JSON with something in it replaced, removed or added. */
export function mutateJson(random: Random, value: unknown): unknown {
  if (random.chance(0.25)) return strange(random);
  if (Array.isArray(value)) return mutateArray(random, value);
  if (typeof value !== "object" || value === null) return strange(random);
  const entries = Object.entries(value);
  if (random.chance(0.15))
    entries.push([random.pick(["extra", "__proto__", "id", ""]), strange(random)]);
  const at = random.below(entries.length);
  if (random.chance(0.15)) entries.splice(at, 1);
  return Object.fromEntries(
    entries.map(([key, one], i) => [key, i === at ? mutateJson(random, one) : one]),
  );
}

function mutateArray(random: Random, value: readonly unknown[]): unknown[] {
  const copy = [...value];
  const at = random.below(copy.length + 1);
  const how = random.below(5);
  if (how === 0) copy.splice(at, 1);
  else if (how === 1) copy.splice(at, 0, strange(random));
  else if (at < copy.length) copy[at] = mutateJson(random, copy[at]);
  return copy;
}

function strange(random: Random): unknown {
  return random.pick([
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    1e308,
    2 ** 53,
    -(2 ** 63),
    "",
    "0",
    "0x",
    "0x0",
    "0x100000400000",
    "-1",
    "call",
    "judge",
    "0xffffffffffffffff",
    "0x10000000000000000",
    "AAAA",
    "====",
    "\u0000",
    "\ud800",
    "x".repeat(5000),
    [],
    [[]],
    {},
    [1, 1, 1],
    [0, 0, 0],
  ] as unknown[]);
}
