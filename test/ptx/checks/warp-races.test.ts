import { describe, expect, test } from "vitest";
import { checked, clean } from "../helpers/checked.ts";
import { store } from "../helpers/snippet.ts";

describe("lanes of one warp", () => {
  const exchange = (between: string, partner = 4): string => `.shared .align 4 .b8 s[128];
    mov.u32 %r1, s; shl.b32 %r2, %r60, 2; add.u32 %r3, %r1, %r2;
    xor.b32 %r4, %r2, ${partner}; add.u32 %r5, %r1, %r4;
    .loc 1 91 1
    st.shared.u32 [%r3], %r60;
    ${between}
    .loc 1 92 1
    ld.shared.u32 %r6, [%r5]; ${store("%r6")}`;

  test.each(["bar.warp.sync -1;", "shfl.sync.bfly.b32 %r9, %r60, 1, 31, -1;", "bar.sync 0;"])(
    "that exchange values with %s between are in order",
    (between) => {
      const { words, ...rest } = checked(exchange(between), { threads: 32 });
      expect(rest).toMatchObject(clean);
      expect(words[0]).toBe(1);
    },
  );

  test("that exchange values in step work, and are warned of once", () => {
    const { finding, warnings, words } = checked(exchange(""), { threads: 32, grid: 3 });
    expect(finding).toBeUndefined();
    expect(words[0]).toBe(1);
    expect(warnings).toMatchObject([
      {
        kind: "intra_warp_race",
        source_line: 92,
        other: { access: "write", source_line: 91 },
      },
    ]);
    expect(warnings[0]?.detail).toBe(
      "load from shared memory + 4 (s + 4) by warp 0, which thread (1,0,0) of warp 0 writes at snippet.cu:91: lanes of one warp, and no __syncwarp() is between the two",
    );
  });

  test("a tile orders its own lanes and no others", () => {
    const tile = `setp.ge.u32 %p1, %r60, 16; @%p1 bra HIGH; bar.warp.sync 0xffff; bra GO;
      HIGH: bar.warp.sync 0xffff0000; GO:`;
    expect(checked(exchange(tile, 4), { threads: 32 })).toMatchObject(clean);
    expect(checked(exchange(tile, 64), { threads: 32 }).warnings).toMatchObject([
      { kind: "intra_warp_race" },
    ]);
  });

  test("a value that one lane stores and all load needs a __syncwarp()", () => {
    const spread = (between: string): string => `.shared .align 4 .b8 s[4];
      setp.ne.u32 %p1, %r60, 0; @%p1 bra GO; st.shared.u32 [s], 5; GO: ${between}
      ld.shared.u32 %r6, [s]; ${store("%r6")}`;
    expect(checked(spread("bar.warp.sync -1;"), { threads: 32 })).toMatchObject(clean);
    expect(checked(spread(""), { threads: 32 }).warnings).toMatchObject([
      { kind: "intra_warp_race", other: { thread: [0, 0, 0] } },
    ]);
    // And the way back: all have read it before one lane stores again.
    const again = (between: string): string =>
      `${spread("bar.warp.sync -1;")} ${between} @%p1 bra END; st.shared.u32 [s], 6; END:`;
    expect(checked(again("bar.warp.sync -1;"), { threads: 32 })).toMatchObject(clean);
    expect(checked(again(""), { threads: 32 }).warnings).toMatchObject([
      { kind: "intra_warp_race", other: { access: "read" } },
    ]);
  });

  test("lanes that store one value to one place need nothing", () => {
    const same = ".shared .align 4 .b8 s[4]; mov.u32 %r1, 3; st.shared.u32 [s], %r1;";
    expect(checked(same, { threads: 32 })).toMatchObject(clean);
    const differing = same.replace("mov.u32 %r1, 3", "mov.u32 %r1, %r60");
    expect(checked(differing, { threads: 32 }).warnings).toMatchObject([
      { kind: "intra_warp_race", other: { access: "write" } },
    ]);
  });
});

describe("asynchronous copies", () => {
  const copied = (wait: string, barrier = "bar.sync 0;", read = "%r5"): string => `
    .shared .align 16 .b8 s[1024];
    mov.u32 %r1, s; shl.b32 %r2, %r60, 4; add.u32 %r3, %r1, %r2;
    xor.b32 %r4, %r2, 512; add.u32 %r5, %r1, %r4;
    .loc 1 101 1
    cp.async.cg.shared.global [%r3], [%rd57], 16;
    cp.async.commit_group;
    ${wait} ${barrier}
    .loc 1 102 1
    ld.shared.u32 %r6, [${read}]; ${store("%r6")}`;

  test("count as written when their thread has waited and a barrier tells the others", () => {
    expect(checked(copied("cp.async.wait_group 0;"))).toMatchObject(clean);
    expect(checked(copied("cp.async.wait_all;"))).toMatchObject(clean);
    expect(checked(copied("cp.async.wait_group 0;", "", "%r3"))).toMatchObject(clean);
  });

  test("are a race without a wait, with too weak a wait, and with the wait behind the barrier", () => {
    for (const wait of ["", "cp.async.wait_group 1;"]) {
      expect(checked(copied(wait)).message).toContain(
        "fills with cp.async at snippet.cu:101: nobody has waited for that copy",
      );
    }
    expect(checked(copied("bar.sync 0; cp.async.wait_group 0;", "")).finding).toMatchObject({
      kind: "shared_race",
      other: { source_line: 101 },
    });
    expect(checked(copied("", "", "%r3")).finding?.kind).toBe("shared_race");
  });

  test("of a pipeline are waited for group by group", () => {
    const pipeline = (pending: number): string => `
      .shared .align 16 .b8 s[2048];
      mov.u32 %r1, s; shl.b32 %r2, %r60, 4; add.u32 %r3, %r1, %r2;
      cp.async.cg.shared.global [%r3], [%rd57], 16; cp.async.commit_group;
      cp.async.cg.shared.global [%r3+1024], [%rd57], 16; cp.async.commit_group;
      cp.async.wait_group 1; ld.shared.u32 %r6, [%r3];
      cp.async.wait_group ${pending}; ld.shared.u32 %r7, [%r3+1024]; ${store("%r6", "%r7")}`;
    expect(checked(pipeline(0))).toMatchObject(clean);
    expect(checked(pipeline(1)).finding?.kind).toBe("shared_race");
  });
});
