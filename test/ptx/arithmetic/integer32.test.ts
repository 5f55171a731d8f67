import { expect, test } from "vitest";
import * as integer from "../../../tools/ptx/arithmetic/integer32.ts";
import { Bits, Checker } from "./draw.ts";

// Integers are exact. The definitions below follow the ISA's pseudocode bit by bit, in BigInt or strings.
const edges = [
  0, 1, 2, 31, 32, 33, 255, 256, -1, -2, 0x7fffffff, -0x80000000, 0xffffff, 0x800000, 0x12345678,
];
const s = (n: bigint) => Number(BigInt.asIntN(32, n));
const U = (a: number) => BigInt(a >>> 0);
const S = (a: number) => BigInt(a | 0);
const bit = (a: number, n: number) => (n > 31 ? 0 : (a >>> n) & 1);

function each(count: number, check: (a: number, b: number, c: number) => void): void {
  for (const a of edges) for (const b of edges) for (const c of edges) check(a, b, c);
  const bits = new Bits(41);
  for (let i = 0; i < count; i++)
    check(bits.next() | 0, (bits.next() | 0) >> bits.below(32), bits.next() | 0);
}

test("mul.hi, mul24, mad24 saturation, sad, div, rem: BigInt agrees on 23 000 operands", () => {
  const checker = new Checker();
  each(20_000, (a, b, c) => {
    const is = (got: number, want: bigint, name: string) =>
      checker.check(got, s(want), () => `${name} ${a} ${b} ${c}`);
    is(integer.mulHiU32(a, b), (U(a) * U(b)) >> 32n, "mul.hi.u32");
    is(integer.mulHiS32(a, b), (S(a) * S(b)) >> 32n, "mul.hi.s32");
    const [a24, b24] = [U(a) & 0xffffffn, U(b) & 0xffffffn];
    const [x24, y24] = [BigInt.asIntN(24, a24), BigInt.asIntN(24, b24)];
    is(integer.mul24Lo(a, b, false), a24 * b24, "mul24.lo.u32");
    is(integer.mul24Lo(a, b, true), x24 * y24, "mul24.lo.s32");
    is(integer.mul24Hi(a, b, false), (a24 * b24) >> 16n, "mul24.hi.u32");
    is(integer.mul24Hi(a, b, true), (x24 * y24) >> 16n, "mul24.hi.s32");
    const clamp = (n: bigint) =>
      n > 2147483647n ? 2147483647n : n < -2147483648n ? -2147483648n : n;
    is(integer.addSatS32(a, b), clamp(S(a) + S(b)), "add.sat");
    is(integer.subSatS32(a, b), clamp(S(a) - S(b)), "sub.sat");
    const size = (n: bigint) => (n < 0n ? -n : n);
    is(integer.sadS32(a, b, c), S(c) + size(S(a) - S(b)), "sad.s32");
    is(integer.sadU32(a, b, c), S(c) + size(U(a) - U(b)), "sad.u32");
    is(integer.divS32(a, b), b === 0 ? -1n : S(a) / S(b), "div.s32");
    is(integer.divU32(a, b), b === 0 ? -1n : U(a) / U(b), "div.u32");
    is(integer.remS32(a, b), b === 0 ? -1n : S(a) % S(b), "rem.s32");
    is(integer.remU32(a, b), b === 0 ? -1n : U(a) % U(b), "rem.u32");
  });
  checker.done(300_000);
});

test("shl, shr and shf clamp or wrap their amounts", () => {
  const checker = new Checker();
  each(10_000, (a, b, c) => {
    for (const n of [c, c & 63]) {
      const is = (got: number, want: bigint, name: string) =>
        checker.check(got, s(want), () => `${name} ${a} ${b} ${n}`);
      const amount = BigInt(Math.min(n >>> 0, 32));
      is(integer.shl32(a, n), U(a) << amount, "shl");
      is(integer.shrU32(a, n), U(a) >> amount, "shr.u32");
      is(integer.shrS32(a, n), S(a) >> amount, "shr.s32");
      const both = (U(b) << 32n) | U(a);
      for (const wrap of [false, true]) {
        const by = wrap ? BigInt(n & 31) : amount;
        is(integer.funnelLeft(a, b, n, wrap), (both << by) >> 32n, `shf.l ${wrap}`);
        is(integer.funnelRight(a, b, n, wrap), both >> by, `shf.r ${wrap}`);
      }
    }
  });
  checker.done(150_000);
});

test("dp4a, dp2a, lop3 and prmt follow the ISA's pseudocode", () => {
  const checker = new Checker();
  const field = (a: number, at: number, width: number, signed: boolean) => {
    const raw = (U(a) >> BigInt(at)) & ((1n << BigInt(width)) - 1n);
    return signed ? BigInt.asIntN(width, raw) : raw;
  };
  each(4_000, (a, b, c) => {
    const is = (got: number, want: bigint, name: string) =>
      checker.check(got, s(want), () => `${name} ${a} ${b} ${c}`);
    for (const x of [false, true])
      for (const y of [false, true]) {
        let dot = S(c);
        for (const at of [0, 8, 16, 24]) dot += field(a, at, 8, x) * field(b, at, 8, y);
        is(integer.dp4a(a, b, c, x, y), dot, "dp4a");
        for (const high of [false, true]) {
          const at = high ? 16 : 0;
          const two =
            field(a, 0, 16, x) * field(b, at, 8, y) + field(a, 16, 16, x) * field(b, at + 8, 8, y);
          is(integer.dp2a(a, b, c, x, y, high), S(c) + two, "dp2a");
        }
      }
    const table = c & 0xff;
    let looked = 0n;
    for (let i = 0; i < 32; i++)
      looked |= BigInt((table >> (bit(a, i) * 4 + bit(b, i) * 2 + bit(c, i))) & 1) << BigInt(i);
    is(integer.lop3(a, b, c, table), looked, "lop3");
    const bytes = (U(b) << 32n) | U(a);
    let permuted = 0n;
    for (let i = 0; i < 4; i++) {
      const pick = (c >>> (4 * i)) & 15;
      const byte = (bytes >> BigInt(8 * (pick & 7))) & 255n;
      permuted |= (pick > 7 ? (byte > 127n ? 255n : 0n) : byte) << BigInt(8 * i);
    }
    is(integer.permute(a, b, c), permuted, "prmt");
  });
  checker.done(100_000);
});

test("prmt's named modes give the bytes of the ISA's tables", () => {
  const [a, b] = [0x33221100, 0x77665544];
  const rows = (mode: integer.PermuteMode) =>
    [0, 1, 2, 3].map((c) => (integer.permute(a, b, c, mode) >>> 0).toString(16).padStart(8, "0"));
  expect(rows("f4e")).toEqual(["33221100", "44332211", "55443322", "66554433"]);
  expect(rows("b4e")).toEqual(["55667700", "66770011", "77001122", "00112233"]);
  expect(rows("rc8")).toEqual(["00000000", "11111111", "22222222", "33333333"]);
  expect(rows("ecl")).toEqual(["33221100", "33221111", "33222222", "33333333"]);
  expect(rows("ecr")).toEqual(["00000000", "11111100", "22221100", "33221100"]);
  expect(rows("rc16")).toEqual(["11001100", "33223322", "11001100", "33223322"]);
});

test("popc, brev, bfind, bfe, bfi, bmsk and szext equal their definitions bit by bit", () => {
  const checker = new Checker();
  each(6_000, (a, b, c) => {
    const is = (got: number, want: bigint, name: string) =>
      checker.check(got, s(want), () => `${name} ${a} ${b} ${c}`);
    const text = (a >>> 0).toString(2).padStart(32, "0");
    is(integer.popc32(a), BigInt(text.replaceAll("0", "").length), "popc");
    is(integer.brev32(a), BigInt(`0b${[...text].reverse().join("")}`), "brev");
    const one = text.indexOf("1");
    const unlike = text.indexOf(text[0] === "1" ? "0" : "1");
    is(integer.bfind32(a, false, false), BigInt(one < 0 ? -1 : 31 - one), "bfind.u32");
    is(integer.bfind32(a, true, true), BigInt(unlike), "bfind.shiftamt.s32");
    const [pos, len] = [b & 0xff, c & 0xff];
    for (const signed of [false, true]) {
      const fill = signed && len > 0 ? bit(a, Math.min(pos + len - 1, 31)) : 0;
      let want = 0n;
      for (let i = 0; i < 32; i++)
        want |= BigInt(i < len && pos + i <= 31 ? bit(a, pos + i) : fill) << BigInt(i);
      is(integer.bfe32(a, b, c, signed), want, `bfe ${signed}`);
    }
    let inserted = U(0x5a5a1234);
    for (let i = 0; i < len && pos + i <= 31; i++) {
      const at = BigInt(pos + i);
      inserted = (inserted & ~(1n << at)) | (BigInt(bit(a, i)) << at);
    }
    is(integer.bfi32(a, 0x5a5a1234, b, c), inserted, "bfi");
    for (const wrap of [false, true]) {
      const start = wrap ? b & 31 : Math.min(b >>> 0, 32);
      const width = wrap ? c & 31 : Math.min(c >>> 0, 32);
      let mask = 0n;
      for (let i = 0; i < width && start + i < 32; i++) mask |= 1n << BigInt(start + i);
      is(integer.bmsk(b, c, wrap), mask, `bmsk ${wrap}`);
      for (const signed of [false, true]) {
        const cut = U(a) & ((1n << BigInt(start)) - 1n);
        is(
          integer.szext(a, b, signed, wrap),
          signed ? BigInt.asIntN(start, cut) : cut,
          `szext ${wrap} ${signed}`,
        );
      }
    }
  });
  checker.done(100_000);
});
