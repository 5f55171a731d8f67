import { LOCAL_WINDOW, type Operand } from "../module.ts";
import { typeBytes } from "../parse-module.ts";
import type { Emitter, SiteUse } from "./emitter.ts";
import { type AccessKind, checkLocal, checkShared, checkWindow, writes } from "./memory-checks.ts";

export type Space = "global" | "shared" | "local" | "param" | "generic";

/** Where the words of an access are: expressions over a typed view, by byte offset within the access. */
export interface Place {
  view(kind: "I" | "F" | "H" | "B", offset: number): string;
  /** What must follow a store. */
  after: string;
}

/** Reads space and width from an opcode, for example `ld.global.cs.v4.s32`. */
export function describeAccess(
  e: Emitter,
  parts: readonly string[],
): { space: Space; type: string; count: number; bytes: number } {
  const type = parts.at(-1) ?? "";
  const element = typeBytes(type);
  if (element === 0 || element > 8) throw e.unsupported();
  const vector = parts.find((part) => /^v[248]$/u.test(part));
  const count = vector === undefined ? 1 : Number(vector.slice(1));
  return { space: spaceOf(parts), type, count, bytes: element * count };
}

export function spaceOf(parts: readonly string[]): Space {
  for (const part of parts) {
    const space = part.split("::")[0];
    if (space === "global" || space === "shared" || space === "local" || space === "param")
      return space;
    // Constant variables have addresses in the module's window.
    if (space === "const") return "global";
  }
  return "generic";
}

/**
 * Emits the address check of an access and says where its words are. With checks on, also what keeps track of who
 * read and wrote them; `read` is then how many bytes are really read, where that is known at run time only.
 */
export function locate(
  e: Emitter,
  space: Space,
  address: Operand,
  bytes: number,
  kind: AccessKind,
  read?: string,
): Place {
  if (address.kind !== "address" || !address.base) throw e.unsupported();
  const { base, offset } = address;
  const { body, params } = e.surroundings;
  if (space === "param" && base.kind === "symbol") {
    if (body.local.has(base.name)) return localPlace(e, base, offset, bytes, kind, false);
    const at = params.get(base.name);
    if (at === undefined) throw e.unsupported(`parameter ${base.name}`);
    return constantPlace(e, at + base.offset + offset);
  }
  if (space === "local") return localPlace(e, base, offset, bytes, kind, true);
  if (space === "shared") return sharedPlace(e, base, offset, bytes, kind);
  return windowPlace(e, space, base, offset, bytes, kind, read);
}

function constantPlace(e: Emitter, at: number): Place {
  return {
    view: (kind, offset) => `${e.use(`param${kind}`)}[${(at + offset) >> shiftOf(kind)}]`,
    after: "",
  };
}

function shiftOf(kind: "I" | "F" | "H" | "B"): number {
  return kind === "B" ? 0 : kind === "H" ? 1 : 2;
}

function indexed(
  array: string,
  kind: "I" | "F" | "H" | "B",
  address: string,
  offset: number,
): string {
  const shift = shiftOf(kind);
  const index = shift === 0 ? address : `(${address}>>${shift})`;
  return `${array}[${index}${offset === 0 ? "" : `+${offset >> shift}`}]`;
}

/** Low word of base + offset, as a temporary. */
function lowAddress(e: Emitter, base: Operand, offset: number): string {
  const t = e.temporary();
  e.line(`const ${t}=${offset === 0 ? e.int(base) : `(${e.int(base)}+${offset})|0`};`);
  return t;
}

function sharedPlace(
  e: Emitter,
  base: Operand,
  offset: number,
  bytes: number,
  kind: AccessKind,
): Place {
  const a = lowAddress(e, base, offset);
  // A fixed variable at a constant, aligned offset needs no check.
  const fixed =
    base.kind === "symbol" &&
    e.address(base).lo + offset + bytes <= e.surroundings.body.static_shared_bytes &&
    (e.address(base).lo + offset) % bytes === 0;
  if (!fixed) {
    const limit = `${e.use("C")}[7]-${bytes}`;
    const aligned = bytes === 1 ? "" : `||(${a}&${bytes - 1})!==0`;
    e.line(
      `if(${a}<0||${a}>${limit}${aligned})${e.call("badShared", `${e.index}`, "l", a, `${bytes}`, `${writes(kind)}`)};`,
    );
  }
  const after = e.surroundings.checks ? checkShared(e, kind, a, bytes) : "";
  return { view: (view, at) => indexed(e.use(`shared${view}`), view, a, at), after };
}

function localPlace(
  e: Emitter,
  base: Operand,
  offset: number,
  bytes: number,
  kind: AccessKind,
  looks: boolean,
): Place {
  const frame = e.surroundings.body.local_bytes;
  const a = lowAddress(e, base, offset);
  const aligned = bytes === 1 ? "" : `||(${a}&${bytes - 1})!==0`;
  e.line(
    `if(${a}<0||${a}>${frame - bytes}${aligned})${e.call("badLocal", `${e.index}`, "l", a, `${bytes}`, `${writes(kind)}`)};`,
  );
  const t = e.temporary();
  e.line(`const ${t}=${a}+Math.imul(T+l,${frame});`);
  if (e.surroundings.checks) checkLocal(e, kind, t, bytes, looks);
  return { view: (view, at) => indexed(e.use(`local${view}`), view, t, at), after: "" };
}

/**
 * Global and generic accesses go through a site: a remembered piece of memory. What the piece does not hold, or what
 * is not aligned, goes to `miss`, which finds the right piece or faults.
 */
function windowPlace(
  e: Emitter,
  space: Space,
  base: Operand,
  offset: number,
  bytes: number,
  kind: AccessKind,
  read: string | undefined,
): Place {
  const store = writes(kind);
  const name = base.kind === "register" ? `r${base.id}` : "constant";
  const site = e.site(`${space} ${name} ${e.scalar ? "u" : "v"}`, bytes, store);
  const s = site.name;
  const [a, h, o] = [e.temporary(), e.temporary(), e.temporary()];
  const [lo, hi] = [e.int(base), e.high(base)];
  if (offset === 0) e.line(`const ${a}=${lo},${h}=${hi};`);
  else {
    const carry =
      offset > 0
        ? `(${a}>>>0)<(${lo}>>>0)?(${hi}+1)|0:${hi}`
        : `(${a}>>>0)>(${lo}>>>0)?(${hi}-1)|0:${hi}`;
    e.line(`const ${a}=(${lo}+${offset})|0,${h}=${carry};`);
  }
  const aligned = bytes === 1 ? "" : `||(${a}&${bytes - 1})!==0`;
  // Local memory is another piece for each thread, so it is never met again.
  const local = space === "generic" ? `||${h}===${LOCAL_WINDOW}` : "";
  e.line(`let ${o}=(${a}-${s}l)|0;`);
  e.line(`if(${h}!==${s}h||${o}<0||${o}>${s}n${aligned}${local}){`);
  e.line(`${s}=${e.call("miss", `${s}s`, `${e.index}`, "l", "T", a, h, `${bytes}`, `${store}`)};`);
  e.line(`@reload ${s}@${o}=(${a}-${s}l)|0;}`);
  const after = e.surroundings.checks
    ? checkWindow(e, kind, site, space === "generic", [a, h, o], read ?? bytes)
    : "";
  return {
    view: (view, at) => {
      site.views.add(view);
      return indexed(`${s}${view}`, view, o, at);
    },
    after,
  };
}

/** Declarations of a site's locals, before the lane loop. */
export function siteDeclarations(site: SiteUse): string {
  const s = site.name;
  const views = [...site.views]
    .map((kind) => `,${s}${kind}=${s}.${kind}${kind === "D" ? `,${s}z=${s}l&31` : ""}`)
    .join("");
  return `let ${s}=${s}s.window,${s}l=${s}.lo,${s}h=${s}.hi,${s}n=${s}.bytes-${site.bytes}${views};`;
}

/** The same after a miss; replaces the `@reload s0@` marks. */
export function siteReload(site: SiteUse): string {
  const s = site.name;
  const views = [...site.views]
    .map((kind) => `${s}${kind}=${s}.${kind};${kind === "D" ? `${s}z=${s}l&31;` : ""}`)
    .join("");
  return `${s}l=${s}.lo;${s}h=${s}.hi;${s}n=${s}.bytes-${site.bytes};${views}`;
}
