import { describe, expect, test } from "vitest";
import { evaluate, expectWords } from "./helpers/evaluate.ts";
import { bitsToFloat, floatBits } from "./helpers/snippet.ts";

const unsigned = (x: number): bigint => BigInt(x >>> 0);
const signed = (x: number): bigint => BigInt(x | 0);
const word = (x: bigint, shift = 0): number => Number(BigInt.asIntN(32, x >> BigInt(shift)));
const pick = (first: boolean, a: bigint, b: bigint): bigint => (first ? a : b);
const samples = [0, 1, -1, 7, 31, 0x7fffffff, -0x80000000, 0x12345678, -0x12345678, 65537, -65536];

describe("32-bit integers", () => {
  const binary: [string, (a: number, b: number) => bigint][] = [
    ["add.s32", (a, b) => signed(a) + signed(b)],
    ["sub.u32", (a, b) => unsigned(a) - unsigned(b)],
    ["mul.lo.s32", (a, b) => signed(a) * signed(b)],
    ["mul.hi.u32", (a, b) => (unsigned(a) * unsigned(b)) >> 32n],
    ["mul.hi.s32", (a, b) => (signed(a) * signed(b)) >> 32n],
    ["min.s32", (a, b) => pick(signed(a) < signed(b), signed(a), signed(b))],
    ["max.u32", (a, b) => pick(unsigned(a) > unsigned(b), unsigned(a), unsigned(b))],
    ["and.b32", (a, b) => signed(a) & signed(b)],
    ["or.b32", (a, b) => signed(a) | signed(b)],
    ["xor.b32", (a, b) => signed(a) ^ signed(b)],
    ["shl.b32", (a, b) => (unsigned(b) > 31n ? 0n : unsigned(a) << unsigned(b))],
    ["shr.u32", (a, b) => (unsigned(b) > 31n ? 0n : unsigned(a) >> unsigned(b))],
    ["shr.s32", (a, b) => signed(a) >> (unsigned(b) > 31n ? 31n : unsigned(b))],
  ];
  test.each(binary)("%s agrees with BigInt", (opcode, expected) => {
    for (const a of samples) {
      for (const b of [0, 3, -1, 0x12345678, 65537]) {
        expectWords(`${opcode} %r10, %r1, %r2;`, [a, b], word(expected(a, b)));
      }
    }
  });

  test("div and rem round toward zero", () => {
    expectWords("div.s32 %r10, %r1, %r2; rem.s32 %r11, %r1, %r2;", [-7, 2], -3, -1);
    expectWords("div.u32 %r10, %r1, %r2; rem.u32 %r11, %r1, %r2;", [-7, 2], 0x7ffffffc, 1);
  });

  test("mad, sad, mul24, dp4a, bit fields, lop3, prmt and funnel shifts", () => {
    expectWords("mad.lo.s32 %r10, %r1, %r2, %r3;", [65537, 65537, 5], word(65537n * 65537n + 5n));
    expectWords("sad.s32 %r10, %r1, %r2, %r3;", [-5, 7, 100], 112);
    expectWords("mul24.lo.u32 %r10, %r1, %r2;", [0x1ffffff, 3], 0xffffff * 3);
    expectWords(
      "dp4a.s32.s32 %r10, %r1, %r2, %r3;",
      [0x01ff0203, 0x02030405, 10],
      2 - 3 + 8 + 15 + 10,
    );
    expectWords("bfe.u32 %r10, %r1, 8, 8; bfe.s32 %r11, %r1, 8, 8;", [0x1234f678], 0xf6, -10);
    expectWords("bfi.b32 %r10, %r1, %r2, 4, 8;", [0xab, -1], 0xfffffabf);
    expectWords("lop3.b32 %r10, %r1, %r2, %r3, 0xea;", [12, 10, 1], (12 & 10) | 1);
    expectWords(
      "lop3.b32 %r10, %r1, %r2, %r3, 0x2d;",
      [0xf0, 0xcc, 0xaa],
      lop3(0xf0, 0xcc, 0xaa, 0x2d),
    );
    expectWords("prmt.b32 %r10, %r1, %r2, 0x5410;", [0x33221100, 0x77665544], 0x55441100);
    expectWords("shf.l.wrap.b32 %r10, %r1, %r2, 8;", [0x11223344, 0x55667788], 0x66778811);
    expectWords("shf.r.clamp.b32 %r10, %r1, %r2, 8;", [0x11223344, 0x55667788], 0x88112233);
    expectWords(
      "clz.b32 %r10, %r1; popc.b32 %r11, %r1; brev.b32 %r12, %r1; bfind.u32 %r13, %r1;",
      [0x00f00001],
      8,
      5,
      0x80000f00,
      23,
    );
  });

  function lop3(a: number, b: number, c: number, table: number): number {
    let out = 0;
    for (let bit = 0; bit < 32; bit++) {
      const index = ((a >>> bit) & 1) * 4 + ((b >>> bit) & 1) * 2 + ((c >>> bit) & 1);
      out |= ((table >> index) & 1) << bit;
    }
    return out;
  }

  test("selections and comparisons", () => {
    expectWords("setp.lt.u32 %p1, %r1, %r2; selp.b32 %r10, 1, 2, %p1;", [-1, 1], 2);
    expectWords("setp.lt.s32 %p1, %r1, %r2; selp.b32 %r10, 1, 2, %p1;", [-1, 1], 1);
    expectWords(
      "setp.gt.and.s32 %p1|%p2, %r1, 0, !%p3; selp.u32 %r10, 1, 0, %p1; selp.u32 %r11, 1, 0, %p2;",
      [5],
      1,
      0,
    );
    expectWords("slct.s32.s32 %r10, %r1, %r2, %r3;", [11, 22, -1], 22);
    expectWords("set.eq.u32.s32 %r10, %r1, %r2;", [4, 4], -1);
    expectWords("setp.ne.s32 %p1, %r1, 0; @%p1 mov.u32 %r10, 5; @!%p1 mov.u32 %r10, 6;", [1], 5);
  });
});

describe("64-bit integers", () => {
  const pairs: [bigint, bigint][] = [
    [0n, 1n],
    [0x1_0000_0000n, 0xffff_ffffn],
    [-1n, 1n],
    [0x7fff_ffff_ffff_ffffn, -2n],
    [-0x8000_0000_0000_0000n, 3n],
    [0x0123_4567_89ab_cdefn, -0x0fed_cba9_8765_4321n],
    // Past 2^53, where numbers are not exact.
    [(1n << 60n) + 1n, (1n << 55n) + 3n],
  ];
  const u = (x: bigint): bigint => BigInt.asUintN(64, x);
  const operations: [string, (a: bigint, b: bigint) => bigint][] = [
    ["add.s64", (a, b) => a + b],
    ["sub.s64", (a, b) => a - b],
    ["mul.lo.s64", (a, b) => a * b],
    ["mul.hi.s64", (a, b) => (a * b) >> 64n],
    ["mul.hi.u64", (a, b) => (u(a) * u(b)) >> 64n],
    ["div.s64", (a, b) => a / b],
    ["rem.s64", (a, b) => a % b],
    ["div.u64", (a, b) => u(a) / u(b)],
    ["rem.u64", (a, b) => u(a) % u(b)],
    ["min.s64", (a, b) => pick(a < b, a, b)],
    ["max.u64", (a, b) => pick(u(a) > u(b), a, b)],
    ["and.b64", (a, b) => a & b],
    ["xor.b64", (a, b) => a ^ b],
  ];
  test.each(operations)("%s agrees with BigInt", (opcode, expected) => {
    for (const [a, b] of pairs) {
      const operands = [word(a), word(a, 32), word(b), word(b, 32)];
      const result = expected(a, b);
      expectWords(
        `${opcode} %rd3, %rd1, %rd2; mov.b64 {%r10, %r11}, %rd3;`,
        operands,
        word(result),
        word(result, 32),
      );
      // In place: the result replaces the first operand.
      expectWords(
        `${opcode} %rd1, %rd1, %rd2; mov.b64 {%r10, %r11}, %rd1;`,
        operands,
        word(result),
        word(result, 32),
      );
    }
  });

  test.each([0, 1, 31, 32, 33, 63, 64, 200])("shifts by %i", (n) => {
    const a = -0x0123_4567_89ab_cdefn;
    const big = BigInt(n);
    const left = n > 63 ? 0n : a << big;
    const right = a >> (n > 63 ? 63n : big);
    const logical = n > 63 ? 0n : u(a) >> big;
    const operands = [word(a), word(a, 32), n];
    const store = "mov.b64 {%r10, %r11}, %rd3;";
    expectWords(`shl.b64 %rd3, %rd1, %r3; ${store}`, operands, word(left), word(left, 32));
    expectWords(`shl.b64 %rd3, %rd1, ${n}; ${store}`, operands, word(left), word(left, 32));
    expectWords(`shr.s64 %rd3, %rd1, ${n}; ${store}`, operands, word(right), word(right, 32));
    expectWords(`shr.u64 %rd3, %rd1, %r3; ${store}`, operands, word(logical), word(logical, 32));
  });

  test("mul.wide and mad.wide", () => {
    for (const a of samples) {
      for (const b of samples) {
        const s = signed(a) * signed(b);
        const p = unsigned(a) * unsigned(b);
        expectWords(
          "mul.wide.s32 %rd3, %r1, %r2; mov.b64 {%r10, %r11}, %rd3; mul.wide.u32 %rd4, %r1, %r2; mov.b64 {%r12, %r13}, %rd4;",
          [a, b],
          word(s),
          word(s, 32),
          word(p),
          word(p, 32),
        );
      }
      const wide = signed(a) * 16n;
      expectWords(
        "mul.wide.s32 %rd3, %r1, 16; mov.b64 {%r10, %r11}, %rd3;",
        [a],
        word(wide),
        word(wide, 32),
      );
    }
  });

  test("comparisons look at all 64 bits", () => {
    expectWords(
      "setp.lt.s64 %p1, %rd1, %rd2; setp.lt.u64 %p2, %rd1, %rd2; selp.u32 %r10, 1, 0, %p1; selp.u32 %r11, 1, 0, %p2;",
      [0, -1, 0, 0],
      1,
      0,
    );
    expectWords("setp.eq.s64 %p1, %rd1, %rd2; selp.u32 %r10, 1, 0, %p1;", [5, 1, 5, 0], 0);
  });
});

describe("float32", () => {
  const f = floatBits;
  test("add, mul and div round once, to nearest even", () => {
    expectWords("add.f32 %f4, %f1, %f2; mov.b32 %r10, %f4;", [f(1), f(2 ** -24)], f(1));
    expectWords(
      "add.rp.f32 %f4, %f1, %f2; mov.b32 %r10, %f4;",
      [f(1), f(2 ** -24)],
      f(1 + 2 ** -23),
    );
    expectWords(
      "mul.f32 %f4, %f1, %f2; mov.b32 %r10, %f4;",
      [f(1.1), f(1.3)],
      f(Math.fround(Math.fround(1.1) * Math.fround(1.3))),
    );
    expectWords("div.rn.f32 %f4, %f1, %f2; mov.b32 %r10, %f4;", [f(1), f(3)], 0x3eaaaaab);
    expectWords("sqrt.rn.f32 %f4, %f1; mov.b32 %r10, %f4;", [f(2)], 0x3fb504f3);
  });

  test("fma rounds once where a double rounds twice", () => {
    // a * a = 1 + 2^-11 + 2^-24 is a midpoint of two floats; what is added decides, and a double addition loses it.
    const a = 1 + 2 ** -12;
    const up = f(1 + 2 ** -11 + 2 ** -23);
    const down = f(1 + 2 ** -11);
    const code = "fma.rn.f32 %f4, %f1, %f2, %f3; mov.b32 %r10, %f4;";
    expect(f(Math.fround(a * a + 2 ** -60))).toBe(down);
    expectWords(code, [f(a), f(a), f(2 ** -60)], up);
    expectWords(code, [f(a), f(a), f(-(2 ** -60))], down);
    expectWords(code, [f(a), f(-a), f(-(2 ** -60))], up | 0x80000000);
    expectWords(code, [f(a), f(a), 0], down);
  });

  test("NaN results are canonical, NaN inputs that are only moved keep their bits", () => {
    expectWords(
      "sub.f32 %f4, %f1, %f1; mov.b32 %r10, %f4;",
      [f(Number.POSITIVE_INFINITY)],
      0x7fffffff,
    );
    expectWords("mov.f32 %f4, %f1; mov.b32 %r10, %f4;", [0x7f800001], 0x7f800001);
    expectWords(
      "setp.eq.s32 %p1, %r2, 0; selp.f32 %f4, %f1, %f2, %p1; mov.b32 %r10, %f4;",
      [0xffa00001, 0],
      0xffa00001,
    );
  });

  test("min and max prefer numbers, their NaN forms do not", () => {
    const nan = 0x7fc00000;
    expectWords(
      "min.f32 %f4, %f1, %f2; mov.b32 %r10, %f4; max.NaN.f32 %f5, %f1, %f2; mov.b32 %r11, %f5;",
      [nan, f(3)],
      f(3),
      0x7fffffff,
    );
    expectWords("min.f32 %f4, %f1, %f2; mov.b32 %r10, %f4;", [f(-0), 0], f(-0));
  });

  test("subnormals are kept, and flushed by .ftz alone", () => {
    expectWords(
      "add.f32 %f4, %f1, %f2; mov.b32 %r10, %f4; add.ftz.f32 %f5, %f1, %f2; mov.b32 %r11, %f5;",
      [1, 2],
      3,
      0,
    );
    expectWords("mul.ftz.f32 %f4, %f1, %f2; mov.b32 %r10, %f4;", [-0x7fffffff, f(1)], f(-0));
  });

  test("comparisons with NaN: ordered ones are false, unordered ones true", () => {
    expectWords(
      "setp.ne.f32 %p1, %f1, %f2; setp.neu.f32 %p2, %f1, %f2; setp.ltu.f32 %p3, %f1, %f2; setp.nan.f32 %p4, %f1, %f2; selp.u32 %r10,1,0,%p1; selp.u32 %r11,1,0,%p2; selp.u32 %r12,1,0,%p3; selp.u32 %r13,1,0,%p4;",
      [0x7fc00000, f(1)],
      0,
      1,
      1,
      1,
    );
  });

  test("approximate functions are within their documented error", () => {
    for (const x of [0.5, 1, 2, 3, 1e-30, 1e30]) {
      const [words] = evaluate(
        "rsqrt.approx.f32 %f4, %f1; mov.b32 %r10, %f4; rcp.approx.f32 %f5, %f1; mov.b32 %r11, %f5; ex2.approx.f32 %f6, %f2; mov.b32 %r12, %f6; lg2.approx.f32 %f7, %f1; mov.b32 %r13, %f7;",
        f(x),
        f(0.3),
      );
      const value = (k: number): number => bitsToFloat(words?.[k] ?? 0);
      expect(Math.abs(value(0) * Math.sqrt(x) - 1)).toBeLessThan(2 ** -22.4);
      expect(Math.abs(value(1) * Math.fround(x) - 1)).toBeLessThan(2 ** -22);
      expect(Math.abs(value(2) - 2 ** Math.fround(0.3))).toBeLessThan(2 ** -21);
      expect(Math.abs(value(3) - Math.log2(Math.fround(x)))).toBeLessThanOrEqual(2 ** -17);
    }
  });

  test("copysign, testp and neg work on bits", () => {
    expectWords("copysign.f32 %f4, %f1, %f2; mov.b32 %r10, %f4;", [f(-1), f(5)], f(-5));
    expectWords(
      "testp.infinite.f32 %p1, %f1; selp.u32 %r10, 1, 0, %p1; testp.subnormal.f32 %p2, %f2; selp.u32 %r11, 1, 0, %p2;",
      [f(Number.NEGATIVE_INFINITY), 1],
      1,
      1,
    );
    expectWords(
      "neg.f32 %f4, %f1; mov.b32 %r10, %f4; abs.f32 %f5, %f4; mov.b32 %r11, %f5;",
      [f(2.5)],
      f(-2.5),
      f(2.5),
    );
  });
});

describe("float64", () => {
  test("arithmetic is exact double arithmetic, fma rounds once", () => {
    const bits = (x: number): [number, number] => {
      const words = new Int32Array(Float64Array.of(x).buffer);
      return [words[0] ?? 0, words[1] ?? 0];
    };
    const [a, b] = [0.1, 0.2];
    expectWords(
      "add.f64 %d3, %d1, %d2; mov.b64 {%r10, %r11}, %d3; mul.f64 %d4, %d1, %d2; mov.b64 {%r12, %r13}, %d4;",
      [...bits(a), ...bits(b)],
      ...bits(a + b),
      ...bits(a * b),
    );
    // x*x - fl(x*x) is not zero: the error of the product.
    const x = 1 + 2 ** -30;
    expectWords(
      "mul.f64 %d3, %d1, %d1; neg.f64 %d3, %d3; fma.rn.f64 %d4, %d1, %d1, %d3; mov.b64 {%r10, %r11}, %d4;",
      [...bits(x), 0, 0],
      ...bits(2 ** -60),
    );
  });
});

describe("16-bit floats", () => {
  test("conversions round once, to nearest even", () => {
    const f = floatBits;
    expectWords(
      "cvt.rn.bf16.f32 %h10, %f1; mov.b32 %r10, {%h10, 0}; cvt.rn.f16.f32 %h11, %f1; mov.b32 %r11, {%h11, 0};",
      [f(1 + 2 ** -8)],
      0x3f80,
      0x3c04,
    );
    expectWords(
      "cvt.rn.bf16.f32 %h10, %f1; cvt.u32.u16 %r10, %h10; cvt.rn.f16.f32 %h11, %f1; cvt.u32.u16 %r11, %h11;",
      [0x7f800001],
      0x7fff,
      0x7fff,
    );
    expectWords("cvt.rn.f16.f32 %h11, %f1; cvt.u32.u16 %r10, %h11;", [f(65520)], 0x7c00);
    expectWords(
      "cvt.rn.f16x2.f32 %r10, %f1, %f2; cvt.rn.bf16x2.f32 %r11, %f1, %f2;",
      [f(2), f(1)],
      0x40003c00,
      0x40003f80,
    );
    expectWords(
      "cvt.f32.f16 %f4, %h1; mov.b32 %r10, %f4; cvt.f32.bf16 %f5, %h2; mov.b32 %r11, %f5;",
      [0x3f803c00],
      f(1),
      f(1),
    );
    expectWords(
      "cvt.rn.satfinite.e4m3x2.f32 %h10, %f1, %f2; cvt.u32.u16 %r10, %h10;",
      [f(1000), f(1)],
      0x7e38,
    );
  });

  test("arithmetic on f16 and bf16 bits rounds once", () => {
    expectWords(
      "add.f16 %h10, %h1, %h3; cvt.u32.u16 %r10, %h10; mul.bf16 %h11, %h2, %h4; cvt.u32.u16 %r11, %h11;",
      [0x40403c00, 0x40403c01],
      0x4000,
      0x4110,
    );
    expectWords(
      "fma.rn.bf16x2 %r10, %r1, %r2, %r3;",
      [0x3f803f80, 0x40004000, 0x3f803f80],
      0x40404040,
    );
    expectWords(
      "add.f16x2 %r10, %r1, %r2; neg.f16x2 %r11, %r1; max.f16x2 %r12, %r1, %r2;",
      [0x3c004000, 0x40003c00],
      0x42004200,
      0xbc00c000,
      0x40004000,
    );
  });
});

describe("conversions", () => {
  const f = floatBits;
  test("floats to integers saturate, and NaN is 0", () => {
    expectWords(
      "cvt.rzi.s32.f32 %r10, %f1; cvt.rni.s32.f32 %r11, %f2; cvt.rzi.u32.f32 %r12, %f3;",
      [f(-2.7), f(2.5), f(-3)],
      -2,
      2,
      0,
    );
    expectWords(
      "cvt.rzi.s32.f32 %r10, %f1; cvt.rzi.u32.f32 %r11, %f2; cvt.rpi.s32.f32 %r12, %f3;",
      [f(1e20), 0x7fc00000, f(1.1)],
      0x7fffffff,
      0,
      2,
    );
    expectWords("cvt.rzi.s64.f32 %rd3, %f1; mov.b64 {%r10, %r11}, %rd3;", [f(-(2 ** 40))], 0, -256);
  });

  test("integers to floats round once, 64-bit ones too", () => {
    expectWords(
      "cvt.rn.f32.s32 %f4, %r1; mov.b32 %r10, %f4; cvt.rn.f32.u32 %f5, %r2; mov.b32 %r11, %f5;",
      [16777217, -1],
      f(16777216),
      f(4294967296),
    );
    // 2^53 + 2^29 + 1: to float64 first would land on the midpoint and round down to even.
    const x = 2n ** 53n + 2n ** 29n + 1n;
    expectWords("cvt.rn.f32.u64 %f4, %rd1; mov.b32 %r10, %f4;", [word(x), word(x, 32)], 0x5a000001);
  });

  test("integer widths extend and cut by the source's sign", () => {
    expectWords(
      "cvt.s64.s32 %rd3, %r1; mov.b64 {%r10, %r11}, %rd3; cvt.u64.u32 %rd4, %r1; mov.b64 {%r12, %r13}, %rd4;",
      [-5],
      -5,
      -1,
      -5,
      0,
    );
    expectWords(
      "cvt.s32.s8 %r10, %r1; cvt.u32.u8 %r11, %r1; cvt.s32.s16 %r12, %h1; cvt.u16.u32 %h10, %r1; cvt.u32.u16 %r13, %h10;",
      [0x1234f6f0],
      -16,
      0xf0,
      0xf6f0 - 65536,
      0xf6f0,
    );
    expectWords("cvt.sat.u8.s32 %r10, %r1; cvt.sat.s8.s32 %r11, %r2;", [-7, 300], 0, 127);
  });
});
