import { expect, test } from "vitest";
import { rmsnormFields } from "../../../tools/kernel/operators.ts";
import { callStream, type RecordedOperation } from "../../../tools/record/recorder.ts";
import { SlotMemory, workspaceArena } from "../../../tools/validate/gpu/slots.ts";
import { candidateSteps, mapSteps } from "../../../tools/validate/gpu/steps.ts";
import { strayOperation } from "../../../tools/validate/gpu/stray.ts";
import { placeCase } from "../../../tools/validate/prepare-case.ts";
import type { Recorded } from "../../../tools/validate/recording.ts";
import { kernelCase } from "../cases.ts";

const space = { base: 0x1000_0000_0000n, slot_bytes: 0x10_0000_0000n };
const granule = 2n << 20n;

function recorded(operations: RecordedOperation[], kept: Recorded["kept"] = []): Recorded {
  return { state: "recorded", result: 0, result_name: "cudaSuccess", operations, kept };
}

test("a buffer ends where its slot ends, but for what 256-byte alignment leaves, and that is watched", () => {
  const memory = new SlotMemory(space, 0);
  const one = kernelCase({ rows: 3, hidden_size: 127, layout: "contiguous" });
  placeCase(one, rmsnormFields, memory);
  const [x, out, weight] = memory.buffers;
  expect(x).toMatchObject({
    label: "x",
    bytes: 3 * 127 * 2,
    slot_end: space.base + space.slot_bytes,
  });
  for (const { address, bytes, slot_end } of memory.buffers) {
    expect(address % 256n).toBe(0n);
    expect(slot_end - address - BigInt(bytes)).toBeLessThan(256n);
  }
  const places = memory.places();
  expect(places.out).toEqual({
    address: out?.address,
    before_bytes: 65536,
    after_bytes: 1024 - 762 - 256 + 0,
  });
  expect(places.weight?.address).toBe(weight?.address);
});

test("both places of a case share no slot, and no mapped range touches the guard of the slot before", () => {
  const one = kernelCase();
  const slots = [0, 1].flatMap((place) => {
    const memory = new SlotMemory(space, place as 0 | 1);
    placeCase(one, rmsnormFields, memory);
    return memory.ranges().map(({ address, bytes }) => {
      const offset = (address - space.base) % space.slot_bytes;
      expect(offset).toBeGreaterThanOrEqual(granule);
      expect(offset + BigInt(bytes)).toBeLessThanOrEqual(space.slot_bytes);
      return (address - space.base) / space.slot_bytes;
    });
  });
  // The judge's own slot, the last of sixteen, is in both.
  const own = slots.filter((slot) => slot !== 15n);
  expect(new Set(own).size).toBe(own.length);
  expect((workspaceArena(space).address - space.base) % space.slot_bytes).toBe(granule);
});

test("work keeps the stream that the host code chose, and events become waits", () => {
  const stream = (handle: bigint) =>
    ({ kind: "memset", address: 1n, value: 255, bytes: 4, stream: handle }) as const;
  const steps = candidateSteps(
    recorded([
      { kind: "record_event", event: 9n, stream: callStream },
      { kind: "wait_event", event: 9n, stream: 77n },
      stream(77n),
      stream(callStream),
      stream(0n),
    ]),
  );
  expect(steps.map((step) => [step.do, "stream" in step ? step.stream : undefined])).toEqual([
    ["wait", "side"],
    ["fill", "side"],
    ["fill", "call"],
    ["fill", "default"],
  ]);
  expect(steps[1]).toMatchObject({ pattern: "ff" });
});

test("what the host code allocated, now or in an earlier call, is mapped before anything runs", () => {
  const alloc = (address: bigint) =>
    ({ kind: "alloc", address, bytes: 4096, stream: callStream }) as const;
  expect(
    mapSteps(recorded([alloc(2n)], [{ address: 1n, bytes: 4096, writes: [] }])).map(
      (step) => "address" in step && step.address,
    ),
  ).toEqual([1n, 2n]);
});

test.each([
  ["inside of a buffer", 0n, 16, undefined],
  ["past the end of a buffer", 250n, 16, "out_of_bounds"],
  ["nowhere", 1n << 50n, 16, "out_of_bounds"],
  ["nowhere, and empty", 1n << 50n, 0, undefined],
])("a host memset %s", (_, offset, bytes, kind) => {
  const buffer = { address: 4096n, bytes: 256 };
  const memset = {
    kind: "memset",
    address: 4096n + offset,
    value: 0,
    bytes,
    stream: callStream,
  } as const;
  expect(strayOperation(recorded([memset]), [buffer])?.kind).toBe(kind);
});
