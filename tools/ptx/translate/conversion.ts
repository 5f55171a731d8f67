import type { Operand } from "../module.ts";
import type { Emitter } from "./emitter.ts";

const modifiers = new Set([
  "rn",
  "rz",
  "rm",
  "rp",
  "rna",
  "rni",
  "rzi",
  "rmi",
  "rpi",
  "ftz",
  "sat",
  "satfinite",
  "relu",
]);

/** cvt and cvt.pack. False: not a conversion. */
export function emitConversion(e: Emitter, parts: readonly string[]): boolean {
  if (parts[0] !== "cvt") return false;
  const types = parts.slice(1).filter((part) => !modifiers.has(part));
  const [to = "", from = ""] = types;
  if (types.length !== 2) throw e.unsupported();
  const packed = emitPacked(e, parts, to, from);
  if (packed) return true;
  const integerTo = /^([us])(8|16|32|64)$/u.exec(to);
  const integerFrom = /^([us])(8|16|32|64)$/u.exec(from);
  if (integerTo && integerFrom) return integerToInteger(e, parts, to, from);
  if (integerTo) return floatToInteger(e, parts, to, from);
  if (integerFrom) return integerToFloat(e, parts, to, from);
  return floatToFloat(e, parts, to, from);
}

function roundingOf(parts: readonly string[], otherwise: string): string {
  return parts.find((part) => /^r(?:n|z|m|p|na)i?$/u.test(part)) ?? otherwise;
}

/** The value of a float operand as a JavaScript number. */
function floatValue(e: Emitter, parts: readonly string[], type: string, operand: Operand): string {
  const flush = (text: string): string =>
    parts.includes("ftz") && type === "f32" ? e.call("flush32", text) : text;
  switch (type) {
    case "f32":
      return flush(e.float32(operand));
    case "f64":
      return e.float64(operand);
    case "f16":
      return e.call("fromF16", e.unsigned16(operand));
    case "bf16":
      return e.call("fromBf16", e.unsigned16(operand));
    default:
      throw e.unsupported();
  }
}

/** Stores a double that is exact (or rounded to odd) as a float of `type`, rounded once. */
function setRounded(e: Emitter, parts: readonly string[], type: string, value: string): true {
  const to = e.operand(0);
  const mode = roundingOf(parts, "rn");
  const directed = mode === "rn" ? undefined : JSON.stringify(mode);
  const relu = parts.includes("relu");
  switch (type) {
    case "f64":
      e.setFloat64(to, parts.includes("sat") ? e.call("saturate", value) : value);
      return true;
    case "f32": {
      let text = directed ? e.call("roundTo32", value, directed) : `${e.use("fround")}(${value})`;
      if (parts.includes("ftz")) text = e.call("flush32", text);
      e.setFloat32(to, parts.includes("sat") ? e.call("saturate", text) : text);
      return true;
    }
    case "f16":
    case "bf16": {
      const name = type === "f16" ? "F16" : "Bf16";
      let text = directed
        ? e.call(`to${name}Rounded`, value, directed)
        : e.call(`to${name}`, value);
      if (parts.includes("sat") && type === "f16") text = e.call("saturateF16", text);
      if (parts.includes("satfinite")) throw e.unsupported();
      if (relu) text = e.call(`relu${name}`, text);
      e.setInt(to, text);
      return true;
    }
    default:
      throw e.unsupported();
  }
}

function floatToFloat(e: Emitter, parts: readonly string[], to: string, from: string): true {
  const source = e.operand(1);
  if (to === "tf32") {
    const satfinite = parts.includes("satfinite");
    const mode = JSON.stringify(roundingOf(parts, "rna"));
    const bits = e.call("toTf32", e.float32(source), mode, `${satfinite}`);
    e.setInt(e.operand(0), parts.includes("relu") ? e.call("reluTf32", bits) : bits);
    return true;
  }
  const integral = ["rni", "rzi", "rmi", "rpi"].find((mode) => parts.includes(mode));
  if (to === from && integral) {
    const value = e.call(
      "roundToIntegral",
      floatValue(e, parts, from, source),
      JSON.stringify(integral),
    );
    return setRounded(
      e,
      ["cvt", ...parts.filter((part) => part === "ftz" || part === "sat")],
      to,
      value,
    );
  }
  if (to === "f32" && from === "bf16") {
    if (parts.includes("ftz") || parts.includes("sat")) {
      return setRounded(e, parts, to, floatValue(e, parts, from, source));
    }
    e.setInt32AsFloat(e.operand(0), `${e.unsigned16(source)}<<16`);
    return true;
  }
  const plain = parts.length === 4 && parts[1] === "rn";
  if (plain && from === "f32" && (to === "bf16" || to === "f16")) {
    // From the bits, as they are or as they become: the hot path of every half precision store.
    const u = e.temporary();
    e.line(`const ${u}=${e.bitsOfFloat(source)};`);
    if (to === "f16") e.setInt(e.operand(0), e.call("f32BitsToF16", u));
    else {
      e.setInt(
        e.operand(0),
        `(${u}&2147483647)>2139095040?32767:(${u}+32767+((${u}>>>16)&1))>>>16`,
      );
    }
    return true;
  }
  return setRounded(e, parts, to, floatValue(e, parts, from, source));
}

function floatToInteger(e: Emitter, parts: readonly string[], to: string, from: string): true {
  const value = floatValue(e, parts, from, e.operand(1));
  const mode = JSON.stringify(roundingOf(parts, "rzi").replace(/^(r[nzmp])$/u, "$1i"));
  const target = e.operand(0);
  const signed = to[0] === "s";
  const size = Number(to.slice(1));
  if (size === 64) {
    e.line(`${e.call(signed ? "toS64" : "toU64", value, mode)};`);
    e.set64(target, `${e.use("pair")}[0]`, "pair[1]");
    return true;
  }
  const least = signed ? -(2 ** (size - 1)) : 0;
  const greatest = signed ? 2 ** (size - 1) - 1 : 2 ** size - 1;
  const nan = from === "f64" ? (1 << (size - 1)) >>> 0 : 0;
  const text = e.call("toInteger32", value, mode, `${least}`, `${greatest}`, `${nan}`);
  setSized(e, target, text, size, signed);
  return true;
}

/** A result of 8 to 32 bits extended to the register it goes to. */
function setSized(e: Emitter, to: Operand, text: string, size: number, signed: boolean): void {
  if (to.kind !== "register") throw e.unsupported();
  const { bits } = e.register(to.id);
  const t = e.temporary();
  let value = text;
  if (size === 8) value = signed ? `(${text})<<24>>24` : `(${text})&255`;
  else if (size === 16) value = signed ? `(${text})<<16>>16` : `(${text})&65535`;
  e.line(`const ${t}=${value};`);
  if (bits === 64) e.set64(to, t, signed ? `${t}>>31` : "0");
  else e.setInt(to, bits === 16 ? `${t}&65535` : t);
}

function integerToFloat(e: Emitter, parts: readonly string[], to: string, from: string): true {
  const source = e.operand(1);
  const mode = JSON.stringify(roundingOf(parts, "rn"));
  const signed = from[0] === "s";
  if (from.endsWith("64")) {
    const [lo, hi] = [e.int(source), e.high(source)];
    if (to === "f64")
      e.setFloat64(e.operand(0), e.call(signed ? "s64ToF64" : "u64ToF64", lo, hi, mode));
    else setRounded(e, parts, to, e.call(signed ? "s64ToOdd" : "u64ToOdd", lo, hi));
    return true;
  }
  return setRounded(e, parts, to, integerValue(e, source, from));
}

/** An integer operand of up to 32 bits as a number. */
function integerValue(e: Emitter, operand: Operand, type: string): string {
  switch (type) {
    case "s32":
      return e.int(operand);
    case "u32":
      return `(${e.int(operand)}>>>0)`;
    case "s16":
      return e.signed16(operand);
    case "u16":
      return e.unsigned16(operand);
    case "s8":
      return `(${e.int(operand)}<<24>>24)`;
    default:
      return `(${e.int(operand)}&255)`;
  }
}

function integerToInteger(e: Emitter, parts: readonly string[], to: string, from: string): true {
  const [target, source] = [e.operand(0), e.operand(1)];
  const toSize = Number(to.slice(1));
  const fromSize = Number(from.slice(1));
  const signed = to[0] === "s";
  if (parts.includes("sat")) return saturate(e, to, from, toSize, fromSize, signed);
  if (toSize === 64) {
    if (fromSize === 64) e.set64(target, e.int(source), e.high(source));
    else {
      const t = e.temporary();
      e.line(`const ${t}=${integerValue(e, source, from)}|0;`);
      e.set64(target, t, from[0] === "s" ? `${t}>>31` : "0");
    }
    return true;
  }
  // Narrowing keeps the low bits; widening extends by the source's sign; then by the target's to the register.
  const value = fromSize < toSize && fromSize < 32 ? integerValue(e, source, from) : e.int(source);
  setSized(e, target, value, toSize, signed);
  return true;
}

function saturate(
  e: Emitter,
  to: string,
  from: string,
  toSize: number,
  fromSize: number,
  signed: boolean,
): true {
  if (toSize > 32) throw e.unsupported();
  const source = e.operand(1);
  const value =
    fromSize === 64
      ? e.call(from[0] === "s" ? "s64ToNumber" : "u64ToNumber", e.int(source), e.high(source))
      : integerValue(e, source, from);
  const least = to[0] === "s" ? -(2 ** (toSize - 1)) : 0;
  const greatest = to[0] === "s" ? 2 ** (toSize - 1) - 1 : 2 ** toSize - 1;
  setSized(e, e.operand(0), `Math.min(${greatest},Math.max(${least},${value}))|0`, toSize, signed);
  return true;
}

/** Two results in one register: halves from two floats, and the 8-bit formats. */
function emitPacked(e: Emitter, parts: readonly string[], to: string, from: string): boolean {
  const target = e.operand(0);
  const relu = parts.includes("relu");
  if ((to === "f16x2" || to === "bf16x2") && from === "f32") {
    const mode = roundingOf(parts, "rn");
    const name = to === "f16x2" ? "F16" : "Bf16";
    const half = (index: number): string => {
      const operand = e.operand(index);
      let text: string;
      if (mode === "rn") {
        const u = e.temporary();
        e.line(`const ${u}=${e.bitsOfFloat(operand)};`);
        text =
          name === "F16"
            ? e.call("f32BitsToF16", u)
            : `((${u}&2147483647)>2139095040?32767:(${u}+32767+((${u}>>>16)&1))>>>16)`;
      } else text = e.call(`to${name}Rounded`, e.float32(operand), JSON.stringify(mode));
      if (parts.includes("satfinite")) throw e.unsupported();
      return relu ? e.call(`relu${name}`, text) : text;
    };
    const [high, low] = [half(1), half(2)];
    e.setInt(target, `(${high}<<16)|${low}`);
    return true;
  }
  if (to === "e4m3x2" || to === "e5m2x2") {
    const name = to === "e4m3x2" ? "E4m3x2" : "E5m2x2";
    if (from === "f32") {
      e.setInt(
        target,
        e.call(`to${name}`, e.float32(e.operand(1)), e.float32(e.operand(2)), `${relu}`),
      );
    } else if (from === "f16x2")
      e.setInt(target, e.call(`f16x2To${name}`, e.int(e.operand(1)), `${relu}`));
    else throw e.unsupported();
    return true;
  }
  if (to === "f16x2" && (from === "e4m3x2" || from === "e5m2x2")) {
    if (relu) throw e.unsupported();
    e.setInt(target, e.call(`${from}ToF16x2`, e.unsigned16(e.operand(1))));
    return true;
  }
  return false;
}
