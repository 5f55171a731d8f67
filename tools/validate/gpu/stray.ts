import type { RecordedOperation } from "../../record/recorder.ts";
import type { FaultReport } from "../outcome.ts";
import type { Recorded } from "../recording.ts";

interface Range {
  address: bigint;
  bytes: number;
}

/**
 * A memset, copy or upload of the host code that leaves the buffers it was given and what it
 * allocated itself. Undefined where there is none: what is left, the runner does as it is asked.
 */
export function strayOperation(
  { operations, kept }: Recorded,
  buffers: readonly Range[],
): FaultReport | undefined {
  const known: Range[] = [...buffers, ...kept];
  for (const operation of operations) {
    if (operation.kind === "alloc") known.push(operation);
    for (const range of touchedBy(operation)) {
      if (range.bytes === 0 || known.some((whole) => holds(whole, range))) continue;
      const message = `the host code's ${operation.kind} of ${range.bytes} bytes at 0x${range.address.toString(16)} lies in no buffer`;
      return { kind: "out_of_bounds", message };
    }
  }
  return undefined;
}

function touchedBy(operation: RecordedOperation): Range[] {
  switch (operation.kind) {
    case "memset":
      return [operation];
    case "copy":
      return [
        { address: operation.to, bytes: operation.bytes },
        { address: operation.from, bytes: operation.bytes },
      ];
    case "upload":
      return [{ address: operation.to, bytes: operation.data.length }];
    default:
      return [];
  }
}

function holds(whole: Range, part: Range): boolean {
  const end = whole.address + BigInt(whole.bytes);
  return part.address >= whole.address && part.address + BigInt(part.bytes) <= end;
}
