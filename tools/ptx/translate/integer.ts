import type { Operand } from "../module.ts";
import type { Emitter } from "./emitter.ts";

/** Integer arithmetic, shifts and bit fields of 16, 32 and 64 bits. False: not one of them. */
export function emitInteger(e: Emitter, parts: readonly string[]): boolean {
  // The mode of prmt stands behind its type.
  const type = (parts[0] === "prmt" ? parts[1] : parts.at(-1)) ?? "";
  if (!/^[usb](?:16|32|64)$/u.test(type)) return false;
  const size = Number(type.slice(1));
  const signed = type[0] === "s";
  const name = parts[0] ?? "";
  if (parts.includes("wide")) return emitWide(e, name, parts, size, signed);
  if (size === 64) return emit64(e, name, parts, signed);
  if (size === 16) return emit16(e, name, parts, signed);
  return emit32(e, name, parts, signed);
}

function emit32(e: Emitter, name: string, parts: readonly string[], signed: boolean): boolean {
  const count = e.instruction?.operands.length ?? 0;
  const to = e.operand(0);
  const a = (): string => e.int(e.operand(1));
  const b = (): string => e.int(e.operand(2));
  const c = (): string => e.int(e.operand(3));
  const s = signed ? "S32" : "U32";
  const set = (expression: string): true => {
    e.setInt(to, expression);
    return true;
  };
  switch (name) {
    case "add":
      return set(parts.includes("sat") ? e.call("addSatS32", a(), b()) : `(${a()}+${b()})|0`);
    case "sub":
      return set(parts.includes("sat") ? e.call("subSatS32", a(), b()) : `(${a()}-${b()})|0`);
    case "mul":
      if (parts[1] === "hi") return set(e.call(`mulHi${s}`, a(), b()));
      return set(`Math.imul(${a()},${b()})`);
    case "mad": {
      const product =
        parts[1] === "hi" ? e.call(`mulHi${s}`, a(), b()) : `Math.imul(${a()},${b()})`;
      if (parts.includes("sat")) return set(e.call("addSatS32", product, c()));
      return set(`(${product}+${c()})|0`);
    }
    case "mul24":
    case "mad24": {
      const high = parts[1] === "hi";
      const product = e.call(high ? "mul24Hi" : "mul24Lo", a(), b(), `${signed}`);
      if (name === "mul24") return set(product);
      return set(
        parts.includes("sat") ? e.call("addSatS32", product, c()) : `(${product}+${c()})|0`,
      );
    }
    case "div":
      return set(e.call(`div${s}`, a(), b()));
    case "rem":
      return set(e.call(`rem${s}`, a(), b()));
    case "neg":
      return set(`(-${a()})|0`);
    case "abs":
      return set(`Math.abs(${a()})|0`);
    case "sad":
      return set(e.call(`sad${s}`, a(), b(), c()));
    case "min":
    case "max": {
      if (parts.includes("relu")) return set(`Math.max(0,Math.${name}(${a()},${b()}))`);
      const [x, y] = signed ? [a(), b()] : [`(${a()}>>>0)`, `(${b()}>>>0)`];
      return set(`(${x}${name === "min" ? "<" : ">"}${y}?${a()}:${b()})`);
    }
    case "and":
      return set(`${a()}&${b()}`);
    case "or":
      return set(`${a()}|${b()}`);
    case "xor":
      return set(`${a()}^${b()}`);
    case "not":
      return set(`~${a()}`);
    case "cnot":
      return set(`(${a()}===0?1:0)`);
    case "lop3": {
      if (to.kind === "pair") throw e.unsupported();
      const table = e.operand(4);
      if (table.kind !== "integer") throw e.unsupported();
      return set(
        lop3Expression(a(), b(), c(), table.lo) ?? e.call("lop3", a(), b(), c(), `${table.lo}`),
      );
    }
    case "shl":
      return set(shift(e, "<<", "shl32"));
    case "shr":
      return set(signed ? shift(e, ">>", "shrS32") : shift(e, ">>>", "shrU32"));
    case "shf": {
      const wrap = parts.includes("wrap");
      return set(e.call(parts[1] === "l" ? "funnelLeft" : "funnelRight", a(), b(), c(), `${wrap}`));
    }
    case "bfe":
      return set(e.call("bfe32", a(), b(), c(), `${signed}`));
    case "bfi":
      return set(e.call("bfi32", a(), b(), c(), e.int(e.operand(4))));
    case "bfind":
      return set(e.call("bfind32", a(), `${signed}`, `${parts.includes("shiftamt")}`));
    case "clz":
      return set(`Math.clz32(${a()})`);
    case "popc":
      return set(e.call("popc32", a()));
    case "brev":
      return set(e.call("brev32", a()));
    case "bmsk":
      return set(e.call("bmsk", a(), b(), `${parts.includes("wrap")}`));
    case "szext":
      return set(e.call("szext", a(), b(), `${signed}`, `${parts.includes("wrap")}`));
    case "prmt": {
      const mode = parts.length > 2 ? (parts.at(-1) ?? "") : "";
      if (count !== 4) throw e.unsupported();
      return set(e.call("permute", a(), b(), c(), JSON.stringify(mode === "b32" ? "" : mode)));
    }
    case "dp4a": {
      const [x, y] = [parts[1], parts[2]];
      return set(e.call("dp4a", a(), b(), c(), `${x === "s32"}`, `${y === "s32"}`));
    }
    case "dp2a": {
      const [x, y] = [parts[2], parts[3]];
      return set(
        e.call("dp2a", a(), b(), c(), `${x === "s32"}`, `${y === "s32"}`, `${parts[1] === "hi"}`),
      );
    }
    case "fns":
      throw e.unsupported();
    default:
      return false;
  }
}

function shift(e: Emitter, operator: string, helper: string): string {
  const [value, amount] = [e.operand(1), e.operand(2)];
  if (amount.kind === "integer" && amount.lo >= 0 && amount.lo < 32) {
    const text = `${e.int(value)}${operator}${amount.lo}`;
    return operator === ">>>" ? `(${text})|0` : text;
  }
  return e.call(helper, e.int(value), e.int(amount));
}

/** The common truth tables written out. */
function lop3Expression(a: string, b: string, c: string, table: number): string | undefined {
  switch (table & 255) {
    case 0x80:
      return `${a}&${b}&${c}`;
    case 0xfe:
      return `${a}|${b}|${c}`;
    case 0x96:
      return `${a}^${b}^${c}`;
    case 0xf8:
      return `${a}|(${b}&${c})`;
    case 0xea:
      return `(${a}&${b})|${c}`;
    case 0xca:
      return `(${a}&${b})|(~${a}&${c})`;
    case 0xc0:
      return `${a}&${b}`;
    case 0xfc:
      return `${a}|${b}`;
    case 0x3c:
      return `${a}^${b}`;
    default:
      return undefined;
  }
}

function emit16(e: Emitter, name: string, parts: readonly string[], signed: boolean): boolean {
  const to = e.operand(0);
  const value = (index: number): string =>
    signed ? e.signed16(e.operand(index)) : e.unsigned16(e.operand(index));
  const set = (expression: string): true => {
    e.setInt(to, `(${expression})&65535`);
    return true;
  };
  switch (name) {
    case "add":
      return set(`${value(1)}+${value(2)}`);
    case "sub":
      return set(`${value(1)}-${value(2)}`);
    case "mul":
    case "mad": {
      const product = `Math.imul(${value(1)},${value(2)})`;
      const part = parts[1] === "hi" ? `(${product}>>16)` : product;
      return set(name === "mad" ? `${part}+${value(3)}` : part);
    }
    case "div":
      return set(e.call(signed ? "divS32" : "divU32", value(1), value(2)));
    case "rem":
      return set(e.call(signed ? "remS32" : "remU32", value(1), value(2)));
    case "neg":
      return set(`-${value(1)}`);
    case "abs":
      return set(`Math.abs(${value(1)})`);
    case "sad":
      return set(`${value(3)}+Math.abs(${value(1)}-${value(2)})`);
    case "min":
    case "max":
      return set(`Math.${name}(${value(1)},${value(2)})`);
    case "and":
      return set(`${value(1)}&${value(2)}`);
    case "or":
      return set(`${value(1)}|${value(2)}`);
    case "xor":
      return set(`${value(1)}^${value(2)}`);
    case "not":
      return set(`~${value(1)}`);
    case "cnot":
      return set(`(${value(1)}===0?1:0)`);
    case "shl":
      return set(`(${e.int(e.operand(2))}>>>0)>15?0:${value(1)}<<${e.int(e.operand(2))}`);
    case "shr":
      return set(`${value(1)}>>((${e.int(e.operand(2))}>>>0)>16?16:${e.int(e.operand(2))})`);
    default:
      return false;
  }
}

/** mul.wide and mad.wide: the type names the operands. */
function emitWide(
  e: Emitter,
  name: string,
  parts: readonly string[],
  size: number,
  signed: boolean,
): boolean {
  if (parts.includes("cc")) throw e.unsupported();
  const [to, x, y] = [e.operand(0), e.operand(1), e.operand(2)];
  if (size === 16) {
    const value = (operand: Operand): string =>
      signed ? e.signed16(operand) : e.unsigned16(operand);
    const product = `Math.imul(${value(x)},${value(y)})`;
    e.setInt(to, name === "mad" ? `(${product}+${e.int(e.operand(3))})|0` : product);
    return true;
  }
  if (size !== 32) return false;
  const [low, high] = [e.temporary(), e.temporary()];
  const [a, b] = [e.int(x), e.int(y)];
  const power =
    y.kind === "integer" && y.lo > 0 && (y.lo & (y.lo - 1)) === 0 ? 31 - Math.clz32(y.lo) : -1;
  if (power === 0) e.line(`const ${low}=${a},${high}=${signed ? `${a}>>31` : "0"};`);
  else if (power > 0) {
    const shifted = signed ? `${a}>>${32 - power}` : `${a}>>>${32 - power}`;
    e.line(`const ${low}=${a}<<${power},${high}=${shifted};`);
  } else {
    const helper = e.call(signed ? "mulHiS32" : "mulHiU32", a, b);
    e.line(`const ${low}=Math.imul(${a},${b}),${high}=${helper};`);
  }
  if (name === "mul") {
    e.set64(to, low, high);
    return true;
  }
  const [sum, z] = [e.temporary(), e.operand(3)];
  e.line(`const ${sum}=(${low}+${e.int(z)})|0;`);
  e.set64(to, sum, `(${high}+${e.high(z)}+((${sum}>>>0)<(${low}>>>0)?1:0))|0`);
  return true;
}

function emit64(e: Emitter, name: string, parts: readonly string[], signed: boolean): boolean {
  const to = e.operand(0);
  const lo = (index: number): string => e.int(e.operand(index));
  const hi = (index: number): string => e.high(e.operand(index));
  const pairArgs = (): string[] => [lo(1), hi(1), lo(2), hi(2)];
  const both = (operator: string): true => {
    const [l, h] = [e.temporary(), e.temporary()];
    e.line(`const ${l}=${lo(1)}${operator}${lo(2)},${h}=${hi(1)}${operator}${hi(2)};`);
    e.set64(to, l, h);
    return true;
  };
  const fromPair = (helper: string, ...args: string[]): true => {
    e.line(`${e.call(helper, ...args)};`);
    e.set64(to, `${e.use("pair")}[0]`, "pair[1]");
    return true;
  };
  if (parts.includes("cc")) throw e.unsupported();
  switch (name) {
    case "add": {
      const [l, h] = [e.temporary(), e.temporary()];
      e.line(`const ${l}=(${lo(1)}+${lo(2)})|0,`);
      e.line(`${h}=(${hi(1)}+${hi(2)}+((${l}>>>0)<(${lo(1)}>>>0)?1:0))|0;`);
      e.set64(to, l, h);
      return true;
    }
    case "sub": {
      const [l, h] = [e.temporary(), e.temporary()];
      e.line(`const ${l}=(${lo(1)}-${lo(2)})|0,`);
      e.line(`${h}=(${hi(1)}-${hi(2)}-((${lo(1)}>>>0)<(${lo(2)}>>>0)?1:0))|0;`);
      e.set64(to, l, h);
      return true;
    }
    case "neg": {
      const [l, h] = [e.temporary(), e.temporary()];
      e.line(`const ${l}=(-${lo(1)})|0,${h}=(~${hi(1)}+(${l}===0?1:0))|0;`);
      e.set64(to, l, h);
      return true;
    }
    case "mul":
      if (parts[1] === "hi") return fromPair(signed ? "mulHiS64" : "mulHiU64", ...pairArgs());
      return multiply(e, to, undefined);
    case "mad": {
      if (parts[1] !== "hi") return multiply(e, to, e.operand(3));
      e.line(`${e.call(signed ? "mulHiS64" : "mulHiU64", ...pairArgs())};`);
      const [l, h] = [e.temporary(), e.temporary()];
      e.line(`const ${l}=(${e.use("pair")}[0]+${lo(3)})|0,`);
      e.line(`${h}=(pair[1]+${hi(3)}+((${l}>>>0)<(pair[0]>>>0)?1:0))|0;`);
      e.set64(to, l, h);
      return true;
    }
    case "div":
      return fromPair(signed ? "divS64" : "divU64", ...pairArgs());
    case "rem":
      return fromPair(signed ? "remS64" : "remU64", ...pairArgs());
    case "abs":
      return fromPair("absS64", lo(1), hi(1));
    case "min":
    case "max": {
      const args = name === "min" ? pairArgs() : [lo(2), hi(2), lo(1), hi(1)];
      const t = e.temporary();
      e.line(`const ${t}=${e.call(signed ? "lessS64" : "lessU64", ...args)};`);
      e.set64(to, `${t}?${lo(1)}:${lo(2)}`, `${t}?${hi(1)}:${hi(2)}`);
      return true;
    }
    case "and":
      return both("&");
    case "or":
      return both("|");
    case "xor":
      return both("^");
    case "not": {
      const l = e.temporary();
      e.line(`const ${l}=~${lo(1)};`);
      e.set64(to, l, `~${hi(1)}`);
      return true;
    }
    case "cnot":
      e.set64(to, `((${lo(1)}|${hi(1)})===0?1:0)`, "0");
      return true;
    case "shl":
    case "shr":
      return shift64(e, name, signed);
    case "clz":
      e.setInt(to, e.call("clz64", lo(1), hi(1)));
      return true;
    case "popc":
      e.setInt(to, e.call("popc64", lo(1), hi(1)));
      return true;
    case "brev":
      return fromPair("brev64", lo(1), hi(1));
    case "bfind":
      e.setInt(to, e.call("bfind64", lo(1), hi(1), `${signed}`, `${parts.includes("shiftamt")}`));
      return true;
    case "bfe":
      return fromPair("bfe64", lo(1), hi(1), lo(2), lo(3), `${signed}`);
    case "bfi":
      return fromPair("bfi64", lo(1), hi(1), lo(2), hi(2), lo(3), lo(4));
    default:
      return false;
  }
}

function multiply(e: Emitter, to: Operand, addend: Operand | undefined): true {
  const [x, y] = [e.operand(1), e.operand(2)];
  const [low, high] = [e.temporary(), e.temporary()];
  const [al, ah, bl, bh] = [e.int(x), e.high(x), e.int(y), e.high(y)];
  e.line(`const ${low}=Math.imul(${al},${bl}),${high}=${e.call("mulLo64Hi", al, ah, bl, bh)};`);
  if (!addend) {
    e.set64(to, low, high);
    return true;
  }
  const sum = e.temporary();
  e.line(`const ${sum}=(${low}+${e.int(addend)})|0;`);
  e.set64(to, sum, `(${high}+${e.high(addend)}+((${sum}>>>0)<(${low}>>>0)?1:0))|0`);
  return true;
}

function shift64(e: Emitter, name: string, signed: boolean): true {
  const [to, value, amount] = [e.operand(0), e.operand(1), e.operand(2)];
  const [lo, hi] = [e.int(value), e.high(value)];
  const [l, h] = [e.temporary(), e.temporary()];
  if (amount.kind === "integer" && amount.lo > 0 && amount.lo < 32) {
    const n = amount.lo;
    if (name === "shl") e.line(`const ${l}=${lo}<<${n},${h}=(${hi}<<${n})|(${lo}>>>${32 - n});`);
    else {
      const top = signed ? `${hi}>>${n}` : `(${hi}>>>${n})|0`;
      e.line(`const ${l}=(${lo}>>>${n})|(${hi}<<${32 - n}),${h}=${top};`);
    }
  } else {
    const n = e.int(amount);
    if (name === "shl")
      e.line(`const ${l}=${e.call("shl64Lo", lo, n)},${h}=${e.call("shl64Hi", lo, hi, n)};`);
    else {
      const kind = signed ? "shrS64" : "shrU64";
      e.line(`const ${l}=${e.call(`${kind}Lo`, lo, hi, n)},${h}=${e.call(`${kind}Hi`, hi, n)};`);
    }
  }
  e.set64(to, l, h);
  return true;
}
