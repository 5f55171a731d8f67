import type { Operand } from "../module.ts";
import { typeBytes } from "../parse-module.ts";
import type { Emitter } from "./emitter.ts";
import { describeAccess, locate, type Place, spaceOf } from "./memory-access.ts";

/** Loads, stores, atomics and copies. False: none of these. */
export function emitMemory(e: Emitter, parts: readonly string[]): boolean {
  switch (parts[0]) {
    case "ld":
    case "ldu":
      return load(e, parts);
    case "st":
      if (parts[1] === "async" || parts[1] === "bulk") throw e.unsupported();
      return store(e, parts);
    case "atom":
      return atomic(e, parts, e.operand(0), e.operand(1), 2);
    case "red":
      if (parts[1] === "async") throw e.unsupported();
      return atomic(e, parts, { kind: "sink" }, e.operand(0), 1);
    case "cp":
      return copyAsync(e, parts);
    case "membar":
    case "fence":
    case "prefetch":
    case "prefetchu":
    case "discard":
    case "applypriority":
    case "griddepcontrol":
    case "nanosleep":
    case "pmevent":
    case "setmaxnreg":
      return true;
    default:
      return false;
  }
}

function load(e: Emitter, parts: readonly string[]): true {
  const { space, type, count, bytes } = describeAccess(e, parts);
  const place = locate(e, space, e.operand(1), bytes, "read");
  const to = e.operand(0);
  const items = count === 1 ? [to] : to.kind === "vector" ? to.items : [];
  if (items.length !== count) throw e.unsupported();
  items.forEach((item, index) => {
    loadElement(e, item, type, place, index * (bytes / count));
  });
  return true;
}

function loadElement(e: Emitter, to: Operand, type: string, place: Place, at: number): void {
  if (to.kind === "sink") return;
  if (to.kind !== "register") throw e.unsupported();
  const { bits } = e.register(to.id);
  const signed = type[0] === "s";
  const wants = e.wants(to);
  switch (typeBytes(type)) {
    case 8:
      e.set64(to, place.view("I", at), place.view("I", at + 4));
      return;
    case 4:
      if (bits === 64) {
        const t = e.temporary();
        e.line(`const ${t}=${place.view("I", at)};`);
        e.set64(to, t, signed ? `${t}>>31` : "0");
        return;
      }
      if (wants.float) e.line(`f${to.id}=${place.view("F", at)};`);
      if (wants.bits || !wants.float) e.line(`r${to.id}=${place.view("I", at)};`);
      return;
    case 2:
      extend(e, to, place.view("H", at), 16, signed);
      return;
    default:
      extend(e, to, place.view("B", at), 8, signed);
  }
}

function extend(e: Emitter, to: Operand, value: string, size: number, signed: boolean): void {
  if (to.kind !== "register") throw e.unsupported();
  const { bits } = e.register(to.id);
  const shift = 32 - size;
  const wide = signed ? `(${value}<<${shift}>>${shift})` : value;
  if (bits === 64) {
    const t = e.temporary();
    e.line(`const ${t}=${wide};`);
    e.set64(to, t, signed ? `${t}>>31` : "0");
  } else e.setInt(to, bits === 16 && signed ? `${wide}&65535` : wide);
}

function store(e: Emitter, parts: readonly string[]): true {
  const { space, type, count, bytes } = describeAccess(e, parts);
  const place = locate(e, space, e.operand(0), bytes, "write");
  const from = e.operand(1);
  const items = count === 1 ? [from] : from.kind === "vector" ? from.items : [];
  if (items.length !== count) throw e.unsupported();
  items.forEach((item, index) => {
    const at = index * (bytes / count);
    switch (typeBytes(type)) {
      case 8:
        e.line(`${place.view("I", at)}=${e.int(item)};${place.view("I", at + 4)}=${e.high(item)};`);
        return;
      case 4:
        e.line(`${place.view("I", at)}=${e.int(item)};`);
        return;
      case 2:
        e.line(`${place.view("H", at)}=${e.int(item)};`);
        return;
      default:
        e.line(`${place.view("B", at)}=${e.int(item)};`);
    }
  });
  if (place.after !== "") e.line(place.after);
  return true;
}

/** atom and red: one thread runs at a time, so that load, operation and store are one step by themselves. */
function atomic(
  e: Emitter,
  parts: readonly string[],
  to: Operand,
  address: Operand,
  first: number,
): true {
  const { space, type, count, bytes } = describeAccess(e, parts);
  const operation = parts.find((part) => atomicOperations.has(part));
  if (operation === undefined || (count > 1 && !["add", "min", "max"].includes(operation))) {
    throw e.unsupported();
  }
  const kind = operation === "exch" ? "exchange" : "atomic";
  const place = locate(e, space, address, bytes, kind);
  const values = count === 1 ? [e.operand(first)] : vectorItems(e, e.operand(first));
  const results = count === 1 || to.kind === "sink" ? [to] : vectorItems(e, to);
  values.forEach((value, index) => {
    const swap = operation === "cas" ? e.operand(first + 1) : undefined;
    const result = results[index] ?? { kind: "sink" };
    atomicElement(e, operation, type, place, index * (bytes / count), value, swap, result);
  });
  return true;
}

const atomicOperations = new Set([
  "add",
  "inc",
  "dec",
  "min",
  "max",
  "and",
  "or",
  "xor",
  "exch",
  "cas",
]);

function vectorItems(e: Emitter, operand: Operand): Operand[] {
  if (operand.kind !== "vector") throw e.unsupported();
  return operand.items;
}

function atomicElement(
  e: Emitter,
  operation: string,
  type: string,
  place: Place,
  at: number,
  value: Operand,
  swap: Operand | undefined,
  to: Operand,
): void {
  const old = e.temporary();
  const size = typeBytes(type);
  if (size === 8) {
    atomic64(e, operation, type, place, at, value, swap, to);
    return;
  }
  const word = place.view(size === 2 ? "H" : "I", at);
  e.line(`const ${old}=${word};`);
  const b = size === 2 ? e.unsigned16(value) : e.int(value);
  const c = swap === undefined ? "0" : size === 2 ? e.unsigned16(swap) : e.int(swap);
  const next = newValue(e, operation, type, old, b, c, value);
  e.line(`${word}=${next};`);
  if (to.kind !== "sink") e.setInt(to, old);
}

function newValue(
  e: Emitter,
  operation: string,
  type: string,
  old: string,
  b: string,
  c: string,
  value: Operand,
): string {
  const half = /^(f16|bf16)(x2)?$/u.exec(type);
  if (half && operation !== "exch" && operation !== "cas") {
    const name = `${operation}${half[1] === "f16" ? "F16" : "Bf16"}${half[2] ?? ""}`;
    if (!["add", "min", "max"].includes(operation)) throw e.unsupported();
    return e.call(name, old, b);
  }
  if (type === "f32" && operation === "add") {
    return e.call(
      "bitsOf32",
      `${e.use("fround")}(${e.call("fromBits32", old)}+${e.float32(value)})`,
    );
  }
  const order = type[0] === "s" ? (x: string) => x : (x: string) => `(${x}>>>0)`;
  switch (operation) {
    case "add":
      return `(${old}+${b})|0`;
    case "inc":
      return `(${old}>>>0)>=(${b}>>>0)?0:(${old}+1)|0`;
    case "dec":
      return `${old}===0||(${old}>>>0)>(${b}>>>0)?${b}:(${old}-1)|0`;
    case "min":
      return `${order(old)}<${order(b)}?${old}:${b}`;
    case "max":
      return `${order(old)}>${order(b)}?${old}:${b}`;
    case "and":
      return `${old}&${b}`;
    case "or":
      return `${old}|${b}`;
    case "xor":
      return `${old}^${b}`;
    case "exch":
      return b;
    default:
      return `${old}===${b}?${c}:${old}`;
  }
}

function atomic64(
  e: Emitter,
  operation: string,
  type: string,
  place: Place,
  at: number,
  value: Operand,
  swap: Operand | undefined,
  to: Operand,
): void {
  const [lo, hi] = [e.temporary(), e.temporary()];
  const [low, high] = [place.view("I", at), place.view("I", at + 4)];
  e.line(`const ${lo}=${low},${hi}=${high};`);
  const [bl, bh] = [e.int(value), e.high(value)];
  const less = type[0] === "s" ? "lessS64" : "lessU64";
  switch (operation) {
    case "add":
      if (type === "f64") {
        const [si, sd, t] = [e.use("SI"), e.use("SD"), e.temporary()];
        e.line(
          `${si}[0]=${lo};${si}[1]=${hi};const ${t}=${sd}[0]+${e.float64(value)};${sd}[0]=${t};`,
        );
        e.line(
          `if(${t}===${t}){${low}=${si}[0];${high}=${si}[1];}else{${low}=-1;${high}=2147483647;}`,
        );
      } else {
        const t = e.temporary();
        e.line(`const ${t}=(${lo}+${bl})|0;${low}=${t};`);
        e.line(`${high}=(${hi}+${bh}+((${t}>>>0)<(${lo}>>>0)?1:0))|0;`);
      }
      break;
    case "min":
      e.line(`if(${e.call(less, bl, bh, lo, hi)}){${low}=${bl};${high}=${bh};}`);
      break;
    case "max":
      e.line(`if(${e.call(less, lo, hi, bl, bh)}){${low}=${bl};${high}=${bh};}`);
      break;
    case "and":
    case "or":
    case "xor": {
      const operator = { and: "&", or: "|", xor: "^" }[operation];
      e.line(`${low}=${lo}${operator}${bl};${high}=${hi}${operator}${bh};`);
      break;
    }
    case "exch":
      e.line(`${low}=${bl};${high}=${bh};`);
      break;
    case "cas": {
      if (!swap) throw e.unsupported();
      e.line(`if(${lo}===${bl}&&${hi}===${bh}){${low}=${e.int(swap)};${high}=${e.high(swap)};}`);
      break;
    }
    default:
      throw e.unsupported();
  }
  if (to.kind !== "sink") e.set64(to, lo, hi);
}

/** cp.async: the copy happens at once, which is one of the times at which it may; the waits then wait for nothing. */
function copyAsync(e: Emitter, parts: readonly string[]): true {
  if (parts.includes("prefetch")) return true;
  if (parts[1] !== "async" || parts.includes("bulk") || parts.includes("mbarrier"))
    throw e.unsupported();
  if (/^(?:commit_group|wait_group|wait_all)$/u.test(parts[2] ?? "")) return awaitCopies(e, parts);
  const [to, from, size] = [e.operand(0), e.operand(1), e.operand(2)];
  if (size.kind !== "integer" || spaceOf(parts) !== "shared") throw e.unsupported();
  const bytes = size.lo;
  if (![4, 8, 16].includes(bytes)) throw e.unsupported();
  const extra = e.instruction?.operands[3];
  const ignored = extra?.kind === "register" && e.register(extra.id).bits === 1;
  const cached = extra !== undefined && !ignored && parts.includes("L2::cache_hint");
  const target = locate(e, "shared", to, bytes, "copy");
  const count = extra === undefined || ignored || cached ? `${bytes}` : e.int(extra);
  const read = e.temporary();
  e.line(`const ${read}=${ignored && extra ? `${e.predicate(extra)}?0:${bytes}` : count};`);
  const words: string[] = Array.from({ length: bytes / 4 }, () => e.temporary());
  e.line(`let ${words.map((word) => `${word}=0`).join(",")};`);
  e.line(`if(${read}>0){`);
  const source = locate(e, "global", from, bytes, "read", read);
  words.forEach((word, index) => {
    const at = index * 4;
    e.line(`if(${read}>=${at + 4})${word}=${source.view("I", at)};`);
    e.line(
      `else for(let k=${at};k<${read};k++)${word}|=${source.view("B", 0).replace(/\]$/u, "+k]")}<<8*(k-${at});`,
    );
  });
  e.line("}");
  words.forEach((word, index) => {
    e.line(`${target.view("I", index * 4)}=${word};`);
  });
  if (target.after !== "") e.line(target.after);
  return true;
}

/** Only the checks know of groups of copies. */
function awaitCopies(e: Emitter, parts: readonly string[]): true {
  if (!e.surroundings.checks) return true;
  const pending = parts[2] === "wait_group" ? e.int(e.operand(0)) : "-1";
  if (parts[2] === "commit_group") e.line(`${e.call("copiesCommitted", "T+l")};`);
  else e.line(`${e.call("copiesAwaited", "T+l", pending)};`);
  return true;
}
