import { floats, localWords, longs, uniforms, type Writer, words } from "./kernel-writer.ts";

/** A 32-bit operand: a variable, where the thread is, or a constant. */
export function word(w: Writer): string {
  const { random } = w;
  if (random.chance(0.55)) return random.pick(words);
  if (random.chance(0.3)) return random.pick(uniforms);
  if (random.chance(0.4)) return random.pick(["%me", "%lane"]);
  if (random.chance(0.15)) {
    const special = random.pick(["%tid.x", "%tid.y", "%ctaid.x", "%ntid.x", "%laneid"]);
    const to = w.fresh("t");
    w.line(`mov.u32 ${to}, ${special};`);
    return to;
  }
  const constants = ["0", "1", "-1", "31", "32", "33", "255", "0x80000000", "0x7fffffff"];
  return random.chance(0.5) ? random.pick(constants) : `${random.bits() | 0}`;
}

/** A predicate over words, of one comparison or two. */
export function condition(w: Writer, operand: () => string = () => word(w)): string {
  const { random } = w;
  const small = w.fresh("t");
  // Compared with few values, so that both outcomes occur.
  w.line(`and.b32 ${small}, ${operand()}, ${random.pick([1, 3, 7, 31])};`);
  const first = w.fresh("p");
  w.line(
    `setp.${random.pick(["lt", "ge", "eq", "ne"])}.u32 ${first}, ${small}, ${random.below(6)};`,
  );
  if (random.chance(0.6)) return first;
  const second = w.fresh("p");
  const how = random.pick(["lt", "le", "gt", "ge", "eq", "ne"]);
  const type = random.pick(how === "eq" || how === "ne" ? ["b32", "u32", "s32"] : ["u32", "s32"]);
  const [combine, third] = random.chance(0.25)
    ? [`.${random.pick(["and", "or", "xor"])}`, `, ${random.chance(0.5) ? "!" : ""}${first}`]
    : ["", ""];
  w.line(`setp.${how}${combine}.${type} ${second}, ${operand()}, ${operand()}${third};`);
  if (random.chance(0.5)) return second;
  const both = w.fresh("p");
  w.line(`${random.pick(["and", "or", "xor"])}.pred ${both}, ${first}, ${second};`);
  return both;
}

/** A statement without control flow that changes one variable. */
export function arithmetic(w: Writer): void {
  const { random } = w;
  const guard = random.chance(0.12) ? `@${random.chance(0.5) ? "!" : ""}${condition(w)} ` : "";
  const kind = random.below(20);
  if (kind < 11) integer(w, guard);
  else if (kind < 13) floating(w, guard);
  else if (kind < 15) wide(w, guard);
  else if (kind < 17) conversion(w, guard);
  else if (kind < 19) local(w, guard);
  else {
    const to = random.pick(words);
    const a = word(w);
    const b = word(w);
    w.line(`selp.b32 ${to}, ${a}, ${b}, ${condition(w)};`);
  }
}

const binary = [
  "add.u32",
  "sub.s32",
  "mul.lo.u32",
  "mul.hi.u32",
  "mul.hi.s32",
  "and.b32",
  "or.b32",
  "xor.b32",
  "min.s32",
  "max.s32",
  "min.u32",
  "max.u32",
  "shl.b32",
  "shr.u32",
  "shr.s32",
] as const;
const unary = [
  "not.b32",
  "neg.s32",
  "abs.s32",
  "popc.b32",
  "clz.b32",
  "brev.b32",
  "bfind.u32",
  "bfind.s32",
  "cnot.b32",
] as const;

function integer(w: Writer, guard: string): void {
  const { random } = w;
  const to = random.pick(words);
  const [a, b, c] = [word(w), word(w), word(w)];
  // As compilers write them. Of constants past these ptxas 13.0 makes other things than PTX says; see ptxas.test.ts.
  const [amount, length] = [random.below(32), 1 + random.below(31)];
  switch (random.below(12)) {
    case 0:
      w.line(`${guard}${random.pick(unary)} ${to}, ${a};`);
      break;
    case 1:
      w.line(`${guard}mad.lo.s32 ${to}, ${a}, ${b}, ${c};`);
      break;
    case 2: {
      const divisor = w.fresh("t");
      w.line(`and.b32 ${divisor}, ${b}, 0x3ff;`);
      w.line(`or.b32 ${divisor}, ${divisor}, ${1 + 2 * random.below(8)};`);
      const how = random.pick(["div.u32", "rem.u32", "div.s32", "rem.s32"]);
      w.line(`${guard}${how} ${to}, ${a}, ${divisor};`);
      break;
    }
    case 3:
      w.line(`${guard}lop3.b32 ${to}, ${a}, ${b}, ${c}, ${random.below(256)};`);
      break;
    case 4:
      // No sign bits (8): ptxas 13.0 loses them when it merges a prmt with what follows; see ptxas.test.ts.
      w.line(`${guard}prmt.b32 ${to}, ${a}, ${b}, ${random.bits() & 0x7777};`);
      break;
    case 5:
      w.line(`${guard}bfe.${random.pick(["u32", "s32"])} ${to}, ${a}, ${amount}, ${length};`);
      break;
    case 6:
      w.line(`${guard}bfi.b32 ${to}, ${a}, ${b}, ${amount}, ${length};`);
      break;
    case 7:
      w.line(
        `${guard}shf.${random.pick(["l", "r"])}.${random.pick(["wrap", "clamp"])}.b32 ${to}, ${a}, ${b}, ${c};`,
      );
      break;
    default:
      w.line(`${guard}${random.pick(binary)} ${to}, ${a}, ${b};`);
  }
}

function floating(w: Writer, guard: string): void {
  const { random } = w;
  const to = random.pick(floats);
  const [a, b, c] = [random.pick(floats), random.pick(floats), random.pick(floats)];
  switch (random.below(6)) {
    case 0:
      w.line(`${guard}fma.rn.f32 ${to}, ${a}, ${b}, ${c};`);
      break;
    case 1: {
      const small = w.fresh("t");
      w.line(`and.b32 ${small}, ${word(w)}, 0xffff;`);
      w.line(`${guard}cvt.rn.f32.s32 ${to}, ${small};`);
      break;
    }
    case 2: {
      const p = w.fresh("p");
      w.line(`setp.${random.pick(["lt", "ge", "gtu", "neu"])}.f32 ${p}, ${a}, ${b};`);
      w.line(`${guard}selp.f32 ${to}, ${a}, ${c}, ${p};`);
      break;
    }
    case 3:
      w.line(
        `${guard}${random.pick(["sqrt.rn.f32", "rcp.rn.f32", "abs.f32", "neg.f32"])} ${to}, ${a};`,
      );
      break;
    default:
      w.line(
        `${guard}${random.pick(["add.rn.f32", "sub.rn.f32", "mul.rn.f32", "min.f32", "max.f32", "div.rn.f32"])} ${to}, ${a}, ${b};`,
      );
  }
}

function wide(w: Writer, guard: string): void {
  const { random } = w;
  const to = random.pick(longs);
  const [a, b] = [random.pick(longs), random.pick(longs)];
  switch (random.below(5)) {
    case 0:
      w.line(`${guard}mul.wide.${random.pick(["u32", "s32"])} ${to}, ${word(w)}, ${word(w)};`);
      break;
    case 1:
      w.line(
        `${guard}${random.pick(["shl.b64", "shr.u64", "shr.s64"])} ${to}, ${a}, ${random.below(66)};`,
      );
      break;
    case 2:
      w.line(`${guard}cvt.${random.pick(["u64.u32", "s64.s32"])} ${to}, ${word(w)};`);
      break;
    case 3: {
      const low = random.pick(words);
      w.line(`${guard}mov.b64 {${low}, ${random.pick(words.filter((one) => one !== low))}}, ${a};`);
      break;
    }
    default:
      w.line(
        `${guard}${random.pick(["add.s64", "sub.s64", "mul.lo.s64", "xor.b64", "and.b64", "min.s64", "max.u64"])} ${to}, ${a}, ${b};`,
      );
  }
}

function conversion(w: Writer, guard: string): void {
  const { random } = w;
  const to = random.pick(words);
  switch (random.below(4)) {
    case 0:
      w.line(`${guard}cvt.rzi.s32.f32 ${to}, ${random.pick(floats)};`);
      break;
    case 1: {
      const half = w.fresh("h");
      const f = w.fresh("f");
      w.line(`cvt.rn.f16.f32 ${half}, ${random.pick(floats)};`);
      w.line(`cvt.f32.f16 ${f}, ${half};`);
      w.line(`${guard}add.rn.f32 ${random.pick(floats)}, ${f}, 0f3F800000;`);
      break;
    }
    case 2:
      w.line(
        `${guard}cvt.${random.pick(["s32.s8", "u32.u8", "s32.s16", "u32.u16"])} ${to}, ${random.pick(words)};`,
      );
      break;
    default:
      w.line(`${guard}mov.b32 ${to}, ${random.pick(floats)};`);
  }
}

/** A load or a store of the thread's own array at an index that only the run decides. */
function local(w: Writer, guard: string): void {
  const { random } = w;
  const index = w.fresh("t");
  const [offset, address] = [w.fresh("w"), w.fresh("w")];
  w.line(`and.b32 ${index}, ${word(w)}, ${localWords - 1};`);
  w.line(`mul.wide.u32 ${offset}, ${index}, 4;`);
  w.line(`mov.u64 ${address}, mine;`);
  const generic = random.chance(0.4);
  if (generic) w.line(`cvta.local.u64 ${address}, ${address};`);
  w.line(`add.s64 ${address}, ${address}, ${offset};`);
  const space = generic ? "" : ".local";
  if (random.chance(0.5)) w.line(`${guard}st${space}.u32 [${address}], ${random.pick(words)};`);
  else w.line(`${guard}ld${space}.u32 ${random.pick(words)}, [${address}];`);
}
