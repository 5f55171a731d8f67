import { expect, test } from "vitest";
import * as bits64 from "../../../tools/ptx/arithmetic/bits64.ts";
import * as convert from "../../../tools/ptx/arithmetic/convert.ts";
import { roundTo32 } from "../../../tools/ptx/arithmetic/float32.ts";
import { fromBf16, toBf16Rounded } from "../../../tools/ptx/arithmetic/halves.ts";
import * as int64 from "../../../tools/ptx/arithmetic/int64.ts";
import { mulHiS32, mulHiU32 } from "../../../tools/ptx/arithmetic/integer32.ts";
import { Bits, Checker } from "./draw.ts";
import * as exact from "./exact.ts";

// Integers are exact: every result equals BigInt's, cut to 64 bits.
const { pair } = int64;
const words = [
  0, 1, 2, 3, -1, -2, 0x7fffffff, -0x80000000, 0x10000, 0x1fffff, 0x200000, 0xffff, 255, 0x55555555,
];

function operands(count: number): [number, number, number, number][] {
  const bits = new Bits(31);
  const word = () =>
    bits.next() & 3 ? bits.next() | 0 : (words[bits.below(words.length)] as number);
  return Array.from({ length: count }, () => [word(), word(), word(), word()]);
}

const u = BigInt.asUintN.bind(null, 64);
const s = BigInt.asIntN.bind(null, 64);
const result = () => int64.unsigned64(pair[0] as number, pair[1] as number);

test("mul, div, rem, comparisons and conversions equal BigInt: 50 000 operand pairs", () => {
  const checker = new Checker();
  for (const [al, ah, bl, bh] of operands(50_000)) {
    const [a, b] = [int64.unsigned64(al, ah), int64.unsigned64(bl, bh)];
    const is = (name: string, want: bigint) =>
      checker.check(result(), u(want), () => `${name} ${a} ${b}`);
    pair[0] = Math.imul(al, bl);
    pair[1] = int64.mulLo64Hi(al, ah, bl, bh);
    is("mul.lo", a * b);
    int64.mulHiU64(al, ah, bl, bh);
    is("mul.hi.u64", (a * b) >> 64n);
    int64.mulHiS64(al, ah, bl, bh);
    is("mul.hi.s64", (s(a) * s(b)) >> 64n);
    pair[0] = Math.imul(al, bl);
    pair[1] = mulHiU32(al, bl);
    is("mul.wide.u32", BigInt(al >>> 0) * BigInt(bl >>> 0));
    pair[1] = mulHiS32(al, bl);
    is("mul.wide.s32", BigInt(al) * BigInt(bl));
    int64.divU64(al, ah, bl, bh);
    is("div.u64", b === 0n ? -1n : a / b);
    int64.remU64(al, ah, bl, bh);
    is("rem.u64", b === 0n ? -1n : a % b);
    int64.divS64(al, ah, bl, bh);
    is("div.s64", b === 0n ? -1n : s(a) / s(b));
    int64.remS64(al, ah, bl, bh);
    is("rem.s64", b === 0n ? -1n : s(a) % s(b));
    bits64.absS64(al, ah);
    is("abs.s64", s(a) < 0n ? -s(a) : a);
    checker.check(int64.lessU64(al, ah, bl, bh), a < b, () => `lt.u64 ${a} ${b}`);
    checker.check(int64.lessS64(al, ah, bl, bh), s(a) < s(b), () => `lt.s64 ${a} ${b}`);
    checker.check(int64.s64ToNumber(al, ah), Number(s(a)), () => `f64.s64 ${a}`);
    checker.check(int64.u64ToNumber(al, ah), Number(a), () => `f64.u64 ${a}`);
    int64.fromBigInt(a * b);
    is("fromBigInt", a * b);
  }
  checker.done(700_000);
});

test("the documented inline add, sub and neg carry into the high word", () => {
  const checker = new Checker();
  for (const [al, ah, bl, bh] of operands(20_000)) {
    const [a, b] = [int64.unsigned64(al, ah), int64.unsigned64(bl, bh)];
    const sum = (al + bl) | 0;
    checker.check(
      int64.unsigned64(sum, (ah + bh + (sum >>> 0 < al >>> 0 ? 1 : 0)) | 0),
      u(a + b),
      () => `add ${a} ${b}`,
    );
    checker.check(
      int64.unsigned64((al - bl) | 0, (ah - bh - (al >>> 0 < bl >>> 0 ? 1 : 0)) | 0),
      u(a - b),
      () => `sub ${a} ${b}`,
    );
    checker.check(
      int64.unsigned64(-al | 0, (~ah + (al === 0 ? 1 : 0)) | 0),
      u(-a),
      () => `neg ${a}`,
    );
  }
  checker.done(60_000);
});

test("shifts by 0 to 70 and by 2^31 clamp as PTX says", () => {
  const checker = new Checker();
  const amounts = [...Array.from({ length: 71 }, (_, n) => n), -0x80000000, -1];
  for (const [lo, hi] of operands(200))
    for (const n of amounts) {
      const a = int64.unsigned64(lo, hi);
      const amount = BigInt(Math.min(n >>> 0, 64));
      const is = (got: bigint, want: bigint, name: string) =>
        checker.check(got, u(want), () => `${name} ${a} ${n}`);
      is(int64.unsigned64(int64.shl64Lo(lo, n), int64.shl64Hi(lo, hi, n)), a << amount, "shl");
      is(
        int64.unsigned64(int64.shrU64Lo(lo, hi, n), int64.shrU64Hi(hi, n)),
        a >> amount,
        "shr.u64",
      );
      is(
        int64.unsigned64(int64.shrS64Lo(lo, hi, n), int64.shrS64Hi(hi, n)),
        s(a) >> amount,
        "shr.s64",
      );
    }
  checker.done(40_000);
});

test("clz, popc, brev, bfind, bfe and bfi equal their definitions bit by bit: 5 000 operands", () => {
  const checker = new Checker();
  const random = new Bits(32);
  for (const [al, ah, bl, bh] of operands(5_000)) {
    const [a, b] = [int64.unsigned64(al, ah), int64.unsigned64(bl, bh)];
    const text = a.toString(2).padStart(64, "0");
    const is = (got: unknown, want: unknown, name: string) =>
      checker.check(got, want, () => `${name} ${a} ${b}`);
    is(bits64.clz64(al, ah), a === 0n ? 64 : text.indexOf("1"), "clz");
    is(bits64.popc64(al, ah), text.replaceAll("0", "").length, "popc");
    bits64.brev64(al, ah);
    is(result(), BigInt(`0b${[...text].reverse().join("")}`), "brev");
    const unlike = text.indexOf(text[0] === "1" ? "0" : "1");
    is(bits64.bfind64(al, ah, true, false), unlike < 0 ? -1 : 63 - unlike, "bfind.s64");
    is(
      bits64.bfind64(al, ah, false, true),
      a === 0n ? -1 : text.indexOf("1"),
      "bfind.shiftamt.u64",
    );
    const [pos, len] = [random.below(80), random.below(80)];
    // PTX ISA bfe: bit i is a[pos + i] below len, else the sign a[min(pos + len - 1, 63)] (0 if unsigned or len 0).
    const bit = (n: number) => (n > 63 ? 0n : (a >> BigInt(n)) & 1n);
    for (const signed of [false, true]) {
      const fill = signed && len > 0 ? bit(Math.min(pos + len - 1, 63)) : 0n;
      let want = 0n;
      for (let i = 0; i < 64; i++)
        want |= (i < len && pos + i <= 63 ? bit(pos + i) : fill) << BigInt(i);
      bits64.bfe64(al, ah, pos, len, signed);
      is(result(), want, `bfe ${signed} ${pos} ${len}`);
    }
    let inserted = b;
    for (let i = 0; i < len && pos + i <= 63; i++) {
      const at = BigInt(pos + i);
      inserted = (inserted & ~(1n << at)) | (bit(i) << at);
    }
    bits64.bfi64(al, ah, bl, bh, pos, len);
    is(result(), inserted, `bfi ${pos} ${len}`);
  }
  checker.done(40_000);
});

test("u64 and s64 to f32, bf16 and f64 round once in every mode: 480 000 cases, ties and their neighbours", () => {
  const checker = new Checker();
  const bits = new Bits(33);
  const check = (lo: number, hi: number) => {
    for (const [value, odd, f64] of [
      [int64.unsigned64(lo, hi), int64.u64ToOdd(lo, hi), convert.u64ToF64],
      [int64.signed64(lo, hi), int64.s64ToOdd(lo, hi), convert.s64ToF64],
    ] as const)
      for (const mode of exact.modes) {
        const want = (format: exact.Format) =>
          value === 0n ? 0 : exact.round({ m: value, e: 0 }, format, mode);
        checker.check(roundTo32(odd, mode), want(exact.f32), () => `f32.${mode} ${value}`);
        checker.check(
          fromBf16(toBf16Rounded(odd, mode)),
          want(exact.bf16),
          () => `bf16.${mode} ${value}`,
        );
        checker.check(f64(lo, hi, mode), want(exact.f64), () => `f64.${mode} ${value}`);
      }
  };
  for (const lo of words) for (const hi of words) check(lo, hi);
  for (let i = 0; i < 10_000; i++) check(bits.next() | 0, (bits.next() | 0) >> bits.below(32));
  for (let i = 0; i < 10_000; i++) {
    // A tie of f32 or f64 at some size, and +-1 beside it.
    const tie = (BigInt(bits.next() | 1) << 21n) | (BigInt(bits.next() & 1) << 20n);
    int64.fromBigInt((tie << BigInt(bits.below(11))) + BigInt(bits.below(3) - 1));
    check(pair[0] as number, pair[1] as number);
  }
  checker.done(480_000);
  expect(roundTo32(int64.u64ToOdd(1, 0x80000080), "rn")).toBe(2 ** 63 + 2 ** 40); // Number() first would tie to even
});
