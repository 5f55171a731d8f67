import type { Body, Instruction } from "../module.ts";
import { SHARED_WINDOW } from "../module.ts";
import { typeBytes } from "../parse-module.ts";
import type { Emitter, SiteUse } from "./emitter.ts";

/** What an access does; `exchange` is an atomic that does not look at what was there. */
export type AccessKind = "read" | "write" | "atomic" | "exchange" | "copy";

export function writes(kind: AccessKind): boolean {
  return kind !== "read";
}

/** The narrowest access to shared memory of a kernel, as a shift: the piece of its shadow. */
export function findPieceShift(body: Body): number {
  let bytes = 4;
  for (const { parts } of body.instructions) {
    if (!touchesShared(parts)) continue;
    const size = parts[0] === "cp" ? 4 : typeBytes(parts.at(-1) ?? "");
    if (size > 0) bytes = Math.min(bytes, size);
  }
  return bytes === 4 ? 2 : bytes === 2 ? 1 : 0;
}

/** Accesses that are or may be to shared memory. */
export function touchesShared(parts: readonly string[]): boolean {
  const name = parts[0] ?? "";
  if (!["ld", "ldu", "st", "atom", "red", "cp"].includes(name)) return false;
  const space = parts.find((part) => /^(?:global|local|param|const|shared)\b/u.test(part));
  return name === "cp" || space === undefined || space.startsWith("shared");
}

/** In which way an instruction touches shared memory: where lanes run in step, loads and stores take turns. */
export function sharedTurn({ parts }: Instruction): "load" | "store" | undefined {
  if (!touchesShared(parts)) return undefined;
  return parts[0] === "ld" || parts[0] === "ldu" ? "load" : "store";
}

/** Instructions that order plain accesses around a flag. */
export function isFence(parts: readonly string[]): boolean {
  if (parts[0] === "membar" || parts[0] === "fence") return true;
  return parts.some((part) => part === "acquire" || part === "release" || part === "acq_rel");
}

/** Atomics, volatile accesses and those of the memory model: by these, threads wait for each other without a barrier. */
export function strengthOf(parts: readonly string[]): "plain" | "volatile" | "atomic" {
  if (parts[0] === "atom" || parts[0] === "red") return "atomic";
  if (parts.some((part) => part === "relaxed" || part === "acquire" || part === "release"))
    return "atomic";
  return parts.includes("volatile") ? "volatile" : "plain";
}

/** Emits the check of an access to shared memory at address `a`; returns what must follow the store. */
export function checkShared(e: Emitter, kind: AccessKind, a: string, bytes: number): string {
  const shift = e.surroundings.pieceShift;
  const [at, count] = [`${a}>>${shift}`, `${bytes >> shift}`];
  const index = `${e.index}`;
  if (e.surroundings.fences && strengthOf(e.instruction?.parts ?? []) !== "plain") {
    if (kind !== "write") e.line(`${e.call("acquireFrom", at, "T+l")};`);
    if (kind !== "read") e.line(`${e.call("releaseAt", at, "T+l")};`);
  }
  switch (kind) {
    case "read":
      if (e.scalar) e.line(`${e.call("sharedReadTogether", index, "T", "mask", at, count)};`);
      else e.line(`${e.call("sharedRead", index, "T+l", at, count)};`);
      return "";
    case "atomic":
    case "exchange":
      e.line(`${e.call("sharedAtomic", index, "T+l", at, count, `${kind === "atomic"}`)};`);
      return "";
    default: {
      const doubts = e.temporary();
      const check = kind === "copy" ? "sharedCopy" : "sharedWrite";
      e.line(`const ${doubts}=${e.call(check, index, "T+l", at, count)};`);
      return `if(${doubts}!==0)${e.call("sharedWritten", index, "T+l", at)};`;
    }
  }
}

/** Local memory at place `t` of the block's. Parameters of calls are not looked at: they are copied as a whole. */
export function checkLocal(
  e: Emitter,
  kind: AccessKind,
  t: string,
  bytes: number,
  looks: boolean,
): void {
  const bits = e.use("localD");
  if (kind === "read") {
    if (!looks) return;
    const found = `((${bits}[${t}>>5]>>>(${t}&31))&${mask(bytes)})!==${mask(bytes)}`;
    e.line(`if(${found})${e.call("unwrittenLocal", `${e.index}`, "T+l", t, `${bytes}`)};`);
  } else e.line(`${bits}[${t}>>5]|=${mask(bytes)}<<(${t}&31);`);
}

/** Global and generic memory at `o` of a site's window; shared memory behind a generic address has its own checks. */
export function checkWindow(
  e: Emitter,
  kind: AccessKind,
  site: SiteUse,
  generic: boolean,
  [a, h, o]: readonly [string, string, string],
  bytes: number | string,
): string {
  site.views.add("D");
  const s = site.name;
  const [word, bit] = [`${s}D[(${o}+${s}z)>>5]`, `(${a}&31)`];
  const m = typeof bytes === "number" ? mask(bytes) : `((1<<${bytes})-1)`;
  const found = `((${word}>>>${bit})&${m})!==${m}`;
  const read = `if(${found})${e.call("unwrittenGlobal", `${e.index}`, "T+l", a, h, `${bytes}`)};`;
  const write = `${word}|=${m}<<${bit};`;
  const check = kind === "read" ? read : kind === "atomic" ? `${read}${write}` : write;
  if (!generic || typeof bytes !== "number") {
    e.line(check);
    return "";
  }
  const doubts = e.temporary();
  e.line(`let ${doubts}=0;if(${h}===${SHARED_WINDOW}){`);
  const after = checkShared(e, kind, a, bytes);
  const inner = /^if\((\w+)!==0\)/u.exec(after)?.[1];
  e.line(`${inner === undefined ? "" : `${doubts}=${inner};`}}else{${check}}`);
  return inner === undefined ? "" : after.replace(inner, doubts);
}

/** The bits of `bytes` bytes; -1 for 32 of them, whose word needs no shift. */
function mask(bytes: number): string {
  return bytes === 32 ? "-1" : `${2 ** bytes - 1}`;
}
