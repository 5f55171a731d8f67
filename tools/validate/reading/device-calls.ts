import { type Reading, reading } from "./codes.ts";
import { describeFound, type Found, findStatements, type Origin } from "./places.ts";
import type { PtxFunction, PtxStatement } from "./ptx-statements.ts";

const clocks = /^%(?:clock(?:64|_hi)?|globaltimer(?:_lo|_hi)?)$/u;

const called = {
  device_printf: /\bvprintf\b/u,
  device_malloc: /\b(?:malloc|free)\b/u,
  device_launch: /\bcudaLaunchDevice\w*|\bcudaGetParameterBuffer\w*/u,
} as const;

/** Float additions whose order is that in which warps arrive. */
const floatAtomic =
  /^(?:atom|red)\.(?:.*\.)?add\.(?:.*\.)?(?:noftz\.)?(?:v\d\.)?(?:f|bf)\d+(?:x2)?$/u;

/** What kernels do besides computing: clocks, output, memory, launches, and sums without an order. */
export function readDeviceCalls(functions: readonly PtxFunction[], origin: Origin): Reading[] {
  const report = (code: Reading["code"], wanted: (statement: PtxStatement) => boolean) => {
    const found = findStatements(functions, wanted);
    return found.length > 0 ? [toReading(code, found, origin)] : [];
  };
  return [
    ...report("device_clock", ({ operands }) => operands.some((one) => clocks.test(one))),
    ...Object.entries(called).flatMap(([code, name]) =>
      report(
        code as keyof typeof called,
        ({ opcode, operands }) =>
          opcode.startsWith("call") && operands.some((one) => name.test(one)),
      ),
    ),
    ...report("float_atomics", ({ opcode }) => floatAtomic.test(opcode)),
  ];
}

function toReading(code: Reading["code"], found: readonly Found[], origin: Origin): Reading {
  const { detail, source } = describeFound(found, origin);
  return reading(code, detail, { source });
}
