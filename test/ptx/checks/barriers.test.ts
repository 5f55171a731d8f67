import { describe, expect, test } from "vitest";
import { checked, clean } from "../helpers/checked.ts";
import { store } from "../helpers/snippet.ts";

describe("barriers that only some threads reach", () => {
  const guarded = (condition: string, after: string): string => `
    setp.ge.u32 %p1, %r60, ${condition}; @%p1 bra ROUND;
    .loc 1 11 1
    bar.sync 0;
    ROUND: .loc 1 12 1
    ${after}`;

  test.each(["forward", "reverse", 4] as const)(
    "whole warps that go round it and store afterwards are doubted, in order %s",
    (warp_order) => {
      const { finding, warnings } = checked(guarded("32", store("%r60")), {
        threads: 96,
        options: { warp_order },
      });
      expect(finding).toBeUndefined();
      expect(warnings[0]).toMatchObject({
        kind: "divergent_barrier",
        source_line: 11,
        other: { access: "write", source_line: 12 },
      });
      const detail = warnings[0]?.detail;
      expect(detail).toContain("barrier that only some threads of the block reach: thread (");
      expect(detail).toContain("went round it, stored at snippet.cu:12 and left");
    },
  );

  test("half a warp that goes round it is doubted", () => {
    expect(checked(guarded("16", store("%r60")), { threads: 32 }).warnings[0]?.detail).toContain(
      "thread (16,0,0) of the same warp went round it",
    );
  });

  test("threads that leave before it, having nothing more to do, are not waited for", () => {
    const early = `.shared .align 4 .b8 s[512]; mov.u32 %r1, s; shl.b32 %r2, %r60, 2; add.u32 %r3, %r1, %r2;
      st.shared.u32 [%r3], %r60;
      setp.ge.u32 %p1, %r60, 40; @%p1 bra END; bar.sync 0; ld.shared.u32 %r4, [%r3]; ${store("%r4")} END:`;
    for (const warp_order of ["forward", "reverse"] as const) {
      expect(checked(early, { threads: 96, options: { warp_order } })).toMatchObject(clean);
    }
  });

  test("a barrier under a condition that holds for the whole block is none of that", () => {
    const whole = `mov.u32 %r1, %ctaid.x; setp.eq.u32 %p1, %r1, 0; @%p1 bra ROUND; bar.sync 0; ROUND: ${store("%r60")}`;
    expect(checked(whole, { grid: 3 })).toMatchObject(clean);
  });

  test("warps at two barriers of different numbers wait for ever", () => {
    const { finding, message } = checked(`setp.ge.u32 %p1, %r60, 32; @%p1 bra OTHER;
      bar.sync 1; bra OUT; OTHER: bar.sync 2; OUT:`);
    expect(finding?.kind).toBe("divergent_barrier");
    expect(message).toContain("warp 1 never gets there: other threads wait at barrier 2");
  });

  const branches = (lanes: number, barrier: string): string => `and.b32 %r1, %r60, 31;
    setp.ge.u32 %p1, %r1, ${lanes}; @%p1 bra OTHER;
    .loc 1 21 1
    ${barrier}
    bra OUT;
    OTHER: .loc 1 22 1
    ${barrier}
    OUT: ${store("%r60")}`;

  test("lanes of one warp at two bar.sync of one number are found; barrier.sync allows it", () => {
    const { finding, message } = checked(branches(16, "bar.sync 0;"));
    expect(finding?.kind).toBe("divergent_barrier");
    expect(message).toContain("all lanes of a warp must run the same barrier");
    expect(checked(branches(16, "barrier.sync.aligned 0;")).finding?.kind).toBe(
      "divergent_barrier",
    );
    expect(checked(branches(16, "barrier.sync 0;"))).toMatchObject(clean);
  });

  test("a counted barrier that lets part of a warp go is found", () => {
    const part = `setp.ge.u32 %p1, %r60, 48; @%p1 bra OUT; bar.sync 1, 64; OUT:
      mov.u32 %r9, 0; SPIN: add.u32 %r9, %r9, 1; setp.lt.u32 %p2, %r9, 9; @%p2 bra SPIN; ${store("%r60")}`;
    expect(checked(part).finding?.kind).toMatch(/^(?:divergent_barrier|deadlock)$/u);
  });

  test("a count that nobody will reach is a deadlock", () => {
    const { finding, message } = checked("bar.sync 1, 128;");
    expect(finding?.kind).toBe("deadlock");
    expect(message).toContain("barrier 1 waits for 128 threads and has 64");
  });
});

describe("shuffles with missing lanes", () => {
  test("a lane that has left gives nothing to read", () => {
    const leave = (lanes: number): string => `setp.ge.u32 %p1, %r60, ${lanes}; @%p1 exit;
      .loc 1 31 1
      shfl.sync.down.b32 %r1, %r60, 16, 31, -1; ${store("%r1")}`;
    expect(checked(leave(32), { threads: 32 })).toMatchObject(clean);
    const { finding, warnings, words } = checked(leave(24), { threads: 32 });
    expect(finding).toBeUndefined();
    const doubt = { kind: "missing_lanes", source_line: 31, thread: [8, 0, 0] };
    expect(warnings[0]).toMatchObject(doubt);
    // Harmless where it is not used, and a NaN where it is.
    expect(words).toContain(0x7fffffff);
    expect(warnings[0]?.detail).toContain(
      "shfl.sync.down.b32 in which lane 8 of warp 0 reads from lane 24, which has left or does not exist",
    );
  });

  test("nor does one that an incomplete block never had", () => {
    const reduce = "shfl.sync.bfly.b32 %r1, %r60, 16, 31, -1;";
    expect(checked(reduce, { threads: 24 }).warnings[0]?.kind).toBe("missing_lanes");
    expect(checked(reduce.replace("16,", "8,"), { threads: 16 })).toMatchObject(clean);
  });

  test("nor one that the member mask leaves out", () => {
    const half = `setp.ge.u32 %p1, %r60, 16; @%p1 bra OUT; shfl.sync.idx.b32 %r1, %r60, 20, 31, 0xffff; OUT: ${store("%r60")}`;
    expect(checked(half, { threads: 32 }).warnings[0]?.detail).toContain(
      "reads from lane 20, which takes no part",
    );
    expect(checked(half.replace("20,", "7,"), { threads: 32 })).toMatchObject(clean);
  });

  test("a source out of range is the lane itself", () => {
    expect(checked("shfl.sync.down.b32 %r1, %r60, 4, 31, -1;", { threads: 32 })).toMatchObject(
      clean,
    );
    expect(checked("shfl.sync.up.b32 %r1, %r60, 4, 0, -1;", { threads: 24 })).toMatchObject(clean);
  });
});
