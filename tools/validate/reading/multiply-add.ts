import { type Reading, reading } from "./codes.ts";
import { describeFound, type Found, type Origin } from "./places.ts";
import type { PtxFunction } from "./ptx-statements.ts";

/** Without a rounding in its name the assembler may contract; `.rn` forbids it. */
const product = /^mul\.(?:ftz\.|sat\.)*(?:f32|f64|f16x2|f16|bf16x2|bf16)$/u;
const sum = /^(?:add|sub)\.(?:ftz\.|sat\.)*(?:f32|f64|f16x2|f16|bf16x2|bf16)$/u;

/** Products that go into a sum, neither of which says how it rounds. */
export function readMultiplyAdds(functions: readonly PtxFunction[], origin: Origin): Reading[] {
  const found: Found[] = [];
  for (const { name, statements } of functions) {
    const products = new Map(
      statements
        .filter(({ opcode }) => product.test(opcode))
        .map((statement) => [statement.operands[0] ?? "", statement]),
    );
    for (const { opcode, operands } of statements) {
      if (!sum.test(opcode)) continue;
      for (const operand of operands.slice(1)) {
        const statement = products.get(operand);
        if (statement) found.push({ kernel: name, statement });
      }
    }
  }
  if (found.length === 0) return [];
  const { detail, source } = describeFound(found, origin);
  return [reading("fusable_multiply_add", detail, { source })];
}
