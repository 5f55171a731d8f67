import { describe, expect, test } from "vitest";
import type { MachineOptions } from "../../../tools/ptx/index.ts";
import { arrangement } from "../../../tools/ptx/order-of-turns.ts";
import { checked } from "../helpers/checked.ts";

/** Every thread takes a ticket; thread 0 of each block (or warp) writes down its own. */
const tickets = `atom.global.add.u32 %r1, [turn], 1; mov.u32 %r2, %ctaid.x;
  shr.u32 %r3, %r60, 5; mov.u32 %r4, %ntid.x; shr.u32 %r4, %r4, 5; mad.lo.u32 %r5, %r2, %r4, %r3;
  shr.u32 %r6, %r1, 5; mul.wide.u32 %rd1, %r6, 4; add.s64 %rd2, %rd60, %rd1; st.global.u32 [%rd2], %r5;`;

function turns(blocks: number, warps: number, options: MachineOptions): number[] {
  const { words } = checked(
    tickets,
    { grid: blocks, threads: warps * 32, options, out_bytes: blocks * warps * 128 * 4 },
    ".global .align 4 .u32 turn;",
  );
  return [...words.slice(0, blocks * warps)];
}

describe("blocks and warps run in the order asked for", () => {
  const forward = Array.from({ length: 8 }, (_, index) => index);

  test("forward and reverse", () => {
    expect(turns(8, 1, {})).toEqual(forward);
    expect(turns(8, 1, { block_order: "reverse" })).toEqual(forward.toReversed());
    expect(turns(1, 8, { warp_order: "reverse" })).toEqual(forward.toReversed());
    expect(turns(2, 2, { warp_order: "reverse" })).toEqual([1, 0, 3, 2]);
  });

  test("shuffled by a seed: all of them, again the same, and another seed differs", () => {
    const options: MachineOptions[] = [{ block_order: 7 }, { warp_order: 7 }];
    for (const [index, one] of options.entries()) {
      const shape: [number, number] = index === 0 ? [8, 1] : [1, 8];
      const first = turns(...shape, one);
      expect(first.toSorted((a, b) => a - b)).toEqual(forward);
      expect(first).not.toEqual(forward);
      expect(turns(...shape, one)).toEqual(first);
      const other = index === 0 ? { block_order: 8 } : { warp_order: 8 };
      expect(turns(...shape, other)).not.toEqual(first);
    }
  });

  test("a result that depends on the order of blocks shows", () => {
    const last = "mov.u32 %r1, %ctaid.x; st.global.u32 [%rd60], %r1;";
    const result = (block_order: "forward" | "reverse"): number | undefined =>
      checked(last, { grid: 5, options: { block_order } }).words[0];
    expect([result("forward"), result("reverse")]).toEqual([4, 0]);
  });
});

test.each([1, 2, 100, 65_536, 65_537, 100_000, 131_072])(
  "a shuffle of %i blocks comes to each of them once",
  (count) => {
    const at = arrangement(count, 3);
    const seen = new Uint8Array(count);
    for (let position = 0; position < count; position++) seen[at(position)] = 1;
    expect(seen.every((one) => one === 1)).toBe(true);
  },
);

test("grids of 2^31 blocks are shuffled without a list of them", () => {
  const at = arrangement(2 ** 31 - 1, 3);
  const some = new Set(Array.from({ length: 1000 }, (_, position) => at(position)));
  expect(some.size).toBe(1000);
  expect([...some].every((block) => Number.isInteger(block) && block >= 0 && block < 2 ** 31)).toBe(
    true,
  );
});
