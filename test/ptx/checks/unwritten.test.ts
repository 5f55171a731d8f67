import { describe, expect, test } from "vitest";
import { Machine, parsePtx } from "../../../tools/ptx/index.ts";
import { checked, clean } from "../helpers/checked.ts";
import { bytesOf, pointer, snippet, store } from "../helpers/snippet.ts";

describe("shared memory that no thread of the block has written", () => {
  const code = (guard: string): string => `.shared .align 4 .b8 s[256];
    mov.u32 %r1, s; shl.b32 %r2, %r60, 2; add.u32 %r3, %r1, %r2;
    ${guard}
    st.shared.u32 [%r3], %r60;
    SKIP: bar.sync 0;
    .loc 1 7 1
    ld.shared.u32 %r6, [%r3]; ${store("%r6")}`;

  test("is found where it is read", () => {
    expect(checked(code(""))).toMatchObject(clean);
    const { finding, message } = checked(code("setp.eq.u32 %p1, %r60, 40; @%p1 bra SKIP;"));
    expect(finding).toMatchObject({
      kind: "uninitialised_shared",
      source_line: 7,
      thread: [40, 0, 0],
    });
    expect(message).toBe(
      "uninitialised_shared load from shared memory + 160 (s + 160), which no thread of the block has written in k block (0,0,0) thread (40,0,0) at snippet.cu:7",
    );
  });

  test("was written by the block before, which does not count", () => {
    const first = "mov.u32 %r9, %ctaid.x; setp.ne.u32 %p1, %r9, 0; @%p1 bra SKIP;";
    expect(checked(code(first), { grid: 2 }).finding).toMatchObject({
      kind: "uninitialised_shared",
      block: [1, 0, 0],
    });
  });

  test("is named before what came of it", () => {
    const wild = `${code("setp.eq.u32 %p1, %r60, 40; @%p1 bra SKIP;")}
      cvt.u64.u32 %rd1, %r6; shl.b64 %rd1, %rd1, 20; add.s64 %rd2, %rd58, %rd1;
      setp.ne.u32 %p2, %r60, 40; @%p2 bra OUT; st.global.u32 [%rd2], %r6; OUT:`;
    expect(checked(wild).finding?.kind).toBe("uninitialised_shared");
  });

  test("dynamic shared memory, one byte of a vector and atomics are looked at too", () => {
    const dynamic = (bytes: string): string => `mov.u32 %r1, dyn; shl.b32 %r2, %r60, 4;
      add.u32 %r3, %r1, %r2; ${bytes} bar.sync 0; ld.shared.v4.u32 {%r5,%r6,%r7,%r8}, [%r3];`;
    const settings = { dynamic_shared_bytes: 1024 };
    const module = ".extern .shared .align 16 .b8 dyn[];";
    const all = "st.shared.v4.u32 [%r3], {%r60,%r60,%r60,%r60};";
    expect(checked(dynamic(all), settings, module)).toMatchObject(clean);
    const most =
      "st.shared.v2.u32 [%r3], {%r60,%r60}; st.shared.u32 [%r3+8], %r60; st.shared.u16 [%r3+12], %h1; st.shared.u8 [%r3+14], %h1;";
    expect(checked(dynamic(most), { ...settings, threads: 32 }, module).message).toContain(
      "load from shared memory + 15 (dyn + 15), which no thread",
    );
    const atomic = ".shared .align 4 .b8 s[4]; atom.shared.add.u32 %r1, [s], 1;";
    expect(checked(atomic).finding?.kind).toBe("uninitialised_shared");
    expect(checked(atomic.replace("add", "exch").replace("u32", "b32"))).toMatchObject(clean);
  });
});

describe("local memory that the thread has not written", () => {
  const code = (offset: number): string => `.local .align 16 .b8 frame[64];
    mov.u64 %rd1, frame; st.local.v2.u32 [%rd1+8], {%r60, %r60};
    .loc 1 9 1
    ld.local.u32 %r6, [%rd1+${offset}]; ${store("%r6")}`;

  test("is found; each block and thread has its own", () => {
    expect(checked(code(12), { grid: 2 })).toMatchObject(clean);
    const { finding, message } = checked(code(16));
    expect(finding).toMatchObject({ kind: "uninitialised_local", source_line: 9 });
    expect(message).toContain(
      "load of 4 bytes at local memory + 16: the thread has not written the byte at local memory + 16",
    );
    const generic = code(16)
      .replaceAll("ld.local", "ld")
      .replaceAll("st.local", "st")
      .replace("mov.u64 %rd1, frame;", "mov.u64 %rd1, frame; cvta.local.u64 %rd1, %rd1;");
    expect(checked(generic).finding?.kind).toBe("uninitialised_local");
    expect(checked(generic.replace("[%rd1+16]", "[%rd1+12]"))).toMatchObject(clean);
  });
});

describe("global memory that nobody has written", () => {
  test("is found by byte, and what a store wrote counts", () => {
    expect(checked("ld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd57];")).toMatchObject(clean);
    const read = ".loc 1 5 1\nld.global.v4.u32 {%r1,%r2,%r3,%r4}, [%rd58];";
    const { finding, message } = checked(`st.global.v2.u32 [%rd58], {%r60, %r60}; ${read}`);
    expect(finding).toMatchObject({ kind: "uninitialised_global", source_line: 5 });
    expect(message).toContain(
      "load of 16 bytes at out + 0 (allocation is 1024 bytes): nobody has written the byte at out + 8",
    );
    expect(checked(`st.global.v4.u32 [%rd58], {%r1,%r1,%r1,%r1}; ${read}`)).toMatchObject(clean);
    expect(checked("atom.global.add.u32 %r1, [%rd58], 1;").finding?.kind).toBe(
      "uninitialised_global",
    );
    expect(checked("red.global.add.f32 [%rd58], 0f3f800000;").finding?.kind).toBe(
      "uninitialised_global",
    );
  });

  test("forgotten contents stay and count as never written", () => {
    const read = "ld.global.nc.u8 %h1, [%rd57]; cvt.u32.u16 %r1, %h1; st.global.u32 [%rd58], %r1;";
    expect(checked(read)).toMatchObject(clean);
    expect(checked(read, { forgotten: 16 }).finding).toMatchObject({ thread: [63, 0, 0] });
    expect(checked(read, { forgotten: 15 })).toMatchObject(clean);
    const machine = new Machine(parsePtx(snippet("")), { checks: true });
    const at = machine.alloc(64, { label: "x" });
    machine.write(at, new Uint8Array(64).fill(7));
    machine.forget(at + 8n, 16);
    expect(machine.read(at, 64)).toEqual(new Uint8Array(64).fill(7));
    expect(() => machine.forget(at + 60n, 8)).toThrow("out of bounds");
  });

  test("pages of large allocations, odd addresses and the machine's own writes", () => {
    const text = snippet("ld.global.u32 %r1, [%rd61]; st.global.u32 [%rd60], %r1;");
    const run = (
      bytes: number,
      offset: number,
      options: { at?: bigint; initialised?: boolean },
    ): string => {
      const machine = new Machine(parsePtx(text), { checks: true });
      const out = machine.alloc(64, { label: "out" });
      const big = machine.alloc(bytes, { label: "big", ...options });
      machine.write(big + BigInt(offset), bytesOf(Int32Array.of(9)));
      const read = (shift: number): string => {
        const params = [pointer(out), pointer(big + BigInt(offset + shift))];
        try {
          machine.launch({
            kernel: "k",
            grid: [1, 1, 1],
            block: [1, 1, 1],
            dynamic_shared_bytes: 0,
            params,
          });
          return "read";
        } catch (error) {
          return (error as Error).message.slice(0, 20);
        }
      };
      return `${read(0)} ${read(4)}`;
    };
    for (const [bytes, offset] of [
      [64, 0],
      [64, 56],
      [32 << 20, 5 << 20],
      [32 << 20, (6 << 20) - 4],
    ] as const) {
      expect(run(bytes, offset, {})).toBe("read uninitialised_global");
      expect(run(bytes, offset, { initialised: true })).toBe("read read");
      expect(run(bytes, offset, { at: 0x1000_0000_0004n })).toBe("read uninitialised_global");
    }
  });

  test("cp.async reads what it copies and no more", () => {
    const copy = (
      size: string,
    ): string => `.shared .align 16 .b8 s[1024]; mov.u32 %r1, s; shl.b32 %r2, %r60, 4;
      add.u32 %r3, %r1, %r2; mov.u32 %r4, 12; cp.async.cg.shared.global [%r3], [%rd57], 16${size}; cp.async.wait_all;`;
    expect(checked(copy(""), { forgotten: 4 }).finding?.kind).toBe("uninitialised_global");
    expect(checked(copy(", %r4"), { forgotten: 4 })).toMatchObject(clean);
    expect(checked(copy(", %r4"), { forgotten: 5 }).finding?.kind).toBe("uninitialised_global");
  });

  test("module variables are zero and count as written; they keep what launches store", () => {
    const text = snippet(
      "ld.global.u32 %r1, [counter]; add.u32 %r1, %r1, 1; st.global.u32 [counter], %r1; st.global.u32 [%rd60], %r1;",
      ".global .align 4 .u32 counter;",
    );
    const machine = new Machine(parsePtx(text), { checks: true });
    const out = machine.alloc(64, { label: "out" });
    for (const expected of [1, 2, 3]) {
      const params = [pointer(out), pointer(out)];
      machine.launch({
        kernel: "k",
        grid: [1, 1, 1],
        block: [1, 1, 1],
        dynamic_shared_bytes: 0,
        params,
      });
      expect(machine.read(out, 1)[0]).toBe(expected);
    }
  });
});

test("without checks nothing of this is looked at", () => {
  const options = { checks: false };
  expect(checked("ld.global.u32 %r1, [%rd58];", { options })).toMatchObject(clean);
  const race = `.shared .align 4 .b8 s[4]; st.shared.u32 [s], %r60; ld.shared.u32 %r1, [s];`;
  expect(checked(race, { options })).toMatchObject(clean);
});
