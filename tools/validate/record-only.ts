import type { KernelCase } from "../kernel/cases.ts";
import type { ArgumentField } from "../kernel/operators.ts";
import type { RecordedCall, Recorder } from "../record/recorder.ts";
import { type DeviceMemory, placeCase } from "./prepare-case.ts";

const firstAddress = 0x1000_0000_0000n;
const alignment = 256n;

/**
 * What the entry point asks for in a case that nobody executes, however large: nothing is allocated
 * and nothing filled. Shows a grid that does not fit, which is refused, and one that does not grow.
 * Throws what Recorder.call throws.
 */
export function recordOnly(
  recorder: Recorder,
  one: KernelCase,
  fields: readonly ArgumentField[],
): Promise<RecordedCall> {
  return recorder.call(placeCase(one, fields, addressesOnly()).arguments);
}

/** Gives out addresses that nothing stands behind. */
function addressesOnly(): DeviceMemory {
  let next = firstAddress;
  const never = () => {
    throw new Error("recordOnly touches no memory");
  };
  return {
    alloc(bytes) {
      const address = next;
      next += (BigInt(Math.ceil(bytes)) / alignment + 2n) * alignment;
      return address;
    },
    write: never,
    read: never,
  };
}
