import type { RegisterBits } from "./module.ts";

/** Names between a pair of braces, as inline assembly has them. */
export interface Scope {
  parent: Scope | undefined;
  names: Map<string, number>;
  ranges: { prefix: string; count: number; bits: RegisterBits }[];
  /** `.local` and `.param` variables: their unique names. */
  variables: Map<string, string>;
  labels: Map<string, number>;
}

export function newScope(parent: Scope | undefined): Scope {
  return { parent, names: new Map(), ranges: [], variables: new Map(), labels: new Map() };
}

/** Searches the scope and those around it. */
export function lookUp<T>(scope: Scope, find: (scope: Scope) => T | undefined): T | undefined {
  for (let s: Scope | undefined = scope; s; s = s.parent) {
    const found = find(s);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Width of a register of this type; undefined for types that registers do not have. */
export function registerBits(type: string): RegisterBits | undefined {
  if (type === "pred") return 1;
  const match = /^(?:[usbf]|bf)(8|16|32|64|128)(x2)?$/u.exec(type);
  if (!match) return undefined;
  const bits = Math.max(16, Number(match[1]) * (match[2] ? 2 : 1));
  return bits === 16 || bits === 32 || bits === 64 || bits === 128 ? bits : undefined;
}
