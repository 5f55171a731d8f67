import type { Emitter } from "./emitter.ts";

/** Pairs in one register: 16-bit integers, float32 of sm_100, and cvt.pack. False: not one of these instructions. */
export function emitPair(e: Emitter, parts: readonly string[]): boolean {
  if (parts[0] === "cvt" && parts[1] === "pack") return pack(e, parts);
  if (parts.includes("u16x2") || parts.includes("s16x2")) return integers(e, parts);
  if (parts.at(-1) === "f32x2") return floats(e, parts);
  return false;
}

/** add, min and max of u16x2 and s16x2. */
function integers(e: Emitter, parts: readonly string[]): boolean {
  const name = parts[0] ?? "";
  if (!["add", "min", "max"].includes(name)) return false;
  const [a, b] = [e.temporary(), e.temporary()];
  e.line(`const ${a}=${e.int(e.operand(1))},${b}=${e.int(e.operand(2))};`);
  if (name === "add") {
    e.setInt(e.operand(0), `((${a}+${b})&65535)|(((${a}>>>16)+(${b}>>>16))<<16)`);
    return true;
  }
  const signed = parts.includes("s16x2");
  const low = (x: string): string => (signed ? `(${x}<<16>>16)` : `(${x}&65535)`);
  const high = (x: string): string => (signed ? `(${x}>>16)` : `(${x}>>>16)`);
  const pick = (half: (x: string) => string): string => {
    const found = `Math.${name}(${half(a)},${half(b)})`;
    return parts.includes("relu") ? `Math.max(0,${found})` : found;
  };
  e.setInt(e.operand(0), `(${pick(low)}&65535)|(${pick(high)}<<16)`);
  return true;
}

/** add, sub, mul and fma of two float32, each rounded by itself. */
function floats(e: Emitter, parts: readonly string[]): boolean {
  const name = parts[0] ?? "";
  if (!["add", "sub", "mul", "fma"].includes(name)) return false;
  const ftz = parts.includes("ftz");
  const mode = ["rz", "rm", "rp"].find((m) => parts.includes(m));
  const count = name === "fma" ? 3 : 2;
  const half = (word: "int" | "high"): string => {
    const values = Array.from({ length: count }, (_, k) => {
      const value = e.call("fromBits32", e[word](e.operand(k + 1)));
      return ftz ? e.call("flush32", value) : value;
    });
    const operation = { add: "+", sub: "-", mul: "*" }[name];
    const result = mode
      ? e.call(name === "fma" ? "fma32Rounded" : `${name}32`, ...values, JSON.stringify(mode))
      : operation
        ? `${e.use("fround")}(${values.join(operation)})`
        : e.call("fma32", ...values);
    return e.call("bitsOf32", ftz ? e.call("flush32", result) : result);
  };
  const [low, high] = [e.temporary(), e.temporary()];
  e.line(`const ${low}=${half("int")},${high}=${half("high")};`);
  e.set64(e.operand(0), low, high);
  return true;
}

/** cvt.pack.sat.u8.s32.b32 d, a, b, c: saturated a above saturated b, and what c holds above those. */
function pack(e: Emitter, parts: readonly string[]): boolean {
  const match = /^([us])(8|16)$/u.exec(parts[3] ?? "");
  if (!match || parts[2] !== "sat" || parts[4] !== "s32") throw e.unsupported();
  const size = Number(match[2]);
  const [least, most] =
    match[1] === "u" ? [0, 2 ** size - 1] : [-(2 ** (size - 1)), 2 ** (size - 1) - 1];
  const part = (index: number): string =>
    `(Math.min(${most},Math.max(${least},${e.int(e.operand(index))}))&${2 ** size - 1})`;
  const above = size === 8 && parts[5] === "b32" ? `|(${e.int(e.operand(3))}<<16)` : "";
  e.setInt(e.operand(0), `(${part(1)}<<${size})|${part(2)}${above}`);
  return true;
}
