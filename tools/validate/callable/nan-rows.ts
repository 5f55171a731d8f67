import type { KernelCase } from "../../kernel/cases.ts";
import { bitsOf, bitsView, dtypeFacts, roundTo, valueFromBits } from "../../kernel/dtypes.ts";
import { type RowInputs, referenceRow } from "../../kernel/reference.ts";

/**
 * A row that holds an infinity may come back as NaN as a whole: torch's own F.rms_norm does so on
 * CUDA where its vectorised path is not taken (float32 off a 16-byte boundary; torch 2.11, H200,
 * 2026-11-22), while the definition makes NaN of the infinity alone. Returns dense rows in which such a row is what the definition says, and how many there are.
 */
export function forgiveNanRows(
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  rows: Buffer,
): { rows: Buffer; forgiven: number } {
  if (one.operator === "layernorm") return { rows, forgiven: 0 };
  const rowBytes = one.hidden_size * dtypeFacts[one.out_dtype].bytes;
  let changed: Buffer | undefined;
  let forgiven = 0;
  for (let row = 0; row < one.rows; row += 1) {
    const drawn = inputs(row);
    const got = bitsView(rows.subarray(row * rowBytes, (row + 1) * rowBytes), one.out_dtype);
    if (!drawn.x.some(isInfinite) || !allNan(got, one)) continue;
    changed ??= Buffer.from(rows);
    forgiven += 1;
    const expected = referenceRow(one, drawn).ordered;
    const bits = Array.from(expected, (value) =>
      bitsOf(roundTo(value, one.out_dtype), one.out_dtype),
    );
    const target = one.out_dtype === "float32" ? Uint32Array : Uint16Array;
    changed.set(new Uint8Array(target.from(bits).buffer), row * rowBytes);
  }
  return { rows: changed ?? rows, forgiven };
}

function isInfinite(value: number): boolean {
  return value === Infinity || value === -Infinity;
}

/** The poison is a NaN as well: who wrote nothing is forgiven nothing. */
function allNan(bits: Uint16Array | Uint32Array, { out_dtype }: KernelCase): boolean {
  const { poison } = dtypeFacts[out_dtype];
  for (const element of bits) {
    if (element === poison || !Number.isNaN(valueFromBits(element, out_dtype))) return false;
  }
  return true;
}
