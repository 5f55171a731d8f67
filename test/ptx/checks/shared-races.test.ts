import { describe, expect, test } from "vitest";
import { blockMet, clock, lastTick, startBlock } from "../../../tools/ptx/checks/order.ts";
import { prepareShared, sharedRead, sharedWrite } from "../../../tools/ptx/checks/shared.ts";
import { execution } from "../../../tools/ptx/execution.ts";
import { checked, clean } from "../helpers/checked.ts";
import { store } from "../helpers/snippet.ts";

/** Thread t stores t at s[t]; later reads s[t ^ 32], which the other warp stored. */
const put = `
  .shared .align 16 .b8 s[1024];
  mov.u32 %r1, s;
  shl.b32 %r2, %r60, 2;
  add.u32 %r3, %r1, %r2;
  xor.b32 %r4, %r2, 128;
  add.u32 %r5, %r1, %r4;
  .loc 1 11 3
  st.shared.u32 [%r3], %r60;`;
const take = `
  .loc 1 22 3
  ld.shared.u32 %r6, [%r5];
  ${store("%r6")}`;

describe("races between warps", () => {
  test("a barrier between a store and the load of another warp: nothing to say", () => {
    const { words, ...rest } = checked(`${put} bar.sync 0; ${take}`);
    expect(rest).toMatchObject(clean);
    expect(words[0]).toBe(32);
  });

  test("without it the fault names both lines, both threads and the variable", () => {
    const { finding, message } = checked(`${put} ${take}`);
    expect(finding).toMatchObject({
      kind: "shared_race",
      source_line: 11,
      thread: [32, 0, 0],
      other: { access: "read", source_file: "snippet.cu", source_line: 22, thread: [0, 0, 0] },
    });
    expect(message).toBe(
      "shared_race store to shared memory + 128 (s + 128) by warp 1, which thread (0,0,0) of warp 0 reads at snippet.cu:22: no barrier is between the two in k block (0,0,0) thread (32,0,0) at snippet.cu:11",
    );
  });

  test("from the other end it is a load of what the other warp has just written", () => {
    const one = `${put} setp.lt.u32 %p1, %r60, 32; @%p1 bra OUT; ${take} OUT:`;
    expect(checked(one).finding).toMatchObject({
      kind: "shared_race",
      source_line: 22,
      thread: [32, 0, 0],
      other: { access: "write", source_line: 11, thread: [0, 0, 0] },
    });
    expect(checked(one.replace("setp.lt", "bar.sync 0; setp.lt"))).toMatchObject(clean);
  });

  /** Two rounds through one buffer: the second store must wait for the loads of the first. */
  const rounds = (between: string, stride: number): string => `${put} bar.sync 0;
    .loc 1 21 3
    ld.shared.u32 %r6, [%r5];
    ${between}
    .loc 1 31 3
    st.shared.u32 [%r3+${stride}], %r60;
    bar.sync 0;
    ld.shared.u32 %r7, [%r5+${stride}];
    ${store("%r6", "%r7")}`;

  test("a buffer that is used again needs a barrier after its last load; two buffers need none", () => {
    expect(checked(rounds("bar.sync 0;", 0))).toMatchObject(clean);
    expect(checked(rounds("", 256))).toMatchObject(clean);
    expect(checked(rounds("", 0)).finding).toMatchObject({
      kind: "shared_race",
      source_line: 21,
      other: { access: "write", source_line: 31 },
    });
  });

  test("a reader is found even if the writer's own warp has read since", () => {
    const code = (barrier: string): string => `${put} bar.sync 0;
      setp.lt.u32 %p1, %r60, 32; @%p1 bra FIRST;
      .loc 1 41 1
      ld.shared.u32 %r6, [%r1];
      bar.sync 1; ${barrier} bra OUT;
      FIRST: bar.sync 1; ld.shared.u32 %r6, [%r1]; ${barrier}
      setp.ne.u32 %p2, %r60, 0; @%p2 bra OUT; st.shared.u32 [%r1], %r6;
      OUT:`;
    expect(checked(code("bar.sync 2;"))).toMatchObject(clean);
    // The barrier of all orders the two: one that counts one warp does not.
    const alone = code("").replaceAll("bar.sync 1;", "bar.sync 1, 32;");
    expect(checked(alone).finding?.kind).toBe("shared_race");
  });

  test("two warps that store different values race; the same value is a doubt", () => {
    const both = (value: string): string => `.shared .align 4 .b8 s[4]; mov.u32 %r1, s;
      shr.u32 %r7, %r60, 5;
      setp.gt.u32 %p1, %r60, 32; @%p1 bra OUT; setp.eq.u32 %p1, %r60, 32; @%p1 bra GO;
      setp.ne.u32 %p1, %r60, 0; @%p1 bra OUT;
      GO: .loc 1 51 1
      st.shared.u32 [%r1], ${value}; OUT:`;
    expect(checked(both("%r7")).finding).toMatchObject({
      kind: "shared_race",
      other: { access: "write", source_line: 51, thread: [0, 0, 0] },
    });
    const { finding, warnings } = checked(both("7"));
    expect(finding).toBeUndefined();
    expect(warnings).toMatchObject([{ kind: "shared_race", source_line: 51 }]);
    expect(warnings[0]?.detail).toContain("stored the same value");
  });

  test("neighbouring halves and bytes of one word are two places", () => {
    const halves = (width: number, type: string): string => `.shared .align 4 .b8 s[128];
      mov.u32 %r1, s; shr.u32 %r2, %r60, 5; setp.ne.u32 %p1, %r2, 0;
      mul.lo.u32 %r2, %r2, ${width}; add.u32 %r2, %r1, %r2; and.b32 %r3, %r60, 31;
      setp.ne.u32 %p2, %r3, 0; @%p2 bra OUT;
      cvt.u16.u32 %h1, %r60; st.shared.${type} [%r2], %h1; OUT: bar.sync 0;
      ld.shared.${type} %h2, [%r1+${width}]; cvt.u32.u16 %r6, %h2; ${store("%r6")}`;
    expect(checked(halves(2, "u16"))).toMatchObject(clean);
    expect(checked(halves(1, "u8"))).toMatchObject(clean);
    expect(
      checked(halves(1, "u16").replace("mul.lo.u32 %r2, %r2, 1", "mov.u32 %r2, 0")).message,
    ).toContain("shared_race store to shared memory + 0 (s + 0) by warp 1");
  });

  test("vectors are looked at as far as they reach", () => {
    const vector = (at: number): string => `${put} bar.sync 0;
      setp.lt.u32 %p1, %r60, 32; @%p1 bra LOAD;
      st.shared.u32 [%r1+${at}], %r60;
      bra OUT;
      LOAD: ld.shared.v4.u32 {%r6,%r7,%r8,%r9}, [%r1+16]; ${store("%r6")}
      OUT:`;
    const quiet = (body: string): string =>
      body.replace("LOAD;", "LOAD; setp.ne.u32 %p2, %r60, 40; @%p2 bra OUT;");
    expect(checked(quiet(vector(28))).finding).toMatchObject({ kind: "shared_race" });
    expect(checked(quiet(vector(32))).finding).toBeUndefined();
    expect(checked(quiet(vector(12))).finding).toBeUndefined();
  });

  test("generic addresses are seen as well", () => {
    const generic = (barrier: string): string => `.shared .align 4 .b8 s[256];
      mov.u64 %rd1, s; cvta.shared.u64 %rd2, %rd1; mul.wide.u32 %rd3, %r60, 4; add.s64 %rd4, %rd2, %rd3;
      xor.b32 %r4, %r60, 32; mul.wide.u32 %rd5, %r4, 4; add.s64 %rd6, %rd2, %rd5;
      st.u32 [%rd4], %r60; ${barrier} ld.u32 %r6, [%rd6]; ${store("%r6")}`;
    expect(checked(generic("bar.sync 0;"))).toMatchObject(clean);
    expect(checked(generic("")).finding).toMatchObject({
      kind: "shared_race",
      other: { access: "read" },
    });
  });

  test("the order of warps finds the same race", () => {
    for (const warp_order of ["forward", "reverse", 1, 2, 3] as const) {
      expect(checked(`${put} ${take}`, { options: { warp_order } }).finding?.kind).toBe(
        "shared_race",
      );
      expect(checked(`${put} bar.sync 0; ${take}`, { options: { warp_order } })).toMatchObject(
        clean,
      );
    }
  });
});

describe("atomics", () => {
  const count = (after: string): string => `.shared .align 4 .b8 s[4]; mov.u32 %r1, s;
    setp.ne.u32 %p1, %r60, 0; @%p1 bra GO; st.shared.u32 [%r1], 0;
    GO: bar.sync 0;
    .loc 1 61 1
    atom.shared.add.u32 %r2, [%r1], 1;
    ${after}
    .loc 1 62 1
    ld.shared.u32 %r3, [%r1]; ${store("%r3")}`;

  test("do not race with each other, and a barrier makes their sum visible", () => {
    const { words, ...rest } = checked(count("bar.sync 0;"));
    expect(rest).toMatchObject(clean);
    expect(words[4]).toBe(64);
  });

  test("race with a plain load", () => {
    expect(checked(count("")).finding).toMatchObject({
      kind: "shared_race",
      other: { access: "read", source_line: 62 },
    });
  });

  test("race with the store that should have come before", () => {
    expect(checked(count("bar.sync 0;").replace("GO: bar.sync 0;", "GO:")).finding).toMatchObject({
      kind: "shared_race",
      other: { access: "write", thread: [0, 0, 0] },
    });
  });
});

describe("barriers for some warps", () => {
  /** Warps 0 and 1 produce, warps 2 and 3 consume, through barriers 1 (full) and 2 (empty). */
  const handOver = (produced: string, consumed: string): string => `
    .shared .align 4 .b8 s[256];
    mov.u32 %r1, s; and.b32 %r2, %r60, 63; shl.b32 %r2, %r2, 2; add.u32 %r3, %r1, %r2;
    mov.u32 %r9, 0;
    setp.ge.u32 %p1, %r60, 64; @%p1 bra CONSUME;
    PRODUCE: ${consumed}
    .loc 1 71 1
    st.shared.u32 [%r3], %r9;
    ${produced}
    add.u32 %r9, %r9, 1; setp.lt.u32 %p2, %r9, 3; @%p2 bra PRODUCE;
    bra OUT;
    CONSUME: bar.sync 1, 128;
    .loc 1 81 1
    ld.shared.u32 %r6, [%r3];
    bar.arrive 2, 128;
    add.u32 %r9, %r9, 1; setp.lt.u32 %p2, %r9, 3; @%p2 bra CONSUME;
    ${store("%r6")}
    OUT:`;
  const arriveFirst = (body: string): string =>
    body
      .replace("CONSUME: bar", "CONSUME: bar.arrive 2, 128; CONSUMING: bar")
      .replace("@%p2 bra CONSUME;", "@%p2 bra CONSUMING;");

  test("arrive and sync hand a buffer over and back", () => {
    const good = arriveFirst(handOver("bar.arrive 1, 128;", "bar.sync 2, 128;"));
    const { words, ...rest } = checked(good, { threads: 128 });
    expect(rest).toMatchObject(clean);
    expect(words[64 * 4]).toBe(2);
    for (const warp_order of ["reverse", 5] as const) {
      expect(checked(good, { threads: 128, options: { warp_order } })).toMatchObject(clean);
    }
  });

  test("a producer that does not wait for the empty buffer overwrites what is being read", () => {
    const found = checked(handOver("bar.sync 1, 128;", ""), { threads: 128 });
    expect(found.finding).toMatchObject({
      kind: "shared_race",
      source_line: 71,
      other: { access: "read", source_line: 81 },
    });
  });

  test("a barrier of other warps orders nothing", () => {
    const apart = `${put} setp.lt.u32 %p1, %r60, 32; @%p1 bra ONE; bar.sync 1, 32; bra GO;
      ONE: bar.sync 2, 32; GO: ${take}`;
    expect(checked(apart).finding?.kind).toBe("shared_race");
    const joined = apart
      .replace("bar.sync 1, 32", "bar.sync 1, 64")
      .replace("bar.sync 2, 32", "bar.sync 1, 64");
    expect(checked(joined)).toMatchObject(clean);
  });

  test.each([
    "bar.red.popc.u32 %r7, 0, %p1;",
    "barrier.sync 3;",
    "barrier.cluster.arrive; barrier.cluster.wait;",
  ])("%s orders the whole block", (barrier) => {
    const code = `${put} setp.lt.u32 %p1, %r60, 3; ${barrier} ${take}`;
    expect(checked(code)).toMatchObject(clean);
  });
});

test("a flag that warps spin on is a doubt, not a fault", () => {
  const { finding, warnings } = checked(`
    .shared .align 4 .b8 flag[4];
    setp.ne.u32 %p3, %r60, 0; @%p3 bra SET; st.shared.u32 [flag], 0; SET: bar.sync 0;
    setp.ge.u32 %p1, %r60, 32; @%p1 bra SECOND;
    WAIT: ld.volatile.shared.u32 %r2, [flag]; setp.eq.u32 %p2, %r2, 0; @%p2 bra WAIT;
    bra OUT;
    SECOND: st.volatile.shared.u32 [flag], 1;
    OUT:`);
  expect(finding).toBeUndefined();
  expect(warnings[0]?.detail).toContain("both are volatile, which says nothing of their order");
});

test("a flag with fences on both sides hands data over; without them the data race", () => {
  const handOver = (fence: string): string => `
    .shared .align 4 .b8 s[264];
    mov.u32 %r1, s; and.b32 %r2, %r60, 31; shl.b32 %r2, %r2, 2; add.u32 %r3, %r1, %r2;
    setp.ne.u32 %p3, %r60, 0; @%p3 bra SET; st.shared.u32 [%r1+256], 0; SET: bar.sync 0;
    setp.lt.u32 %p1, %r60, 32; @%p1 bra WAIT;
    st.shared.u32 [%r3], %r60;
    ${fence} bar.warp.sync -1;
    st.volatile.shared.u32 [%r1+256], 1;
    bra OUT;
    WAIT: ld.volatile.shared.u32 %r4, [%r1+256]; setp.eq.u32 %p2, %r4, 0; @%p2 bra WAIT;
    ${fence}
    ld.shared.u32 %r6, [%r3]; ${store("%r6")}
    OUT:`;
  for (const warp_order of ["forward", "reverse"] as const) {
    const { words, ...rest } = checked(handOver("membar.cta;"), { options: { warp_order } });
    expect(rest).toMatchObject(clean);
    expect(words[0]).toBe(32);
    expect(checked(handOver(""), { options: { warp_order } }).finding?.kind).toBe("shared_race");
  }
});

describe("the clock", () => {
  /** A launch to stand in, with two warps; then a store by thread 0, when ticks are about to run out. */
  const almostOver = (): void => {
    checked(".shared .align 4 .b8 s[64]; st.shared.u32 [s+32], 1;");
    prepareShared(2);
    startBlock(2);
    sharedWrite(0, 0, 8, 1);
    clock.now = lastTick << 11;
    execution.unwritten = undefined;
  };

  test("starts again inside a block: what was written stays written and ordered", () => {
    almostOver();
    blockMet();
    expect(clock.now).toBeLessThan(2 ** 14);
    sharedRead(0, 32, 8, 1);
    expect(execution.unwritten).toBeUndefined();
    expect(() => sharedWrite(0, 1, 8, 1)).toThrow("shared_race");
    sharedRead(0, 32, 9, 1);
    expect(execution.unwritten?.kind).toBe("uninitialised_shared");
  });

  test("starts again between blocks: nothing of the block before is seen", () => {
    almostOver();
    startBlock(2);
    expect(clock.now).toBeLessThan(2 ** 14);
    sharedRead(0, 32, 8, 1);
    expect(execution.unwritten?.kind).toBe("uninitialised_shared");
  });
});
