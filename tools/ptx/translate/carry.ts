import type { Operand } from "../module.ts";
import type { Emitter } from "./emitter.ts";

/** add, sub and mad of 32 bits, add and sub of 64, with carry in or out (carry.ts). False: not one of these. */
export function emitCarry(e: Emitter, parts: readonly string[]): boolean {
  const name = /^(add|sub|mad)(c?)$/u.exec(parts[0] ?? "");
  if (!name || (name[2] === "" && !parts.includes("cc"))) return false;
  const type = parts.at(-1) ?? "";
  if (!/^[us](?:32|64)$/u.test(type)) throw e.unsupported();
  const result = e.operand(0);
  const [to, out] = result.kind === "pair" ? [result.first, result.second] : [result, undefined];
  const last = (e.instruction?.operands.length ?? 1) - 1;
  const carry = e.temporary();
  e.line(`const ${carry}=${name[2] === "c" ? e.predicate(e.operand(last)) : "0"};`);
  const operation = name[1] === "sub" ? "-" : "+";
  if (type.endsWith("64")) {
    if (name[1] === "mad") throw e.unsupported();
    wide(e, operation, to, out, carry);
    return true;
  }
  let [a, b] = [e.int(e.operand(1)), e.int(e.operand(2))];
  if (name[1] === "mad") {
    const kind = type[0] === "s" ? "mulHiS32" : "mulHiU32";
    a = parts.includes("hi") ? e.call(kind, a, b) : `Math.imul(${a},${b})`;
    b = e.int(e.operand(3));
  }
  const sum = step(e, operation, a, b, carry);
  e.setInt(to, `${sum}|0`);
  if (out) e.setInt(out, carried(operation, sum));
  return true;
}

function wide(
  e: Emitter,
  operation: string,
  to: Operand,
  out: Operand | undefined,
  carry: string,
): void {
  const [a, b] = [e.operand(1), e.operand(2)];
  const low = step(e, operation, e.int(a), e.int(b), carry);
  const high = step(e, operation, e.high(a), e.high(b), `(${carried(operation, low)})`);
  e.set64(to, `${low}|0`, `${high}|0`);
  if (out) e.setInt(out, carried(operation, high));
}

/** a + b + carry or a - b - carry of unsigned words, exact, as a new temporary. */
function step(e: Emitter, operation: string, a: string, b: string, carry: string): string {
  const sum = e.temporary();
  e.line(`const ${sum}=(${a}>>>0)${operation}(${b}>>>0)${operation}${carry};`);
  return sum;
}

function carried(operation: string, sum: string): string {
  return operation === "-" ? `${sum}<0?1:0` : `${sum}>4294967295?1:0`;
}
