import type { Emitter } from "./emitter.ts";

/** Arithmetic of f16, bf16 and their packed pairs, on bits, rounded once. False: not one of these instructions. */
export function emitHalf(e: Emitter, parts: readonly string[]): boolean {
  const type = parts.at(-1) ?? "";
  const match = /^(f16|bf16)(x2)?$/u.exec(type);
  if (!match) return false;
  const format = match[1] === "f16" ? "F16" : "Bf16";
  const packed = match[2] === "x2";
  const value = (index: number): string => {
    const operand = e.operand(index);
    return packed ? e.int(operand) : e.unsigned16(operand);
  };
  /** Applies `f(args)` to the value, or to each half of it. */
  const each = (count: number, f: (...args: string[]) => string): true => {
    const names = Array.from({ length: count }, () => e.temporary());
    e.line(names.map((name, k) => `const ${name}=${value(k + 1)};`).join(""));
    if (!packed) {
      e.setInt(e.operand(0), f(...names));
      return true;
    }
    const low = f(...names.map((name) => `(${name}&65535)`));
    const high = f(...names.map((name) => `(${name}>>>16)`));
    e.setInt(e.operand(0), `(${low})|((${high})<<16)`);
    return true;
  };
  const ftz = parts.includes("ftz");
  const finish = (text: string): string => {
    let result = text;
    if (ftz && format === "F16") result = e.call("flushF16", result);
    if (parts.includes("sat")) {
      if (format !== "F16") throw e.unsupported();
      result = e.call("saturateF16", result);
    }
    if (parts.includes("relu")) result = e.call(`relu${format}`, result);
    return result;
  };
  const read = (text: string): string =>
    ftz && format === "F16" ? e.call("flushF16", text) : text;
  switch (parts[0]) {
    case "add":
    case "sub":
    case "mul":
      return each(2, (a, b) =>
        finish(e.call(`${parts[0]}${format}`, read(a ?? ""), read(b ?? ""))),
      );
    case "fma":
      if (parts.includes("oob")) throw e.unsupported();
      return each(3, (a, b, c) =>
        finish(e.call(`fma${format}`, read(a ?? ""), read(b ?? ""), read(c ?? ""))),
      );
    case "neg":
      return each(1, (a) => finish(e.call("negHalf", read(a ?? ""))));
    case "abs":
      return each(1, (a) => finish(e.call("absHalf", read(a ?? ""))));
    case "min":
    case "max": {
      if (parts.includes("xorsign")) throw e.unsupported();
      const nan = `${parts.includes("NaN")}`;
      return each(2, (a, b) =>
        finish(e.call(`${parts[0]}${format}`, read(a ?? ""), read(b ?? ""), nan)),
      );
    }
    case "ex2":
    case "tanh": {
      const name = parts[0] === "ex2" ? "ex2Approx" : "tanhApprox";
      return each(1, (a) => finish(e.call(`${name}${format}`, read(a ?? ""))));
    }
    default:
      return false;
  }
}
