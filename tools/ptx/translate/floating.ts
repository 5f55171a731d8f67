import type { Emitter } from "./emitter.ts";

/** Arithmetic of f32 and f64. False: not one of these instructions. */
export function emitFloating(e: Emitter, parts: readonly string[]): boolean {
  const type = parts.at(-1);
  if (type === "f32") return emit32(e, parts);
  if (type === "f64") return emit64(e, parts);
  return false;
}

function emit32(e: Emitter, parts: readonly string[]): boolean {
  const ftz = parts.includes("ftz");
  const approximate = parts.includes("approx");
  const value = (index: number): string => {
    const text = e.float32(e.operand(index));
    return ftz && !approximate && !parts.includes("full") ? e.call("flush32", text) : text;
  };
  const set = (expression: string): true => {
    let result = expression;
    if (ftz && !approximate) result = e.call("flush32", result);
    if (parts.includes("sat")) result = e.call("saturate", result);
    e.setFloat32(e.operand(0), result);
    return true;
  };
  const mode = ["rz", "rm", "rp"].find((m) => parts.includes(m));
  const directed = mode === undefined ? undefined : JSON.stringify(mode);
  switch (parts[0]) {
    case "add":
      if (directed) return set(e.call("add32", value(1), value(2), directed));
      return set(`${e.use("fround")}(${value(1)}+${value(2)})`);
    case "sub":
      if (directed) return set(e.call("sub32", value(1), value(2), directed));
      return set(`${e.use("fround")}(${value(1)}-${value(2)})`);
    case "mul":
      if (directed) return set(e.call("mul32", value(1), value(2), directed));
      return set(`${e.use("fround")}(${value(1)}*${value(2)})`);
    case "fma":
    case "mad": {
      if (directed) return set(e.call("fma32Rounded", value(1), value(2), value(3), directed));
      return fused(e, value, set);
    }
    case "div":
      if (approximate) return set(e.call("divApprox32", value(1), value(2), `${ftz}`));
      if (parts.includes("full")) {
        e.setFloat32(e.operand(0), e.call("divFull32", value(1), value(2), `${ftz}`));
        return true;
      }
      if (directed) return set(e.call("div32", value(1), value(2), directed));
      return set(`${e.use("fround")}(${value(1)}/${value(2)})`);
    case "rcp":
      if (approximate) return set(e.call("rcpApprox32", value(1), `${ftz}`));
      if (directed) return set(e.call("rcp32", value(1), directed));
      return set(`${e.use("fround")}(1/${value(1)})`);
    case "sqrt":
      if (approximate) return set(e.call("sqrtApprox32", value(1), `${ftz}`));
      if (directed) return set(e.call("sqrt32", value(1), directed));
      return set(`${e.use("fround")}(Math.sqrt(${value(1)}))`);
    case "rsqrt":
      return set(e.call("rsqrtApprox32", value(1), `${ftz}`));
    case "ex2":
      return set(e.call("ex2Approx32", value(1), `${ftz}`));
    case "lg2":
      return set(e.call("lg2Approx32", value(1), `${ftz}`));
    case "sin":
      return set(e.call("sinApprox32", value(1), `${ftz}`));
    case "cos":
      return set(e.call("cosApprox32", value(1)));
    case "tanh":
      return set(e.call("tanhApprox32", value(1)));
    case "neg":
      return set(`-${value(1)}`);
    case "abs":
      return set(`Math.abs(${value(1)})`);
    case "min":
    case "max":
      return extreme(e, parts, value, set);
    case "copysign":
      return copySign(e);
    default:
      return false;
  }
}

/**
 * fma.rn.f32: a * b is exact in a double, so rounding the double sum again is wrong only on a midpoint of two
 * floats. Normal ones have 1 and then zeros below the 24 bits; below 2^-126 midpoints lie elsewhere.
 * (arithmetic/float32.ts tests for fewer bits, which sums of bf16 products meet all the time.)
 */
function fused(e: Emitter, value: (index: number) => string, set: (text: string) => true): true {
  const [a, b, c] = [value(1), value(2), value(3)];
  const [s, r] = [e.temporary(), e.temporary()];
  const [sd, si] = [e.use("SD"), e.use("SI")];
  e.line(
    `const ${s}=${a}*${b}+${c};let ${r}=${e.use("fround")}(${s});${sd}[0]=${s};` +
      `if((${si}[0]&536870911)===268435456||(${r}!==${s}&&Math.abs(${s})<1.1754943508222875e-38))` +
      `${r}=${e.call("fma32Slow", a, b, c)};`,
  );
  return set(r);
}

function extreme(
  e: Emitter,
  parts: readonly string[],
  value: (index: number) => string,
  set: (text: string) => true,
): true {
  const least = parts[0] === "min";
  const nan = parts.includes("NaN");
  if (parts.includes("xorsign")) {
    return set(e.call(least ? "minXorsignAbs" : "maxXorsignAbs", value(1), value(2), `${nan}`));
  }
  const helper = `${least ? "min" : "max"}${nan ? "Nan" : "Float"}`;
  const two = e.call(helper, value(1), value(2));
  if ((e.instruction?.operands.length ?? 0) === 4) return set(e.call(helper, two, value(3)));
  return set(two);
}

/** copysign d, a, b: the sign of a, the magnitude of b. */
function copySign(e: Emitter): true {
  const [a, b] = [e.int(e.operand(1)), e.int(e.operand(2))];
  e.setInt(e.operand(0), `(${a}&-2147483648)|(${b}&2147483647)`);
  return true;
}

function emit64(e: Emitter, parts: readonly string[]): boolean {
  const value = (index: number): string => e.float64(e.operand(index));
  const set = (expression: string): true => {
    e.setFloat64(e.operand(0), parts.includes("sat") ? e.call("saturate", expression) : expression);
    return true;
  };
  const mode = ["rz", "rm", "rp"].find((m) => parts.includes(m));
  const directed = mode === undefined ? undefined : JSON.stringify(mode);
  switch (parts[0]) {
    case "add":
      return set(
        directed ? e.call("add64", value(1), value(2), directed) : `${value(1)}+${value(2)}`,
      );
    case "sub":
      return set(
        directed ? e.call("add64", value(1), `-${value(2)}`, directed) : `${value(1)}-${value(2)}`,
      );
    case "mul":
      return set(
        directed ? e.call("mul64", value(1), value(2), directed) : `${value(1)}*${value(2)}`,
      );
    case "fma":
    case "mad":
      if (directed) return set(e.call("fma64Rounded", value(1), value(2), value(3), directed));
      return set(e.call("fma64", value(1), value(2), value(3)));
    case "div":
      return set(
        directed ? e.call("div64", value(1), value(2), directed) : `${value(1)}/${value(2)}`,
      );
    case "rcp":
      if (parts.includes("approx")) return set(e.call("rcpApproxFtz64", value(1)));
      return set(directed ? e.call("rcp64", value(1), directed) : `1/${value(1)}`);
    case "sqrt":
      return set(directed ? e.call("sqrt64", value(1), directed) : `Math.sqrt(${value(1)})`);
    case "rsqrt":
      return set(e.call(parts.includes("ftz") ? "rsqrtApproxFtz64" : "rsqrtApprox64", value(1)));
    case "neg":
      return set(`-${value(1)}`);
    case "abs":
      return set(`Math.abs(${value(1)})`);
    case "min":
    case "max":
      return set(e.call(`${parts[0]}Float`, value(1), value(2)));
    case "copysign": {
      const [a, b] = [e.high(e.operand(1)), e.high(e.operand(2))];
      e.set64(e.operand(0), e.int(e.operand(2)), `(${a}&-2147483648)|(${b}&2147483647)`);
      return true;
    }
    default:
      return false;
  }
}
