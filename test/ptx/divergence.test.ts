import { describe, expect, test } from "vitest";
import { Machine, PtxFault, parsePtx } from "../../tools/ptx/index.ts";
import { firstWords, pointer, run, snippet, store } from "./helpers/snippet.ts";

const lanes = Array.from({ length: 32 }, (_, lane) => lane);

/** The message of the fault that a snippet ends with. */
function faultOf(body: string, settings: Parameters<typeof run>[1] = {}): PtxFault {
  try {
    run(body, settings);
  } catch (error) {
    if (error instanceof PtxFault) return error;
    throw error;
  }
  throw new Error("no fault");
}

describe("divergent lanes", () => {
  test("both sides of a branch run, each for its lanes", () => {
    const out = run(`
      mov.u32 %r2, 7;
      setp.lt.u32 %p1, %r60, 10;
      @%p1 bra LESS;
      add.u32 %r1, %r60, 1000;
      bra JOIN;
      LESS: mul.lo.u32 %r1, %r60, 3;
      JOIN: add.u32 %r1, %r1, %r2;
      ${store("%r1")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane < 10 ? lane * 3 : lane + 1000) + 7));
  });

  test("a loop runs as often as each lane asks", () => {
    const out = run(`
      mov.u32 %r1, 0; mov.u32 %r2, 0;
      LOOP: setp.ge.u32 %p1, %r2, %r60;
      @%p1 bra DONE;
      add.u32 %r2, %r2, 1;
      add.u32 %r1, %r1, %r2;
      bra LOOP;
      DONE: ${store("%r1", "%r2")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane * (lane + 1)) / 2));
  });

  test("lanes that leave early are gone, and the rest goes on together", () => {
    const out = run(`
      and.b32 %r1, %r60, 1;
      setp.eq.u32 %p1, %r1, 1;
      @%p1 exit;
      activemask.b32 %r2;
      ${store("%r2")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane % 2 === 0 ? 0x55555555 : 0)));
  });

  test("a lane that goes round once more than the others loses no turn of the loop outside", () => {
    const out = run(`
      mov.u32 %r1, 0; mov.u32 %r2, 0;
      OUTER: setp.ge.u32 %p1, %r2, 300; @%p1 bra END;
      mov.u32 %r3, %r60;
      INNER: add.u32 %r1, %r1, 1;
      add.u32 %r3, %r3, 32;
      setp.lt.u32 %p2, %r3, 33; @%p2 bra INNER;
      add.u32 %r2, %r2, 1;
      bra OUTER;
      END: ${store("%r1")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane === 0 ? 600 : 300)));
  });

  test("nested branches and loops", () => {
    const out = run(`
      mov.u32 %r1, 0; mov.u32 %r2, 0;
      OUTER: setp.ge.u32 %p1, %r2, 4; @%p1 bra END;
      and.b32 %r3, %r60, 3;
      setp.ne.u32 %p2, %r3, %r2; @%p2 bra NEXT;
      mov.u32 %r4, 0;
      INNER: setp.ge.u32 %p3, %r4, %r60; @%p3 bra NEXT;
      add.u32 %r1, %r1, 10; add.u32 %r4, %r4, 1; bra INNER;
      NEXT: add.u32 %r2, %r2, 1; bra OUTER;
      END: ${store("%r1")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => lane * 10));
  });

  test("brx.idx sends each lane to its own target", () => {
    const out = run(`
      and.b32 %r1, %r60, 1;
      TABLE: .branchtargets A, B;
      brx.idx %r1, TABLE;
      A: mov.u32 %r2, 100; bra.uni OUT;
      B: mov.u32 %r2, 200;
      OUT: ${store("%r2")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane % 2 === 0 ? 100 : 200)));
  });

  test("a lock that lanes of one warp take in turns is always released", () => {
    const out = run(
      `
      mov.u32 %r9, lock;
      SPIN: atom.shared.cas.b32 %r1, [%r9], 0, 1;
      setp.ne.u32 %p1, %r1, 0;
      @%p1 bra SPIN;
      ld.volatile.shared.u32 %r2, [%r9+4];
      add.u32 %r2, %r2, 1;
      st.volatile.shared.u32 [%r9+4], %r2;
      atom.shared.exch.b32 %r3, [%r9], 0;
      ${store("%r2")}`.replace("mov.u32 %r9, lock;", INIT),
    );
    expect(firstWords(out).sort((a, b) => a - b)).toEqual(lanes.map((lane) => lane + 1));
  });
});

/** Shared memory starts undefined: one lane clears the lock and its counter. */
const INIT = `
      .shared .align 4 .b8 lock[8];
      mov.u32 %r9, lock;
      setp.ne.u32 %p2, %r60, 0;
      @%p2 bra READY;
      st.shared.u32 [%r9], 0;
      st.shared.u32 [%r9+4], 0;
      READY: bar.sync 0;`;

describe("warp-wide instructions", () => {
  const shuffle = (mode: string, b: number, c: number): number[] =>
    firstWords(
      run(`add.u32 %r1, %r60, 100; shfl.sync.${mode}.b32 %r2|%p1, %r1, ${b}, ${c}, -1;
        selp.u32 %r3, 1, 0, %p1; mad.lo.u32 %r2, %r3, 1000, %r2; ${store("%r2")}`),
    );
  /** PTX ISA 9.7.9.6, shfl.sync: the source lane and whether it is in range. */
  test("shuffles follow the clamp and segment of their mask", () => {
    expect(shuffle("bfly", 1, 31)).toEqual(lanes.map((lane) => 1100 + (lane ^ 1)));
    expect(shuffle("down", 4, 31)).toEqual(
      lanes.map((lane) => (lane + 4 < 32 ? 1100 + lane + 4 : 100 + lane)),
    );
    expect(shuffle("up", 4, 0)).toEqual(
      lanes.map((lane) => (lane >= 4 ? 1100 + lane - 4 : 100 + lane)),
    );
    expect(shuffle("idx", 3, 31)).toEqual(lanes.map(() => 1103));
    // Width 8: segment mask 0x18 in bits 8 to 12, clamp 31.
    expect(shuffle("idx", 3, 0x181f)).toEqual(lanes.map((lane) => 1100 + (lane & 24) + 3));
    expect(shuffle("down", 4, 0x181f)).toEqual(
      lanes.map((lane) => ((lane & 7) + 4 < 8 ? 1100 + lane + 4 : 100 + lane)),
    );
  });

  test("a shuffle among half of the lanes leaves the others alone", () => {
    const out = run(`
      mov.u32 %r2, 5;
      setp.ge.u32 %p1, %r60, 16;
      @%p1 bra OUT;
      shfl.sync.bfly.b32 %r2, %r60, 8, 31, 0xffff;
      OUT: ${store("%r2")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane < 16 ? lane ^ 8 : 5)));
  });

  test("lanes at different shuffles with the same mask meet", () => {
    const out = run(`
      and.b32 %r1, %r60, 1;
      setp.eq.u32 %p1, %r1, 1;
      @%p1 bra ODD;
      add.u32 %r2, %r60, 100;
      shfl.sync.bfly.b32 %r3, %r2, 1, 31, -1;
      bra OUT;
      ODD: add.u32 %r4, %r60, 200;
      shfl.sync.bfly.b32 %r3, %r4, 1, 31, -1;
      OUT: ${store("%r3")}`);
    expect(firstWords(out)).toEqual(
      lanes.map((lane) => (lane % 2 === 0 ? lane + 1 + 200 : lane - 1 + 100)),
    );
  });

  test("votes, match, redux and elect", () => {
    const out = run(`
      setp.lt.u32 %p1, %r60, 5;
      vote.sync.ballot.b32 %r1, %p1, -1;
      vote.sync.any.pred %p2, %p1, -1; selp.u32 %r2, 1, 0, %p2;
      vote.sync.all.pred %p3, !%p1, -1; selp.u32 %r3, 1, 0, %p3;
      redux.sync.add.s32 %r4, %r60, -1;
      ${store("%r1", "%r2", "%r3", "%r4")}`);
    expect([...out.slice(0, 4)]).toEqual([31, 1, 0, 496]);
    expect([...out.slice(124)]).toEqual([31, 1, 0, 496]);
    const match = run(`
      shr.u32 %r1, %r60, 3;
      match.any.sync.b32 %r2, %r1, -1;
      match.all.sync.b32 %r3|%p1, %r1, -1; selp.u32 %r4, 1, 0, %p1;
      elect.sync %r5|%p2, -1; selp.u32 %r6, 1, 0, %p2;
      ${store("%r2", "%r3", "%r4", "%r6")}`);
    expect([...match.slice(40, 44)]).toEqual([0xff00, 0, 0, 0]);
    expect(match[3]).toBe(1);
  });

  test("lanes that exited are not waited for", () => {
    const out = run(`
      setp.ge.u32 %p1, %r60, 20;
      @%p1 exit;
      shfl.sync.idx.b32 %r1, %r60, 7, 31, -1;
      ${store("%r1")}`);
    expect(firstWords(out)).toEqual(lanes.map((lane) => (lane < 20 ? 7 : 0)));
  });

  test("a lane that never comes is reported by number", () => {
    const fault = faultOf(`
      .loc 1 7 3
      setp.eq.u32 %p1, %r60, 3;
      @%p1 bra WAIT;
      .loc 1 9 3
      shfl.sync.bfly.b32 %r1, %r60, 1, 31, -1;
      WAIT: bar.warp.sync 8;
      bar.sync 0;`);
    expect(fault.finding.kind).toBe("missing_lanes");
    expect(fault.message).toContain("shfl.sync.bfly.b32 waits for lanes 3 of warp 0");
    expect(fault.message).toContain("snippet.cu:9");
  });

  test("a lane outside of its own member mask is reported", () => {
    const fault = faultOf("shfl.sync.bfly.b32 %r1, %r60, 1, 31, 0xffff;");
    expect(fault.message).toContain("run by lane 16, which its member mask 0xffff does not name");
  });
});

describe("barriers", () => {
  const exchange = (barrier: string): string => `
      .shared .align 4 .b8 s[512];
      mov.u32 %r1, s;
      shl.b32 %r2, %r60, 2;
      add.u32 %r3, %r1, %r2;
      st.shared.u32 [%r3], %r60;
      ${barrier}
      xor.b32 %r4, %r2, 256;
      add.u32 %r5, %r1, %r4;
      ld.shared.u32 %r6, [%r5];
      ${store("%r6")}`;
  const swapped = Array.from({ length: 128 }, (_, thread) => thread ^ 64);

  test.each(["bar.sync 0;", "barrier.sync 1, 128;", "barrier.cta.sync.aligned 2;"])(
    "%s makes stores visible",
    (barrier) => {
      expect(firstWords(run(exchange(barrier), { threads: 128 }))).toEqual(swapped);
    },
  );

  test("without a barrier the values are not there", () => {
    expect(firstWords(run(exchange(""), { threads: 128 }))).not.toEqual(swapped);
  });

  test("bar.red combines a predicate over the block", () => {
    const out = run(
      `setp.lt.u32 %p1, %r60, 70;
      bar.red.popc.u32 %r1, 0, %p1;
      bar.red.or.pred %p2, 0, %p1; selp.u32 %r2, 1, 0, %p2;
      bar.red.and.pred %p3, 0, %p1; selp.u32 %r3, 1, 0, %p3;
      ${store("%r1", "%r2", "%r3")}`,
      { threads: 128 },
    );
    expect([...out.slice(0, 3)]).toEqual([70, 1, 0]);
    expect([...out.slice(508, 511)]).toEqual([70, 1, 0]);
  });

  test("warps that exited do not hold the others up", () => {
    const out = run(
      `setp.ge.u32 %p1, %r60, 64; @%p1 exit; bar.sync 0; mov.u32 %r1, 9; ${store("%r1")}`,
      { threads: 128 },
    );
    expect(firstWords(out)).toEqual(Array.from({ length: 128 }, (_, t) => (t < 64 ? 9 : 0)));
  });

  test("a warp that waits at another barrier is a divergent barrier, with its number", () => {
    const fault = faultOf(
      `setp.ge.u32 %p1, %r60, 32;
      @%p1 bra OTHER;
      bar.sync 1;
      bra OUT;
      OTHER: bar.sync 2;
      OUT: mov.u32 %r1, 0;`,
      { threads: 64 },
    );
    expect(fault.finding.kind).toBe("divergent_barrier");
    expect(fault.message).toContain(
      "barrier 1 waits for all threads and has 32; warp 1 never gets there: other threads wait at barrier 2",
    );
  });

  test("an incomplete last warp works", () => {
    const out = run(
      `bar.sync 0; vote.sync.ballot.b32 %r1, 1, 0xff; ${store("%r1")}`.replace("0xff", "-1"),
      { threads: 40 },
    );
    expect(firstWords(out)[39]).toBe(0xff);
  });
});

test("a loop without end meets the instruction budget", () => {
  const fault = faultOf("LOOP: add.u32 %r1, %r1, 1; bra LOOP;", {
    options: { instruction_budget: 100_000 },
  });
  expect(fault.finding.kind).toBe("instruction_budget");
  expect(fault.message).toContain("100000 thread instructions");
});

test("two warps may wait for each other in shared memory", () => {
  const machine = new Machine(
    parsePtx(
      snippet(`
      .shared .align 4 .b8 flag[4];
      mov.u32 %r1, flag;
      setp.ne.u32 %p3, %r60, 0; @%p3 bra SET; st.shared.u32 [%r1], 0; SET: bar.sync 0;
      setp.ge.u32 %p1, %r60, 32;
      @%p1 bra SECOND;
      WAIT: ld.volatile.shared.u32 %r2, [%r1];
      setp.eq.u32 %p2, %r2, 0;
      @%p2 bra WAIT;
      bra OUT;
      SECOND: st.volatile.shared.u32 [%r1], 1;
      OUT: mov.u32 %r3, 4; st.global.b32 [%rd58], %r3;`),
    ),
  );
  const out = machine.alloc(64 * 16, { label: "out" });
  const counts = machine.launch({
    kernel: "k",
    grid: [1, 1, 1],
    block: [64, 1, 1],
    dynamic_shared_bytes: 0,
    params: [pointer(out), pointer(out)],
  });
  expect(counts.thread_instructions).toBeGreaterThan(0);
  expect(machine.read(out, 4)[0]).toBe(4);
});
