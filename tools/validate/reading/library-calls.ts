import { type ElfCode, readElfCode } from "../../record/elf.ts";

/** How sure it is that a function of another library is called when the entry point is. */
export type Reach = "called" | "perhaps";

export interface LibraryCalls {
  /** Imported functions by name, without those that no code leads to. */
  imports: ReadonlyMap<string, Reach>;
  /** Functions that are run when the library is loaded, without those that compilers make. */
  constructors: readonly string[];
}

const x86 = 62;

/** Of the C runtime's start-up code, of nvcc's registration, and of static initialisers. */
const compilerMade =
  /^(?:_ZL\d+)?(?:frame_dummy|_init|__sti____cudaRegisterAll|_GLOBAL__sub_I_|__static_init)/u;

/**
 * Which imported functions the library's code leads to, from the entry point and from what is run
 * at loading. A call is a displacement in a function's bytes that gives exactly the start of another
 * function, of a stub of the procedure linkage table, or of an import's slot: no other displacement
 * does. What only a table of function pointers leads to is `perhaps` called; so is everything where
 * the machine is not x86-64.
 */
export function readLibraryCalls(library: Buffer, entry: string): LibraryCalls {
  const elf = readElfCode(library);
  if (!elf) return { imports: new Map(), constructors: [] };
  const graph = elf.machine === x86 ? callGraph(elf) : undefined;
  const starts = constructorAddresses(elf);
  const nameAt = (address: number) => graph?.functions.get(address)?.name ?? "";
  const constructors = starts.map(nameAt).filter((name) => name && !compilerMade.test(name));
  if (!graph) {
    const all = elf.symbols.filter(({ defined, name }) => !defined && name);
    return { imports: new Map(all.map(({ name }) => [name, "perhaps"])), constructors };
  }
  const entries = elf.symbols.filter(({ name, defined }) => defined && name === entry);
  const called = reachable(graph, [...entries.map(({ address }) => address), ...starts]);
  const perhaps = reachable(graph, pointedAt(elf, graph));
  return {
    imports: new Map<string, Reach>([
      ...[...perhaps].map((name): [string, Reach] => [name, "perhaps"]),
      ...[...called].map((name): [string, Reach] => [name, "called"]),
    ]),
    constructors,
  };
}

/** Functions whose addresses lie in data: tables, and virtual functions. */
function pointedAt(elf: ElfCode, { defined }: CallGraph): number[] {
  const run = [".init_array", ".fini_array", ".got", ".got.plt"];
  return elf.relocations
    .filter(({ address }) => !run.some((section) => isIn(elf, section, address)))
    .map(({ symbol, addend }) => (symbol ? (defined.get(symbol) ?? 0) : addend));
}

interface CallGraph {
  functions: ReadonlyMap<number, { name: string; bytes: Buffer }>;
  /** Addresses of the library's own functions: calls of exported ones go through stubs as well. */
  defined: ReadonlyMap<string, number>;
  /** Names by the addresses of their stubs and slots. */
  imports: ReadonlyMap<number, string>;
}

function callGraph(elf: ElfCode): CallGraph {
  const functions = new Map<number, { name: string; bytes: Buffer }>();
  for (const { name, isFunction, defined, address, size } of elf.symbols) {
    if (!isFunction || !defined || functions.has(address)) continue;
    const section = [...elf.sections.values()].find(
      (one) =>
        one.address > 0 && address >= one.address && address < one.address + one.bytes.length,
    );
    if (!section) continue;
    const start = address - section.address;
    functions.set(address, { name, bytes: section.bytes.subarray(start, start + size) });
  }
  const defined = new Map([...functions].map(([address, { name }]) => [name, address]));
  const imports = new Map<number, string>();
  for (const { address, symbol } of elf.relocations) if (symbol) imports.set(address, symbol);
  for (const [name, { address, bytes }] of elf.sections) {
    if (!name.startsWith(".plt")) continue;
    // endbr64 and bnd may come before the jump through the slot (FF 25); stubs are 8 or 16 bytes.
    const stubBytes = name === ".plt.got" ? 8 : 16;
    for (let at = 0; at + 6 <= bytes.length; at += 1) {
      if (bytes[at] !== 0xff || bytes[at + 1] !== 0x25) continue;
      const symbol = imports.get(address + at + 6 + bytes.readInt32LE(at + 2));
      if (symbol) imports.set(address + Math.floor(at / stubBytes) * stubBytes, symbol);
    }
  }
  return { functions, defined, imports };
}

/** Names of the imports that code from these addresses on leads to. */
function reachable(
  { functions, defined, imports }: CallGraph,
  starts: readonly number[],
): Set<string> {
  const found = new Set<string>();
  const seen = new Set<number>();
  const waiting = [...starts];
  for (let address = waiting.pop(); address !== undefined; address = waiting.pop()) {
    const code = functions.get(address);
    if (!code || seen.has(address)) continue;
    seen.add(address);
    for (let at = 0; at + 4 <= code.bytes.length; at += 1) {
      const target = address + at + 4 + code.bytes.readInt32LE(at);
      const symbol = imports.get(target);
      const own = symbol === undefined ? target : defined.get(symbol);
      if (own === undefined) found.add(symbol as string);
      else if (functions.has(own)) waiting.push(own);
    }
  }
  return found;
}

function constructorAddresses(elf: ElfCode): number[] {
  return elf.relocations
    .filter(({ address }) => isIn(elf, ".init_array", address))
    .map(({ addend, symbol }) =>
      symbol ? (elf.symbols.find(({ name }) => name === symbol)?.address ?? 0) : addend,
    );
}

function isIn(elf: ElfCode, section: string, address: number): boolean {
  const found = elf.sections.get(section);
  return (
    found !== undefined && address >= found.address && address < found.address + found.bytes.length
  );
}
