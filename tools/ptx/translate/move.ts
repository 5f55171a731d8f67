import type { Operand } from "../module.ts";
import { LOCAL_WINDOW, PARAM_WINDOW, SHARED_WINDOW } from "../module.ts";
import type { Emitter } from "./emitter.ts";

/** mov in all its forms, cvta, isspacep, mapa and activemask. */
export function emitMove(e: Emitter, parts: readonly string[]): boolean {
  switch (parts[0]) {
    case "mov":
      return move(e, parts);
    case "cvta":
      return convertAddress(e, parts);
    case "isspacep": {
      const space = (parts[1] ?? "").split("::")[0];
      const high = e.high(e.operand(1));
      const tests: Record<string, string> = {
        shared: `${high}===${SHARED_WINDOW}`,
        local: `${high}===${LOCAL_WINDOW}`,
        param: `${high}===${PARAM_WINDOW}`,
        const: "false",
        global: `(${high}!==${SHARED_WINDOW}&&${high}!==${LOCAL_WINDOW}&&${high}!==${PARAM_WINDOW})`,
      };
      const test = tests[space ?? ""];
      if (test === undefined) throw e.unsupported();
      e.setInt(e.operand(0), `${test}?1:0`);
      return true;
    }
    case "activemask":
      e.setInt(e.operand(0), "mask");
      return true;
    case "createpolicy":
      // A hint for the cache, which changes no value.
      e.set64(e.operand(0), "0", "0");
      return true;
    case "mapa": {
      // One block is its own cluster.
      e.copy(e.operand(0), e.operand(1));
      return true;
    }
    default:
      return false;
  }
}

function move(e: Emitter, parts: readonly string[]): true {
  const [to, from] = [e.operand(0), e.operand(1)];
  if (to.kind === "vector") return unpack(e, to.items, from, parts.at(-1) ?? "");
  if (from.kind === "vector") return pack(e, to, from.items, parts.at(-1) ?? "");
  if (to.kind === "pair") throw e.unsupported();
  if (from.kind === "special" || from.kind === "symbol") {
    if (to.kind !== "register") throw e.unsupported();
    if (e.register(to.id).bits === 64) e.set64(to, e.int(from), e.high(from));
    else e.setInt(to, e.register(to.id).bits === 16 ? e.unsigned16(from) : e.int(from));
    return true;
  }
  e.copy(to, from);
  return true;
}

/** mov.b32 {a, b}, r and its kin. */
function unpack(e: Emitter, items: Operand[], from: Operand, type: string): true {
  const size = Number(type.slice(1));
  const part = size / items.length;
  const [lo, hi] = [e.temporary(), e.temporary()];
  e.line(`const ${lo}=${e.int(from)},${hi}=${size === 64 ? e.high(from) : "0"};`);
  items.forEach((item, index) => {
    if (item.kind === "sink") return;
    const word = index * part >= 32 ? hi : lo;
    const shift = (index * part) % 32;
    if (part === 32) e.setInt(item, word);
    else if (part === 16) e.setInt(item, shift === 0 ? `${word}&65535` : `${word}>>>16`);
    else if (part === 8) e.setInt(item, `(${word}>>>${shift})&255`);
    else throw e.unsupported();
  });
  return true;
}

/** mov.b32 r, {a, b} and its kin. */
function pack(e: Emitter, to: Operand, items: Operand[], type: string): true {
  const size = Number(type.slice(1));
  const part = size / items.length;
  const word = (from: number): string => {
    const pieces: string[] = [];
    for (let index = 0; index < items.length; index++) {
      const at = index * part - from;
      if (at < 0 || at >= 32) continue;
      const item = items[index] as Operand;
      if (item.kind === "integer" && item.lo === 0) continue;
      const value =
        part === 32 ? e.int(item) : part === 16 ? e.unsigned16(item) : `(${e.int(item)}&255)`;
      pieces.push(at === 0 ? value : `(${value}<<${at})`);
    }
    return pieces.length === 0 ? "0" : pieces.join("|");
  };
  if (size === 64) e.set64(to, word(0), word(32));
  else if (size === 32) e.setInt32AsFloat(to, word(0));
  else if (size === 16) e.setInt(to, word(0));
  else throw e.unsupported();
  return true;
}

/** Generic addresses of shared, local and parameter memory carry their window in the high word. */
function convertAddress(e: Emitter, parts: readonly string[]): true {
  const [to, from] = [e.operand(0), e.operand(1)];
  const toSpace = parts[1] === "to";
  const space = (parts[toSpace ? 2 : 1] ?? "").split("::")[0];
  if (parts.at(-1) !== "u64") throw e.unsupported();
  const windows: Record<string, number> = { shared: SHARED_WINDOW, local: LOCAL_WINDOW };
  const window = windows[space ?? ""];
  if (window === undefined) {
    if (!["global", "const", "param"].includes(space ?? "")) throw e.unsupported();
    e.set64(to, e.int(from), e.high(from));
  } else e.set64(to, e.int(from), toSpace ? "0" : `${window}`);
  return true;
}
