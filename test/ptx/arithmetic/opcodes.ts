// What each opcode of the H200 recording is in terms of tools/ptx/arithmetic: operands and result as 64-bit patterns.
import * as approximate from "../../../tools/ptx/arithmetic/approximate.ts";
import * as bits64 from "../../../tools/ptx/arithmetic/bits64.ts";
import * as convert from "../../../tools/ptx/arithmetic/convert.ts";
import * as float32 from "../../../tools/ptx/arithmetic/float32.ts";
import * as float64 from "../../../tools/ptx/arithmetic/float64.ts";
import * as halves from "../../../tools/ptx/arithmetic/halves.ts";
import * as int64 from "../../../tools/ptx/arithmetic/int64.ts";
import * as integer from "../../../tools/ptx/arithmetic/integer32.ts";
import * as narrow from "../../../tools/ptx/arithmetic/narrow.ts";
import * as packed from "../../../tools/ptx/arithmetic/packed.ts";
import type { IntegralRounding, Rounding } from "../../../tools/ptx/arithmetic/rounding.ts";

/** One row of operands: words 0, 1 of a, then of b, then of c. */
export type Row = Int32Array;
/** The low and high word of the result. */
export type Result = [number, number];

const view = new DataView(new ArrayBuffer(8));

/** The function for an opcode of the recording, or undefined if this table lacks it. */
export function implementation(op: string): ((row: Row) => Result) | undefined {
  const parts = op.split(".");
  const type = parts.at(-1) as string;
  if (parts[0] === "cvt") return conversion(parts.slice(1));
  if (approximations[op]) return approximations[op];
  if (integers[op]) return integers[op];
  if (type === "f16" || type === "bf16") return half(parts, type);
  if (type === "f32") return single(parts);
  return double(parts);
}

const f32 = (row: Row, i: number) => float32.fromBits32(row[2 * i] as number);
const h16 = (row: Row, i: number) => (row[2 * i] as number) & 0xffff;
const w32 = (row: Row, i: number) => row[2 * i] as number;
const f64 = (row: Row, i: number) => {
  view.setInt32(0, row[2 * i + 1] as number);
  view.setInt32(4, row[2 * i] as number);
  return view.getFloat64(0);
};
const of32 = (x: number): Result => [float32.bitsOf32(x), 0];
const ofWord = (x: number): Result => [x | 0, 0];
const of64 = (x: number): Result => {
  view.setFloat64(0, x);
  return Number.isNaN(x) ? [-1, 0x7fffffff] : [view.getInt32(4), view.getInt32(0)];
};
const pairAfter = (_: unknown): Result => [int64.pair[0] as number, int64.pair[1] as number];
const modeOf = (parts: readonly string[]) =>
  (parts.find((p) => /^r[nzmp]$/.test(p)) ?? "rn") as Rounding;

function single(parts: readonly string[]): ((row: Row) => Result) | undefined {
  const mode = modeOf(parts);
  const ftz = parts.includes("ftz");
  const sat = parts.includes("sat");
  const nan = parts.includes("NaN");
  const xorsign = parts.includes("xorsign");
  const flush = (x: number) => (ftz ? float32.flush32(x) : x);
  const finish = (x: number) => of32(sat ? float32.saturate(flush(x)) : flush(x));
  const two = (f: (a: number, b: number) => number) => (r: Row) =>
    finish(f(flush(f32(r, 0)), flush(f32(r, 1))));
  const one = (f: (a: number) => number) => (r: Row) => finish(f(flush(f32(r, 0))));
  switch (parts[0]) {
    case "add":
      return two((a, b) => float32.add32(a, b, mode));
    case "sub":
      return two((a, b) => float32.sub32(a, b, mode));
    case "mul":
      return two(ftz ? float32.mul32Ftz : (a, b) => float32.mul32(a, b, mode));
    case "div":
      return two((a, b) => float32.div32(a, b, mode));
    case "rcp":
      return one((a) => float32.rcp32(a, mode));
    case "sqrt":
      return one((a) => float32.sqrt32(a, mode));
    case "neg":
      return one((a) => -a);
    case "abs":
      return one(Math.abs);
    case "min":
      return two(
        xorsign
          ? (a, b) => float32.minXorsignAbs(a, b, nan)
          : nan
            ? float32.minNan
            : float32.minFloat,
      );
    case "max":
      return two(
        xorsign
          ? (a, b) => float32.maxXorsignAbs(a, b, nan)
          : nan
            ? float32.maxNan
            : float32.maxFloat,
      );
    case "fma":
      if (ftz) return (r) => finish(float32.fma32Ftz(f32(r, 0), f32(r, 1), f32(r, 2)));
      return (r) =>
        finish(float32.fma32Rounded(flush(f32(r, 0)), flush(f32(r, 1)), flush(f32(r, 2)), mode));
  }
}

function double(parts: readonly string[]): ((row: Row) => Result) | undefined {
  const mode = modeOf(parts);
  if (parts[0] !== "fma") return undefined;
  return (r) =>
    of64(
      mode === "rn"
        ? float64.fma64(f64(r, 0), f64(r, 1), f64(r, 2))
        : float64.fma64Rounded(f64(r, 0), f64(r, 1), f64(r, 2), mode),
    );
}

function half(parts: readonly string[], type: "f16" | "bf16"): ((row: Row) => Result) | undefined {
  const h = type === "f16";
  const nan = parts.includes("NaN");
  const ftz = parts.includes("ftz");
  const flush = (x: number) => (ftz ? halves.flushF16(x) : x);
  const relu = h ? halves.reluF16 : halves.reluBf16;
  const finish = (x: number) => {
    const y = flush(x);
    return ofWord(
      parts.includes("sat") ? halves.saturateF16(y) : parts.includes("relu") ? relu(y) : y,
    );
  };
  const two = (f: (a: number, b: number) => number) => (r: Row) =>
    finish(f(flush(h16(r, 0)), flush(h16(r, 1))));
  if (parts.includes("xorsign")) return undefined;
  switch (parts[0]) {
    case "add":
      return two(h ? halves.addF16 : halves.addBf16);
    case "sub":
      return two(h ? halves.subF16 : halves.subBf16);
    case "mul":
      return two(h ? halves.mulF16 : halves.mulBf16);
    case "min":
      return two((a, b) => (h ? halves.minF16 : halves.minBf16)(a, b, nan));
    case "max":
      return two((a, b) => (h ? halves.maxF16 : halves.maxBf16)(a, b, nan));
    case "neg":
      return (r) => ofWord((h ? halves.negF16 : halves.negBf16)(h16(r, 0)));
    case "abs":
      return (r) => ofWord((h ? halves.absF16 : halves.absBf16)(h16(r, 0)));
    case "fma": {
      const fma = h ? halves.fmaF16 : halves.fmaBf16;
      return (r) => finish(fma(flush(h16(r, 0)), flush(h16(r, 1)), flush(h16(r, 2))));
    }
  }
}

const approximations: Record<string, (row: Row) => Result> = {};
for (const ftz of [false, true]) {
  const q = ftz ? ".ftz" : "";
  approximations[`rsqrt.approx${q}.f32`] = (r) => of32(approximate.rsqrtApprox32(f32(r, 0), ftz));
  approximations[`rcp.approx${q}.f32`] = (r) => of32(approximate.rcpApprox32(f32(r, 0), ftz));
  approximations[`sqrt.approx${q}.f32`] = (r) => of32(approximate.sqrtApprox32(f32(r, 0), ftz));
  approximations[`ex2.approx${q}.f32`] = (r) => of32(approximate.ex2Approx32(f32(r, 0), ftz));
  approximations[`lg2.approx${q}.f32`] = (r) => of32(approximate.lg2Approx32(f32(r, 0), ftz));
  approximations[`sin.approx${q}.f32`] = (r) => of32(approximate.sinApprox32(f32(r, 0), ftz));
  approximations[`cos.approx${q}.f32`] = (r) => of32(approximate.cosApprox32(f32(r, 0)));
  approximations[`div.approx${q}.f32`] = (r) =>
    of32(approximate.divApprox32(f32(r, 0), f32(r, 1), ftz));
  approximations[`div.full${q}.f32`] = (r) =>
    of32(approximate.divFull32(f32(r, 0), f32(r, 1), ftz));
}
approximations["tanh.approx.f32"] = (r) => of32(approximate.tanhApprox32(f32(r, 0)));
approximations["ex2.approx.f16"] = (r) => ofWord(approximate.ex2ApproxF16(h16(r, 0)));
approximations["ex2.approx.ftz.bf16"] = (r) => ofWord(approximate.ex2ApproxBf16(h16(r, 0)));
approximations["tanh.approx.f16"] = (r) => ofWord(approximate.tanhApproxF16(h16(r, 0)));
approximations["tanh.approx.bf16"] = (r) => ofWord(approximate.tanhApproxBf16(h16(r, 0)));
approximations["rsqrt.approx.f64"] = (r) => of64(approximate.rsqrtApprox64(f64(r, 0)));
approximations["rsqrt.approx.ftz.f64"] = (r) => of64(approximate.rsqrtApproxFtz64(f64(r, 0)));
approximations["rcp.approx.ftz.f64"] = (r) => of64(approximate.rcpApproxFtz64(f64(r, 0)));

// cvt{.modes}.to.from
function conversion(parts: readonly string[]): ((row: Row) => Result) | undefined {
  const from = parts.at(-1) as string;
  const to = parts.at(-2) as string;
  const has = (flag: string) => parts.includes(flag);
  const mode = modeOf(parts);
  const source: Record<string, (r: Row) => number> = {
    f32: (r) => f32(r, 0),
    f64: (r) => f64(r, 0),
    f16: (r) => halves.fromF16(h16(r, 0)),
    bf16: (r) => halves.fromBf16(h16(r, 0)),
    u64: (r) => int64.u64ToOdd(r[0] as number, r[1] as number),
    s64: (r) => int64.s64ToOdd(r[0] as number, r[1] as number),
  };
  const x = source[from] as (r: Row) => number;
  const integral = parts.find((p) => /^r[nzmp]i$/.test(p)) as IntegralRounding | undefined;
  if (integral) {
    if (to === "f32") return (r) => of32(convert.roundToIntegral(x(r), integral));
    if (to === "s64") return (r) => pairAfter(convert.toS64(x(r), integral));
    if (to === "u64") return (r) => pairAfter(convert.toU64(x(r), integral));
    const width = Number(to.slice(1));
    const signed = to[0] === "s";
    const least = signed ? -(2 ** (width - 1)) : 0;
    const nan = from === "f64" ? convert.nanInteger32(width, signed) : 0;
    return (r) => ofWord(convert.toInteger32(x(r), integral, least, least + 2 ** width - 1, nan));
  }
  if (to === "tf32") {
    const round = has("rna") ? "rna" : (mode as "rn" | "rz");
    return (r) =>
      ofWord(
        has("relu") ? convert.reluTf32(convert.toTf32(x(r), round)) : convert.toTf32(x(r), round),
      );
  }
  if (to === "f16" || to === "bf16") {
    const f = to === "f16" ? halves.toF16Rounded : halves.toBf16Rounded;
    const format = to === "f16" ? narrow.f16Format : narrow.bf16Format;
    const relu = to === "f16" ? halves.reluF16 : halves.reluBf16;
    return (r) => {
      let bits = f(x(r), mode);
      if (has("satfinite")) bits = narrow.saturateFinite(bits, format);
      if (has("relu")) bits = relu(bits);
      return ofWord(has("sat") ? halves.saturateF16(bits) : bits);
    };
  }
  const relu = has("relu");
  if (to === "f16x2" && from === "f32") return (r) => ofWord(packed.toF16x2(f32(r, 0), f32(r, 1)));
  if (to === "bf16x2" && from === "f32")
    return (r) => ofWord(packed.toBf16x2(f32(r, 0), f32(r, 1)));
  if (to === "e4m3x2" && from === "f32")
    return (r) => ofWord(convert.toE4m3x2(f32(r, 0), f32(r, 1), relu));
  if (to === "e5m2x2" && from === "f32")
    return (r) => ofWord(convert.toE5m2x2(f32(r, 0), f32(r, 1), relu));
  if (to === "e4m3x2") return (r) => ofWord(convert.f16x2ToE4m3x2(w32(r, 0)));
  if (to === "e5m2x2") return (r) => ofWord(convert.f16x2ToE5m2x2(w32(r, 0)));
  if (from === "e4m3x2") return (r) => ofWord(convert.e4m3x2ToF16x2(h16(r, 0)));
  if (from === "e5m2x2") return (r) => ofWord(convert.e5m2x2ToF16x2(h16(r, 0)));
  if (to === "f64" && from === "s64")
    return (r) => of64(convert.s64ToF64(r[0] as number, r[1] as number, mode));
  if (to === "f64" && from === "u64")
    return (r) => of64(convert.u64ToF64(r[0] as number, r[1] as number, mode));
  if (to === "f64") return (r) => of64(has("sat") ? float32.saturate(x(r)) : x(r));
  if (has("sat")) return (r) => of32(float32.saturate(x(r)));
  if (has("ftz")) return (r) => of32(float32.flush32(x(r)));
  return (r) => of32(float32.roundTo32(x(r), mode));
}

type Three = (a: number, b: number, c: number) => number;
const three: Record<string, Three> = {
  "shf.l.clamp.b32": (a, b, c) => integer.funnelLeft(a, b, c, false),
  "shf.l.wrap.b32": (a, b, c) => integer.funnelLeft(a, b, c, true),
  "shf.r.clamp.b32": (a, b, c) => integer.funnelRight(a, b, c, false),
  "shf.r.wrap.b32": (a, b, c) => integer.funnelRight(a, b, c, true),
  "dp4a.s32.s32": (a, b, c) => integer.dp4a(a, b, c, true, true),
  "dp4a.u32.u32": (a, b, c) => integer.dp4a(a, b, c, false, false),
  "dp4a.s32.u32": (a, b, c) => integer.dp4a(a, b, c, true, false),
  "dp2a.lo.s32.s32": (a, b, c) => integer.dp2a(a, b, c, true, true, false),
  "dp2a.hi.u32.u32": (a, b, c) => integer.dp2a(a, b, c, false, false, true),
  "dp2a.hi.s32.u32": (a, b, c) => integer.dp2a(a, b, c, true, false, true),
  "bfe.u32": (a, b, c) => integer.bfe32(a, b, c, false),
  "bfe.s32": (a, b, c) => integer.bfe32(a, b, c, true),
  "bfi.b32": (a, b, c) => integer.bfi32(a, 0x5a5a1234, b, c),
  "sad.s32": integer.sadS32,
  "sad.u32": integer.sadU32,
  "mad24.lo.s32": (a, b, c) => (integer.mul24Lo(a, b, true) + c) | 0,
  "mad24.hi.u32": (a, b, c) => (integer.mul24Hi(a, b, false) + c) | 0,
  "mad24.hi.sat.s32": (a, b, c) => integer.addSatS32(integer.mul24Hi(a, b, true), c),
  "mad.lo.s32": (a, b, c) => (Math.imul(a, b) + c) | 0,
  "mad.hi.s32": (a, b, c) => (integer.mulHiS32(a, b) + c) | 0,
  "mad.hi.u32": (a, b, c) => (integer.mulHiU32(a, b) + c) | 0,
  "mad.hi.sat.s32": (a, b, c) => integer.addSatS32(integer.mulHiS32(a, b), c),
  "shl.b32": integer.shl32,
  "shr.u32": integer.shrU32,
  "shr.s32": integer.shrS32,
  "bmsk.clamp.b32": (a, b) => integer.bmsk(a, b, false),
  "bmsk.wrap.b32": (a, b) => integer.bmsk(a, b, true),
  "szext.clamp.u32": (a, b) => integer.szext(a, b, false, false),
  "szext.clamp.s32": (a, b) => integer.szext(a, b, true, false),
  "szext.wrap.u32": (a, b) => integer.szext(a, b, false, true),
  "szext.wrap.s32": (a, b) => integer.szext(a, b, true, true),
  "div.u32": integer.divU32,
  "div.s32": integer.divS32,
  "rem.u32": integer.remU32,
  "rem.s32": integer.remS32,
  "mul24.lo.u32": (a, b) => integer.mul24Lo(a, b, false),
  "mul24.lo.s32": (a, b) => integer.mul24Lo(a, b, true),
  "mul24.hi.u32": (a, b) => integer.mul24Hi(a, b, false),
  "mul24.hi.s32": (a, b) => integer.mul24Hi(a, b, true),
  "mul.hi.s32": integer.mulHiS32,
  "mul.hi.u32": integer.mulHiU32,
  "add.sat.s32": integer.addSatS32,
  "sub.sat.s32": integer.subSatS32,
  "bfind.u32": (a) => integer.bfind32(a, false, false),
  "bfind.s32": (a) => integer.bfind32(a, true, false),
  "bfind.shiftamt.u32": (a) => integer.bfind32(a, false, true),
  "bfind.shiftamt.s32": (a) => integer.bfind32(a, true, true),
  "popc.b32": integer.popc32,
  "clz.b32": Math.clz32,
  "brev.b32": integer.brev32,
};
for (const table of [0x96, 0x1e, 0x01, 0xfe])
  three[`lop3.b32 ${table}`] = (a, b, c) => integer.lop3(a, b, c, table);
for (const mode of ["", "f4e", "b4e", "rc8", "ecl", "ecr", "rc16"] as const)
  three[mode === "" ? "prmt.b32" : `prmt.b32.${mode}`] = (a, b, c) =>
    integer.permute(a, b, c, mode);

type Wide = (al: number, ah: number, bl: number, bh: number) => Result;
const after =
  (f: (al: number, ah: number, bl: number, bh: number) => void): Wide =>
  (al, ah, bl, bh) =>
    pairAfter(f(al, ah, bl, bh));
const wide: Record<string, Wide> = {
  "div.u64": after(int64.divU64),
  "div.s64": after(int64.divS64),
  "rem.u64": after(int64.remU64),
  "rem.s64": after(int64.remS64),
  "mul.hi.u64": after(int64.mulHiU64),
  "mul.hi.s64": after(int64.mulHiS64),
  "mul.lo.u64": (al, ah, bl, bh) => [Math.imul(al, bl), int64.mulLo64Hi(al, ah, bl, bh)],
  "shl.b64": (al, ah, n) => [int64.shl64Lo(al, n), int64.shl64Hi(al, ah, n)],
  "shr.u64": (al, ah, n) => [int64.shrU64Lo(al, ah, n), int64.shrU64Hi(ah, n)],
  "shr.s64": (al, ah, n) => [int64.shrS64Lo(al, ah, n), int64.shrS64Hi(ah, n)],
  "bfind.u64": (al, ah) => ofWord(bits64.bfind64(al, ah, false, false)),
  "bfind.s64": (al, ah) => ofWord(bits64.bfind64(al, ah, true, false)),
  "popc.b64": (al, ah) => ofWord(bits64.popc64(al, ah)),
  "clz.b64": (al, ah) => ofWord(bits64.clz64(al, ah)),
  "brev.b64": after(bits64.brev64),
  "abs.s64": after(bits64.absS64),
  "bfe.u64": (al, ah, pos) => pairAfter(bits64.bfe64(al, ah, pos, 37, false)),
  "bfe.s64": (al, ah, pos) => pairAfter(bits64.bfe64(al, ah, pos, 37, true)),
  "bfi.b64": (al, ah, pos) => pairAfter(bits64.bfi64(al, ah, 0x89abcdef | 0, 0x01234567, pos, 37)),
};

const integers: Record<string, (row: Row) => Result> = {};
for (const [op, f] of Object.entries(three))
  integers[op] = (r) => ofWord(f(w32(r, 0), w32(r, 1), w32(r, 2)));
for (const [op, f] of Object.entries(wide))
  integers[op] = (r) => f(r[0] as number, r[1] as number, r[2] as number, r[3] as number);
