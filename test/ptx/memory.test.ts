import { describe, expect, test } from "vitest";
import { firstWords, floatBits, run, runText, store } from "./helpers/snippet.ts";

const lanes = Array.from({ length: 32 }, (_, lane) => lane);
const ramp = new Uint8Array(Uint32Array.from({ length: 128 }, (_, i) => i * 0x01010101).buffer);

describe("loads and stores", () => {
  test("vectors of all widths, with cache operators", () => {
    const out = run(
      `ld.global.nc.L1::no_allocate.L2::128B.v4.f32 {%f1, %f2, %f3, %f4}, [%rd57];
      ld.global.cs.v2.u64 {%rd1, %rd2}, [%rd57];
      ld.global.v2.b16 {%h1, %h2}, [%rd57+4];
      st.global.cs.v2.f32 [%rd58], {%f1, %f4};
      mov.b64 {%r1, %r2}, %rd2;
      mov.b32 %r3, {%h1, %h2};
      st.global.wt.v2.b32 [%rd58+8], {%r2, %r3};`,
      { input: ramp },
    );
    expect([...out.slice(4, 8)]).toEqual([4, 7, 7, 5].map((i) => i * 0x01010101));
  });

  test("narrow values are extended to the register by their sign", () => {
    const input = new Uint8Array(512).fill(0x80);
    const out = run(
      "ld.global.s8 %r1, [%rd57]; ld.global.u8 %r2, [%rd57]; ld.global.s16 %r3, [%rd57]; ld.global.u16 %r4, [%rd57+2]; " +
        store("%r1", "%r2", "%r3", "%r4"),
      { input },
    );
    expect([...out.slice(0, 4)]).toEqual([-128, 128, -32640, 0x8080]);
    const bytes = run(
      "mov.u32 %r1, 0x12345678; st.global.u8 [%rd58+1], %r1; st.global.u16 [%rd58+2], %r1;",
    );
    expect(bytes[0]).toBe(0x56787800);
  });

  test("shared memory, static and dynamic, by shared and by generic address", () => {
    const text = `
      .shared .align 16 .b8 fixed[512];
      mov.u32 %r1, fixed;
      shl.b32 %r2, %r60, 2;
      add.u32 %r3, %r1, %r2;
      st.shared.u32 [%r3], %r60;
      mov.u32 %r4, dynamic;
      add.u32 %r5, %r4, %r2;
      st.shared.u32 [%r5+128], %r60;
      bar.warp.sync -1;
      cvt.u64.u32 %rd1, %r3;
      cvta.shared.u64 %rd2, %rd1;
      ld.u32 %r6, [%rd2];
      isspacep.shared %p1, %rd2; selp.u32 %r7, 1, 0, %p1;
      isspacep.global %p2, %rd60; selp.u32 %r8, 1, 0, %p2;
      ld.shared.u32 %r9, [%r5+128];
      ${store("%r6", "%r7", "%r8", "%r9")}`;
    const out = run(
      text,
      { dynamic_shared_bytes: 256 },
      ".extern .shared .align 16 .b8 dynamic[];",
    );
    expect([...out.slice(20, 24)]).toEqual([5, 1, 1, 5]);
  });

  test("dynamic shared memory begins at its own alignment, after the fixed variables", () => {
    const out = run(
      `.shared .align 4 .b8 fixed[16];
      mov.u32 %r1, dynamic; mov.u32 %r2, fixed;
      st.shared.u32 [%r1+60], 5; ld.shared.u32 %r3, [%r1+60];
      ${store("%r1", "%r2", "%r3")}`,
      { threads: 1, dynamic_shared_bytes: 64 },
      ".extern .shared .align 128 .b8 dynamic[];",
    );
    expect([...out.slice(0, 3)]).toEqual([128, 0, 5]);
  });

  test("local memory is each thread's own, by local and by generic address", () => {
    const out = run(`
      .local .align 16 .b8 depot[64];
      .reg .b64 %SP; .reg .b64 %SPL;
      mov.u64 %SPL, depot;
      cvta.local.u64 %SP, %SPL;
      and.b32 %r1, %r60, 7;
      mul.wide.u32 %rd1, %r1, 4;
      add.u64 %rd2, %SPL, %rd1;
      add.u64 %rd3, %SP, %rd1;
      st.local.u32 [%rd2], %r60;
      ld.u32 %r2, [%rd3];
      st.u32 [%rd3+32], %r2;
      ld.local.u32 %r3, [%rd2+32];
      ${store("%r2", "%r3")}`);
    expect([...out.slice(4 * 19, 4 * 19 + 2)]).toEqual([19, 19]);
  });

  test("module variables hold their initial values, addresses of others among them", () => {
    const module = `
      .const .align 4 .b8 table[16] = {1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0};
      .global .align 4 .f32 scale = 0f40490FDB;
      .global .align 8 .u64 where[2] = {generic(table), table+8};
      .global .align 4 .u32 counter;`;
    const out = run(
      `ld.const.u32 %r1, [table+4];
      ld.global.f32 %f1, [scale];
      mov.b32 %r2, %f1;
      mov.u64 %rd1, where;
      ld.global.u64 %rd2, [%rd1+8];
      ld.u32 %r3, [%rd2+4];
      atom.global.add.u32 %r4, [counter], 1;
      ${store("%r1", "%r2", "%r3", "%r4")}`,
      {},
      module,
    );
    expect([...out.slice(0, 3)]).toEqual([2, 0x40490fdb, 4]);
    expect(lanes.map((lane) => out[lane * 4 + 3]).sort((a, b) => Number(a) - Number(b))).toEqual(
      lanes,
    );
  });

  test("parameters by address, and structures passed by value", () => {
    const text = `.version 9.0
.target sm_90
.address_size 64
.visible .entry k(.param .u64 k_out, .param .align 8 .b8 k_pair[8])
{
  .reg .b32 %r<8>; .reg .b64 %rd<8>;
  mov.b64 %rd1, k_pair;
  cvta.param.u64 %rd2, %rd1;
  mov.u32 %r0, %tid.x; and.b32 %r1, %r0, 1; mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd1, %rd3;
  ld.param.u32 %r2, [%rd4];
  add.s64 %rd4, %rd2, %rd3;
  ld.u32 %r3, [%rd4];
  ld.param.v2.u32 {%r4, %r5}, [k_pair];
  ld.param.u64 %rd5, [k_out];
  mul.wide.u32 %rd6, %r0, 16; add.s64 %rd7, %rd5, %rd6;
  st.global.v4.u32 [%rd7], {%r2, %r3, %r4, %r5};
  ret;
}`;
    const out = runText(text);
    // The second parameter is the address of "in": both its words are seen.
    expect(out[0]).toBe(out[2]);
    expect(out[4]).toBe(out[3]);
    expect(out[5]).toBe(out[7]);
    expect(out[0]).not.toBe(out[3]);
  });
});

describe("atomics", () => {
  const shared = (type: string, start: string, operation: string): Int32Array =>
    run(`.shared .align 8 .b8 cell[8];
      mov.u32 %r9, cell;
      setp.ne.u32 %p9, %r60, 0; @%p9 bra GO; st.shared.${type} [%r9], ${start}; GO: bar.sync 0;
      ${operation}
      bar.sync 0;
      ld.shared.v2.u32 {%r2, %r3}, [%r9];
      ${store("%r1", "%r2", "%r3")}`);
  test.each([
    ["add.u32", "5", "%r60", 5 + 496],
    ["max.s32", "-7", "%r60", 31],
    ["min.u32", "9", "%r60", 0],
    ["or.b32", "0", "%r60", 31],
    ["xor.b32", "0", "%r60", 0],
    ["and.b32", "-1", "%r60", 0],
    ["inc.u32", "0", "10", 32 % 11],
    ["dec.u32", "3", "10", 4],
  ])("%s", (operation, start, value, expected) => {
    const [name, type] = operation.split(".");
    const out = shared("u32", start, `atom.shared.${name}.${type} %r1, [%r9], ${value};`);
    expect(out[1]).toBe(expected);
  });

  test("exchange, compare and swap, 64 bits", () => {
    const exchanged = shared("u32", "77", "atom.shared.exch.b32 %r1, [%r9], %r60;");
    expect(firstWords(exchanged).sort((a, b) => a - b)).toEqual([...lanes.slice(0, 31), 77]);
    const wide = shared(
      "u64",
      "0xffffffff",
      "cvt.u64.u32 %rd1, %r60; red.shared.add.u64 [%r9], %rd1;",
    );
    expect([...wide.slice(1, 3)]).toEqual([495, 1]);
    const swapped = shared("u32", "3", "atom.shared.cas.b32 %r1, [%r9], %r60, 100;");
    expect(swapped[1]).toBe(100);
  });

  test("float adds round each time", () => {
    const sum = shared("u32", "0", "cvt.rn.f32.u32 %f1, %r60; red.shared.add.f32 [%r9], %f1;");
    expect(sum[1]).toBe(floatBits(496));
    const halves = shared(
      "u32",
      "0",
      "mov.b32 %r5, 0x3c003c00; atom.shared.add.noftz.f16x2 %r1, [%r9], %r5;",
    );
    expect(halves[1]).toBe(0x50005000);
    const vector = run(`mov.f32 %f1, 0f3F800000; red.global.add.v2.f32 [%rd60], {%f1, %f1};`);
    expect([...vector.slice(0, 2)]).toEqual([floatBits(32), floatBits(32)]);
  });
});

test("cp.async copies and zero-fills", () => {
  const out = run(
    `.shared .align 16 .b8 tile[512];
    mov.u32 %r1, tile; shl.b32 %r2, %r60, 4; add.u32 %r3, %r1, %r2;
    cp.async.cg.shared.global [%r3], [%rd57], 16, 6;
    cp.async.commit_group;
    cp.async.wait_group 0;
    bar.warp.sync -1;
    ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [%r3];
    ${store("%r4", "%r5", "%r6", "%r7")}`,
    { input: ramp },
  );
  expect([...out.slice(4, 8)]).toEqual([0x04040404, 0x0505, 0, 0]);
});

describe("calls and scopes", () => {
  const square = `.func (.param .b32 result) square(.param .b32 value)
{
  .reg .b32 %r<4>; .reg .pred %p<2>;
  ld.param.u32 %r1, [value];
  setp.gt.u32 %p1, %r1, 20;
  @%p1 bra BIG;
  mul.lo.u32 %r2, %r1, %r1;
  st.param.b32 [result], %r2;
  ret;
BIG:
  st.param.b32 [result], 7;
  ret;
}`;
  test("a device function gets arguments and gives a result, in each lane by itself", () => {
    const out = run(
      `{ .param .b32 argument; .param .b32 answer;
      st.param.b32 [argument], %r60;
      call.uni (answer), square, (argument);
      ld.param.b32 %r1, [answer]; }
      { .param .b32 argument; .param .b32 answer;
      st.param.b32 [argument], 5;
      call.uni (answer), square, (argument);
      ld.param.b32 %r2, [answer]; }
      ${store("%r1", "%r2")}`,
      {},
      square,
    );
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane > 20 ? 7 : lane * lane)));
    expect(out[1]).toBe(25);
  });

  test("recursion is refused by name", () => {
    const endless = ".func again() { call again, (); ret; }";
    expect(() => run("call again, ();", {}, endless)).toThrow("recursive call of again");
  });

  test("inline assembly: scopes with registers and labels of their own, several statements on a line", () => {
    const out = run(`
      { .reg .b32 t; .reg .pred %p1; mov.u32 t, 3; setp.lt.u32 %p1, %r60, 4; @%p1 bra L; mov.u32 t, 9; L: mov.u32 %r1, t; }
      { .reg .b32 t; mov.u32 t, 100; add.u32 %r1, %r1, t; }
      ${store("%r1")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane < 4 ? 103 : 109)));
  });
});

test("special registers", () => {
  const out = run(
    `mov.u32 %r1, %ctaid.x; mov.u32 %r2, %laneid; mov.u32 %r3, %warpid; mov.u32 %r4, %lanemask_lt;
    mov.u32 %r5, %ntid.x; mov.u32 %r6, %nctaid.x; mov.u32 %r7, %dynamic_smem_size; mov.u32 %r8, %clock;
    shr.u32 %r9, %r60, 5; sub.u32 %r3, %r3, %r9;
    mad.lo.u32 %r1, %r5, 1000, %r1; mad.lo.u32 %r2, %r6, 1000, %r2;
    ${store("%r1", "%r2", "%r3", "%r4")}`,
    { threads: 64, grid: 3, dynamic_shared_bytes: 64 },
  );
  expect([...out.slice(4 * 37, 4 * 37 + 4)]).toEqual([64002, 3005, 0, 31]);
});

test("no-ops are accepted", () => {
  run(`membar.gl; fence.acq_rel.gpu; fence.proxy.async; prefetch.global.L2 [%rd60]; griddepcontrol.wait;
    griddepcontrol.launch_dependents; nanosleep.u32 100; .pragma "nounroll";`);
});
