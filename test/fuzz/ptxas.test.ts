import { describe, expect, test } from "vitest";
import { run, store } from "../ptx/helpers/snippet.ts";

/**
 * Where the driver's optimising compiler (ptxas of CUDA 13.0, driver 580.159.04, NVIDIA H200, 2026-11-22)
 * and PTX part: found by fuzzing, confirmed in the machine code. The interpreter does what PTX says,
 * which is what ptxas -O0 makes too. No compiler writes these forms; the generator leaves them out.
 */
describe("constants that ptxas folds otherwise than PTX says", () => {
  const words = (body: string) => [...run(body).slice(0, 4)].map((word) => word >>> 0);

  test("bfi with a constant length of 32 inserts to the top", () => {
    // ptxas -O3: LOP3 with a mask of 0, as if the length were 0.
    expect(
      words(`mov.u32 %r1, 0xabcdef12; mov.u32 %r2, 0x00000345;
        bfi.b32 %r3, %r1, %r2, 12, 32; ${store("%r3")}`)[0],
    ).toBe(0xdef12345);
  });

  test("bfe.s32 from position 32 gives the sign", () => {
    // ptxas -O3: the constant -1, whatever the operand is.
    expect(
      words(`mov.u32 %r1, 0x7fffffff; mov.u32 %r2, 0x80000000;
        bfe.s32 %r3, %r1, 32, 3; bfe.s32 %r4, %r2, 32, 3; ${store("%r3", "%r4")}`).slice(0, 2),
    ).toEqual([0, 0xffffffff]);
  });

  test("prmt with sign bits keeps them through a conversion", () => {
    // ptxas -O3: merged into one PRMT that takes the sign from another register.
    expect(
      words(`mov.u32 %r1, 0x00008000; mov.u32 %r2, 0;
        prmt.b32 %r3, %r1, %r2, 0x0b9e; cvt.u32.u16 %r4, %r3; ${store("%r3", "%r4")}`).slice(0, 2),
    ).toEqual([0x0000ff00, 0x0000ff00]);
  });
});
