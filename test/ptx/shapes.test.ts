import { describe, expect, test } from "vitest";
import { Machine, parsePtx } from "../../tools/ptx/index.ts";
import { parsePtx as parseModule } from "../../tools/ptx/parse-module.ts";
import { translate } from "../../tools/ptx/translate/program.ts";
import { pointer } from "./helpers/snippet.ts";

/** Stores, per thread: what warp-uniform code makes of tid.x, tid.y and the linear index, and the sums of the warp. */
const text = `.version 9.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 k_out)
{
  .reg .pred %p<8>; .reg .b32 %r<32>; .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [k_out];
  mov.u32 %r1, %tid.x; mov.u32 %r2, %tid.y; mov.u32 %r3, %tid.z;
  mov.u32 %r4, %ntid.x; mov.u32 %r5, %ntid.y;
  mad.lo.u32 %r6, %r3, %r5, %r2;
  mad.lo.u32 %r7, %r6, %r4, %r1;
  shr.u32 %r8, %r7, 5;
  shr.s32 %r9, %r1, 31; shr.u32 %r10, %r9, 27; add.s32 %r11, %r1, %r10; shr.s32 %r12, %r11, 5;
  mov.u32 %r13, 0;
  setp.ne.u32 %p1, %r8, 1;
  @%p1 bra REST;
  add.u32 %r13, %r7, 7;
REST:
  setp.lt.u32 %p2, %r1, 32;
  @!%p2 bra HIGH;
  add.u32 %r13, %r13, 1000;
HIGH:
  mul.wide.u32 %rd2, %r7, 16; add.s64 %rd3, %rd1, %rd2;
  st.global.v4.u32 [%rd3], {%r8, %r12, %r13, %r2};
  ret;
}`;

describe("uniformity depends on the block's shape", () => {
  test.each([
    [96, 1, 1],
    [32, 4, 1],
    [64, 2, 2],
    [16, 4, 1],
    [7, 9, 1],
    [1, 1, 40],
    [100, 1, 1],
  ] as const)("%i x %i x %i threads", (x, y, z) => {
    const threads = x * y * z;
    const expected = Array.from({ length: threads }, (_, t) => {
      const [tx, ty, warp] = [t % x, Math.floor(t / x) % y, t >> 5];
      return [warp, tx >> 5, (warp === 1 ? t + 7 : 0) + (tx < 32 ? 1000 : 0), ty];
    });
    for (const all_vector of [false, true]) {
      const machine = new Machine(parsePtx(text), { all_vector });
      const out = machine.alloc(threads * 16, { label: "out" });
      machine.launch({
        kernel: "k",
        grid: [1, 1, 1],
        block: [x, y, z],
        dynamic_shared_bytes: 0,
        params: [pointer(out)],
      });
      expect([...new Int32Array(machine.read(out, threads * 16).buffer)]).toEqual(expected.flat());
    }
  });
});

test("a register that first holds a thread index and later a loop counter keeps both right", () => {
  const reuse = `.version 9.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 k_out)
{
  .reg .pred %p<8>; .reg .b32 %r<32>; .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [k_out];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd2, %r1, 4; add.s64 %rd3, %rd1, %rd2;
  shr.u32 %r2, %r1, 5;
  mov.u32 %r3, 0;
LOOP:
  add.u32 %r3, %r3, %r1;
  add.u32 %r1, %r1, 1;
  setp.lt.u32 %p1, %r1, 40;
  @%p1 bra LOOP;
  mad.lo.u32 %r4, %r2, 10000, %r3;
  st.global.u32 [%rd3], %r4;
  ret;
}`;
  const expected = Array.from({ length: 64 }, (_, t) => {
    let [sum, at] = [0, t];
    do sum += at++;
    while (at < 40);
    return (t >> 5) * 10000 + sum;
  });
  for (const all_vector of [false, true]) {
    const machine = new Machine(parsePtx(reuse), { all_vector });
    const out = machine.alloc(256, { label: "out" });
    machine.launch({
      kernel: "k",
      grid: [1, 1, 1],
      block: [64, 1, 1],
      dynamic_shared_bytes: 0,
      params: [pointer(out)],
    });
    expect([...new Int32Array(machine.read(out, 256).buffer)]).toEqual(expected);
  }
});

test("a shuffle in one warp alone does not cost the whole kernel its speed, in one lane alone it does", () => {
  const convergent = (condition: string): boolean => {
    const module = parseModule(`.version 9.0
.target sm_90
.address_size 64
.visible .entry k()
{
  .reg .pred %p<8>; .reg .b32 %r<32>;
  mov.u32 %r1, %tid.x;
  ${condition}
  @%p1 bra OUT;
  shfl.sync.bfly.b32 %r4, %r1, 1, 31, -1;
OUT:
  mov.u32 %r5, 0;
LOOP:
  add.u32 %r1, %r1, 128;
  setp.lt.u32 %p2, %r1, 999;
  @%p2 bra LOOP;
  ret;
}`);
    const kernel = module.functions.get("k");
    if (!kernel) throw new Error("no kernel");
    return translate(module, kernel, [128, 1, 1]).convergent;
  };
  expect(convergent("shr.u32 %r2, %r1, 5; setp.ne.u32 %p1, %r2, 0;")).toBe(true);
  expect(convergent("setp.gt.u32 %p1, %r1, 31;")).toBe(true);
  expect(convergent("setp.gt.u32 %p1, %r1, 30;")).toBe(false);
  expect(convergent("shr.u32 %r2, %r1, 4; setp.ne.u32 %p1, %r2, 0;")).toBe(false);
});
