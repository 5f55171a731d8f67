import { describe, expect, test } from "vitest";
import { expectWords } from "./helpers/evaluate.ts";
import { bitsToFloat, firstWords, floatBits, run, store } from "./helpers/snippet.ts";

const words = [0, 1, -1, 0x7fffffff, -0x80000000, 0x12345678, -2, 65535];
const unsigned = (x: number): bigint => BigInt(x >>> 0);
const low = (x: bigint): number => Number(BigInt.asIntN(32, x));
const high = (x: bigint): number => Number(BigInt.asIntN(32, x >> 32n));

describe("carries", () => {
  test("add.cc and addc, sub.cc and subc are 64-bit sums and differences of words", () => {
    for (const a of words) {
      for (const b of words) {
        for (const c of [0, 7, -1]) {
          const [x, y] = [(unsigned(c) << 32n) | unsigned(a), (unsigned(a) << 32n) | unsigned(b)];
          expectWords(
            "add.cc.u32 %r10, %r1, %r2; addc.u32 %r11, %r3, %r1; sub.cc.u32 %r12, %r1, %r2; subc.u32 %r13, %r3, %r1;",
            [a, b, c],
            low(x + y),
            high(x + y),
            low(x - y),
            high(x - y),
          );
        }
      }
    }
  });

  test("a chain passes the carry through the middle, in place too", () => {
    for (const a of words) {
      const x = (unsigned(a) << 64n) | (unsigned(-1) << 32n) | unsigned(a);
      const sum = x + x;
      expectWords(
        `mov.u32 %r10, %r1; mov.u32 %r11, -1; mov.u32 %r12, %r1;
         add.cc.u32 %r10, %r10, %r1; addc.cc.u32 %r11, %r11, %r11; addc.cc.u32 %r12, %r12, %r1; addc.u32 %r13, 0, 0;`,
        [a],
        low(sum),
        high(sum),
        low(sum >> 64n),
        low(sum >> 96n),
      );
    }
  });

  test("mad.lo.cc and madc.hi make the 64-bit product and sum", () => {
    for (const a of words) {
      for (const b of words) {
        const sum = unsigned(a) * unsigned(b) + ((unsigned(a) << 32n) | unsigned(b));
        expectWords(
          "mad.lo.cc.u32 %r10, %r1, %r2, %r2; madc.hi.u32 %r11, %r1, %r2, %r1;",
          [a, b],
          low(sum),
          high(sum),
        );
      }
    }
  });

  test("64-bit words carry as well", () => {
    for (const a of words) {
      const x = (unsigned(a) << 32n) | unsigned(-1);
      const [sum, difference] = [x + x, -x];
      expectWords(
        `mov.b64 %rd3, {%r2, %r1}; add.cc.u64 %rd4, %rd3, %rd3; mov.b64 {%r10, %r11}, %rd4; addc.u32 %r12, 0, 0;
         mov.u64 %rd5, 0; sub.cc.u64 %rd6, %rd5, %rd3; subc.u32 %r13, 0, 0;`,
        [a, -1],
        low(sum),
        high(sum),
        low(sum >> 64n),
        low(difference >> 64n),
      );
    }
  });

  test("the flag is each lane's own, and lives across branches", () => {
    const out = run(`
      and.b32 %r1, %r60, 1; neg.s32 %r1, %r1;
      add.cc.u32 %r2, %r1, 1;
      setp.lt.u32 %p1, %r60, 16; @%p1 bra OVER; mov.u32 %r9, 100; bra GO; OVER: mov.u32 %r9, 200;
      GO: addc.u32 %r3, %r9, 0; ${store("%r3")}`);
    expect(firstWords(out)).toEqual(
      Array.from({ length: 32 }, (_, lane) => (lane < 16 ? 200 : 100) + (lane & 1)),
    );
  });
});

describe("pairs", () => {
  test("16-bit integers side by side", () => {
    const [a, b] = [0x7fff0005, -0x7fff0001];
    expectWords(
      "add.u16x2 %r10, %r1, %r2; min.u16x2 %r11, %r1, %r2; max.s16x2 %r12, %r1, %r2; min.relu.s16x2 %r13, %r1, %r2;",
      [a, b],
      (((a >>> 16) + (b >>> 16)) << 16) | ((a + b) & 0xffff),
      0x7fff0005,
      0x7fff0005,
      0,
    );
    expectWords(
      "max.u16x2 %r10, %r1, %r2; min.s16x2 %r11, %r1, %r2;",
      [a, b],
      -0x7fff0001,
      -0x7fff0001,
    );
  });

  /** sm_100: two float32 in one 64-bit register. */
  test("float32 side by side round each by itself", () => {
    const [x, y, z] = [1 + 2 ** -23, 1 - 2 ** -24, -1];
    const operands = [x, y, z, 3].map(floatBits);
    const f = Math.fround;
    expectWords(
      "fma.rn.f32x2 %rd3, %rd1, %rd1, %rd2; mov.b64 {%r10, %r11}, %rd3; add.rn.f32x2 %rd4, %rd1, %rd2; mov.b64 {%r12, %r13}, %rd4;",
      operands,
      floatBits(f(x * x - 1)),
      floatBits(f(y * y + 3)),
      floatBits(f(x - 1)),
      floatBits(f(y + 3)),
    );
    expectWords(
      "mul.rz.f32x2 %rd3, %rd1, %rd1; mov.b64 {%r10, %r11}, %rd3; sub.f32x2 %rd1, %rd2, %rd1; mov.b64 {%r12, %r13}, %rd1;",
      operands,
      floatBits(1 + 2 ** -22),
      floatBits(1 - 2 ** -23),
      floatBits(f(-1 - x)),
      floatBits(f(3 - y)),
    );
    expectWords(
      "mul.ftz.f32x2 %rd3, %rd1, %rd1; mov.b64 {%r10, %r11}, %rd3;",
      [1, 0x7fc12345],
      0,
      0x7fffffff,
    );
  });

  test("cvt.pack saturates and keeps the order", () => {
    expectWords(
      `cvt.pack.sat.s8.s32.b32 %r10, %r1, %r2, %r3; cvt.pack.sat.u8.s32.b32 %r11, %r1, %r2, %r3;
       cvt.pack.sat.s16.s32 %r12, %r1, %r2; cvt.pack.sat.u16.s32 %r13, %r1, %r2;`,
      [-5, 70_000, 0x1234],
      0x1234fb7f,
      0x123400ff,
      (-5 << 16) | 0x7fff,
      0xffff,
    );
  });

  /** PTX ISA 9.7.8.7, prmt: the modes take selectors for whole words from two bits. */
  test("prmt in its modes", () => {
    const [a, b] = [0x33221100, 0x77665544];
    expectWords(
      "prmt.b32.f4e %r10, %r1, %r2, 1; prmt.b32.b4e %r11, %r1, %r2, 1; prmt.b32.rc8 %r12, %r1, %r2, 2; prmt.b32.ecl %r13, %r1, %r2, 1;",
      [a, b],
      0x44332211,
      0x66770011,
      0x22222222,
      0x33221111,
    );
  });
});

describe("redux of float32", () => {
  const values = "cvt.rn.f32.u32 %f1, %r60; sub.f32 %f1, %f1, 0f41200000;";
  const reduce = (operation: string, more = ""): number =>
    bitsToFloat(
      firstWords(
        run(
          `${values} ${more} redux.sync.${operation}.f32 %f2, %f1, -1; mov.b32 %r1, %f2; ${store("%r1")}`,
        ),
      )[9] ?? 0,
    );

  test("min, max and their absolute forms", () => {
    expect([reduce("min"), reduce("max"), reduce("min.abs"), reduce("max.abs")]).toEqual([
      -10, 21, 0, 21,
    ]);
  });

  test("NaN is left out, or is the result", () => {
    const one = "setp.eq.u32 %p1, %r60, 4; @%p1 mov.f32 %f1, 0f7FC00000;";
    expect(reduce("min", one)).toBe(-10);
    expect(reduce("min.NaN", one)).toBeNaN();
    expect(reduce("max", "mov.f32 %f1, 0f7FC00000;")).toBeNaN();
  });
});

test("hints and waits for other grids do nothing", () => {
  const out = run(`griddepcontrol.wait; griddepcontrol.launch_dependents; nanosleep.u32 20;
    prefetch.global.L2 [%rd61]; prefetchu.L1 [%rd61]; cp.async.bulk.prefetch.L2.global [%rd61], 16;
    ld.global.nc.L1::no_allocate.L2::cache_hint.u32 %r1, [%rd57], %rd1; ${store("%r1")}`);
  expect(firstWords(out)).toEqual(new Array(32).fill(0));
});
