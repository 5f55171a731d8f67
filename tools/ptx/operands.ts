import type { Operand } from "./module.ts";

/** Looks a name up: a register's id, or undefined when it is a label, a variable or a function. */
export type FindRegister = (name: string) => number | undefined;

const specials =
  /^%(?:tid|ntid|ctaid|nctaid|laneid|warpid|nwarpid|lanemask_\w+|clock(?:_hi|64)?|globaltimer(?:_lo|_hi)?|smid|nsmid|gridid|dynamic_smem_size|total_smem_size|aggr_smem_size|cluster\w*|ncluster\w*|is_explicit_cluster|pm\d+|envreg\d+|current_graph_exec)(?:\.[xyzw])?$/u;

/** Splits at commas outside of brackets. */
export function splitOperands(text: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c === 40 || c === 91 || c === 123) depth++;
    else if (c === 41 || c === 93 || c === 125) depth--;
    else if (c === 44 && depth === 0) {
      parts.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  const last = text.slice(start).trim();
  if (last !== "" || parts.length > 0) parts.push(last);
  return parts;
}

/** One operand; undefined when the text is none. */
export function parseOperand(text: string, find: FindRegister): Operand | undefined {
  const first = text[0];
  if (first === undefined) return undefined;
  if (text === "_") return { kind: "sink" };
  if (first === "{" || first === "(") {
    const items = splitOperands(text.slice(1, -1)).map((part) => parseOperand(part, find));
    if (items.some((item) => item === undefined)) return undefined;
    return { kind: first === "{" ? "vector" : "list", items: items as Operand[] };
  }
  if (first === "[") return parseAddress(text.slice(1, -1).trim(), find);
  if (first === "!") {
    const inner = parseOperand(text.slice(1).trim(), find);
    return inner?.kind === "register" ? { ...inner, negated: true } : undefined;
  }
  const bar = text.indexOf("|");
  if (bar > 0) {
    const a = parseOperand(text.slice(0, bar).trim(), find);
    const b = parseOperand(text.slice(bar + 1).trim(), find);
    return a && b ? { kind: "pair", first: a, second: b } : undefined;
  }
  if ((first >= "0" && first <= "9") || first === "-" || first === "+") return parseNumber(text);
  if (/^%?[A-Za-z_$][\w$.]*$|^%[\w$.]+$/u.test(text)) {
    const id = find(text);
    if (id !== undefined) return { kind: "register", id, negated: false };
    if (specials.test(text)) return { kind: "special", name: text.slice(1) };
    if (text === "WARP_SZ") return { kind: "integer", lo: 32, hi: 0 };
    if (!text.startsWith("%")) return { kind: "symbol", name: text, offset: 0 };
    return undefined;
  }
  const sum = /^([A-Za-z_$][\w$]*)\s*([+-])\s*(\d+)$/u.exec(text);
  if (sum) {
    const offset = Number(sum[3]) * (sum[2] === "-" ? -1 : 1);
    return { kind: "symbol", name: sum[1] ?? "", offset };
  }
  return undefined;
}

function parseAddress(text: string, find: FindRegister): Operand | undefined {
  const match = /^([%A-Za-z_$][\w$.]*)\s*(?:([+-])\s*(-?)\s*(0[xX][0-9a-fA-F]+|\d+))?$/u.exec(text);
  if (!match) {
    const number = parseNumber(text);
    return number ? { kind: "address", base: number, offset: 0 } : undefined;
  }
  const base = parseOperand(match[1] ?? "", find);
  if (!base) return undefined;
  const sign = (match[2] === "-" ? -1 : 1) * (match[3] === "-" ? -1 : 1);
  const offset = match[4] === undefined ? 0 : sign * Number(match[4]);
  return { kind: "address", base, offset };
}

function parseNumber(text: string): Operand | undefined {
  if (/^0[fF][0-9a-fA-F]{8}$/u.test(text)) {
    return { kind: "float32", bits: Number.parseInt(text.slice(2), 16) | 0 };
  }
  if (/^0[dD][0-9a-fA-F]{16}$/u.test(text)) {
    const hi = Number.parseInt(text.slice(2, 10), 16) | 0;
    return { kind: "float64", hi, lo: Number.parseInt(text.slice(10), 16) | 0 };
  }
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[bB][01]+|\d+)U?$/u.exec(text);
  if (match) {
    const digits = match[2] ?? "0";
    const magnitude = /^0\d/u.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
    const value = BigInt.asUintN(64, match[1] === "-" ? -magnitude : magnitude);
    return {
      kind: "integer",
      lo: Number(value & 0xffffffffn) | 0,
      hi: Number(value >> 32n) | 0,
    };
  }
  if (/^[+-]?\d+\.\d*(?:[eE][+-]?\d+)?$/u.test(text)) {
    const view = new DataView(new ArrayBuffer(8));
    view.setFloat64(0, Number(text));
    return { kind: "float64", hi: view.getInt32(0), lo: view.getInt32(4) };
  }
  return undefined;
}
