import type { Operand } from "../module.ts";
import type { Emitter } from "./emitter.ts";

/** Comparisons and selections: setp, set, selp, slct, testp, and logic on predicates. */
export function emitSelect(e: Emitter, parts: readonly string[]): boolean {
  switch (parts[0]) {
    case "setp":
      return setPredicate(e, parts);
    case "set":
      return setValue(e, parts);
    case "selp": {
      const [to, a, b, p] = [e.operand(0), e.operand(1), e.operand(2), e.operand(3)];
      return choose(e, to, e.predicate(p), a, b);
    }
    case "slct": {
      const c = e.operand(3);
      const test =
        parts.at(-1) === "f32" ? `${flushed(e, parts, e.float32(c))}>=0` : `${e.int(c)}>=0`;
      return choose(e, e.operand(0), test, e.operand(1), e.operand(2));
    }
    case "testp":
      return testProperty(e, parts);
    case "and":
    case "or":
    case "xor":
    case "not":
      return parts.at(-1) === "pred" && logic(e, parts[0]);
    default:
      return false;
  }
}

function flushed(e: Emitter, parts: readonly string[], text: string): string {
  return parts.includes("ftz") ? e.call("flush32", text) : text;
}

function logic(e: Emitter, name: string): true {
  const a = e.predicate(e.operand(1));
  if (name === "not") e.setInt(e.operand(0), `${a}^1`);
  else {
    const operator = { and: "&", or: "|", xor: "^" }[name] ?? "&";
    e.setInt(e.operand(0), `${a}${operator}${e.predicate(e.operand(2))}`);
  }
  return true;
}

/** to = test ? a : b, form by form. */
function choose(e: Emitter, to: Operand, test: string, a: Operand, b: Operand): true {
  if (to.kind !== "register") throw e.unsupported();
  const { bits } = e.register(to.id);
  const wants = e.wants(to);
  const t = e.temporary();
  e.line(`const ${t}=${test};`);
  if (bits === 16) e.setInt(to, `${t}?${e.unsigned16(a)}:${e.unsigned16(b)}`);
  else if (bits === 64) {
    if (wants.float) e.line(`d${to.id}=${t}?${e.float64(a)}:${e.float64(b)};`);
    if (wants.bits) {
      e.line(`l${to.id}=${t}?${e.int(a)}:${e.int(b)};h${to.id}=${t}?${e.high(a)}:${e.high(b)};`);
    }
  } else {
    if (wants.float) e.line(`f${to.id}=${t}?${e.float32(a)}:${e.float32(b)};`);
    if (wants.bits) e.line(`r${to.id}=${t}?${e.int(a)}:${e.int(b)};`);
  }
  return true;
}

/** setp.CmpOp{.BoolOp}{.ftz}.type p[|q], a, b{, c} */
function setPredicate(e: Emitter, parts: readonly string[]): true {
  const to = e.operand(0);
  const t = e.temporary();
  e.line(`const ${t}=${comparison(e, parts, e.operand(1), e.operand(2))}?1:0;`);
  const combine = ["and", "or", "xor"].find((name) => parts.includes(name));
  const operator = { and: "&", or: "|", xor: "^" }[combine ?? "and"] ?? "&";
  const with3 = (value: string): string =>
    combine === undefined ? value : `${value}${operator}${e.predicate(e.operand(3))}`;
  if (to.kind === "pair") {
    const q = e.temporary();
    e.line(`const ${q}=${with3(`(${t}^1)`)};`);
    e.setInt(to.first, with3(t));
    e.setInt(to.second, q);
  } else e.setInt(to, with3(t));
  return true;
}

/** set.CmpOp{.BoolOp}{.ftz}.dtype.stype d, a, b{, c}: all ones or 1.0 where true. */
function setValue(e: Emitter, parts: readonly string[]): true {
  const type = parts.at(-2) ?? "";
  const stype = parts.at(-1) ?? "";
  if (stype.endsWith("x2")) throw e.unsupported();
  const t = e.temporary();
  e.line(`let ${t}=${comparison(e, parts, e.operand(1), e.operand(2))}?1:0;`);
  const combine = ["and", "or", "xor"].find((name) => parts.includes(name));
  if (combine) {
    const operator = { and: "&", or: "|", xor: "^" }[combine];
    e.line(`${t}=${t}${operator}${e.predicate(e.operand(3))};`);
  }
  if (type === "f32") e.setFloat32(e.operand(0), t);
  else if (type === "f16") e.setInt(e.operand(0), `${t}?15360:0`);
  else if (type === "bf16") e.setInt(e.operand(0), `${t}?16256:0`);
  else if (/^[us]32$/u.test(type)) e.setInt(e.operand(0), `-${t}`);
  else if (/^[us]16$/u.test(type)) e.setInt(e.operand(0), `${t}?65535:0`);
  else throw e.unsupported();
  return true;
}

/** A JavaScript condition for a PTX comparison. */
function comparison(e: Emitter, parts: readonly string[], a: Operand, b: Operand): string {
  const compare = parts[1] ?? "";
  const type = parts.at(-1) ?? "";
  if (/^(?:f32|f64|f16|bf16)$/u.test(type)) {
    const value = (operand: Operand): string => {
      if (type === "f64") return e.float64(operand);
      if (type === "f32") return flushed(e, parts, e.float32(operand));
      return e.call(type === "f16" ? "fromF16" : "fromBf16", e.unsigned16(operand));
    };
    return floatComparison(e, compare, value(a), value(b));
  }
  const match = /^([usb])(16|32|64)$/u.exec(type);
  if (!match) throw e.unsupported();
  const aliases: Record<string, string> = { lo: "lt", ls: "le", hi: "gt", hs: "ge" };
  const signed = match[1] === "s" && aliases[compare] === undefined;
  const name = aliases[compare] ?? compare;
  if (match[2] === "64") return comparison64(e, name, signed, a, b);
  const operator = { eq: "===", ne: "!==", lt: "<", le: "<=", gt: ">", ge: ">=" }[name];
  if (!operator) throw e.unsupported();
  if (match[2] === "16") {
    const value = (x: Operand): string => (signed ? e.signed16(x) : e.unsigned16(x));
    return `${value(a)}${operator}${value(b)}`;
  }
  const order = name !== "eq" && name !== "ne" && !signed;
  const value = (x: Operand): string => (order ? `(${e.int(x)}>>>0)` : e.int(x));
  return `${value(a)}${operator}${value(b)}`;
}

function comparison64(e: Emitter, name: string, signed: boolean, a: Operand, b: Operand): string {
  const [al, ah, bl, bh] = [e.int(a), e.high(a), e.int(b), e.high(b)];
  const less = signed ? "lessS64" : "lessU64";
  switch (name) {
    case "eq":
      return `(${al}===${bl}&&${ah}===${bh})`;
    case "ne":
      return `(${al}!==${bl}||${ah}!==${bh})`;
    case "lt":
      return e.call(less, al, ah, bl, bh);
    case "ge":
      return `!${e.call(less, al, ah, bl, bh)}`;
    case "gt":
      return e.call(less, bl, bh, al, ah);
    case "le":
      return `!${e.call(less, bl, bh, al, ah)}`;
    default:
      throw e.unsupported();
  }
}

function floatComparison(e: Emitter, compare: string, a: string, b: string): string {
  switch (compare) {
    case "eq":
      return `${a}===${b}`;
    case "ne":
      return `(${a}<${b}||${a}>${b})`;
    case "lt":
      return `${a}<${b}`;
    case "le":
      return `${a}<=${b}`;
    case "gt":
      return `${a}>${b}`;
    case "ge":
      return `${a}>=${b}`;
    case "equ":
      return `!(${a}<${b}||${a}>${b})`;
    case "neu":
      return `${a}!==${b}`;
    case "ltu":
      return `!(${a}>=${b})`;
    case "leu":
      return `!(${a}>${b})`;
    case "gtu":
      return `!(${a}<=${b})`;
    case "geu":
      return `!(${a}<${b})`;
    case "num":
      return `(${a}===${a}&&${b}===${b})`;
    case "nan":
      return `(${a}!==${a}||${b}!==${b})`;
    default:
      throw e.unsupported();
  }
}

function testProperty(e: Emitter, parts: readonly string[]): true {
  const wide = parts.at(-1) === "f64";
  const a = e.operand(1);
  const x = wide ? e.float64(a) : e.float32(a);
  const least = wide ? "2.2250738585072014e-308" : "1.1754943508222875e-38";
  const subnormal = `(${x}!==0&&Math.abs(${x})<${least})`;
  const tests: Record<string, string> = {
    finite: `Number.isFinite(${x})`,
    infinite: `Math.abs(${x})===Infinity`,
    number: `${x}===${x}`,
    notanumber: `${x}!==${x}`,
    normal: `(Math.abs(${x})>=${least}&&Number.isFinite(${x}))`,
    subnormal,
  };
  const test = tests[parts[1] ?? ""];
  if (test === undefined) throw e.unsupported();
  e.setInt(e.operand(0), `${test}?1:0`);
  return true;
}
