/** What a shared library says of itself: enough to know which CUDA runtime it wants. */
export interface ElfFile {
  /** ELF's number: 62 x86-64, 183 AArch64. */
  machine: number;
  /** DT_NEEDED, in order. */
  needed: readonly string[];
  /** Names of dynamic symbols without version: defined here, or wanted from elsewhere. */
  defined: ReadonlySet<string>;
  undefined: ReadonlySet<string>;
  sections: ReadonlySet<string>;
}

interface Section {
  name: number;
  type: number;
  /** Where it lies once loaded, from the library's start. */
  address: number;
  /** Where it lies in the file. */
  offset: number;
  size: number;
  link: number;
  entryBytes: number;
}

/** A function or variable of a symbol table. */
export interface ElfSymbol {
  name: string;
  defined: boolean;
  isFunction: boolean;
  address: number;
  size: number;
}

/** Where the loader writes an address: that of `symbol`, or of this library at `addend`. */
export interface ElfRelocation {
  address: number;
  symbol: string;
  addend: number;
}

/** The parts of a library in which its code lies. */
export interface ElfCode {
  machine: number;
  /** With the local ones, where they were not stripped. */
  symbols: readonly ElfSymbol[];
  relocations: readonly ElfRelocation[];
  /** By name: ".text", ".plt.sec", ".init_array". */
  sections: ReadonlyMap<string, { address: number; bytes: Buffer }>;
}

const sectionType = { symbols: 2, relocations: 4, dynamic: 6, noBits: 8, dynamicSymbols: 11 };
const needed = 1n;

/**
 * Reads a 64-bit little-endian ELF file. Undefined: it is none.
 * Throws RangeError where its tables lead outside of the file.
 */
export function readElf(bytes: Buffer): ElfFile | undefined {
  if (bytes.length < 64 || bytes.readUInt32BE(0) !== 0x7f454c46) return undefined;
  if (bytes[4] !== 2 || bytes[5] !== 1) return undefined;
  const sections = readSections(bytes);
  const names = sections[bytes.readUInt16LE(62)];
  const nameOf = (section: Section) => (names ? textAt(bytes, names, section.name) : "");
  const symbols = readSymbols(bytes, sections, sectionType.dynamicSymbols);
  return {
    machine: bytes.readUInt16LE(18),
    needed: readNeeded(bytes, sections),
    defined: new Set(symbols.filter((symbol) => symbol.defined).map((symbol) => symbol.name)),
    undefined: new Set(symbols.filter((symbol) => !symbol.defined).map((symbol) => symbol.name)),
    sections: new Set(sections.map(nameOf)),
  };
}

/** As readElf, with what it takes to see which function calls which. */
export function readElfCode(bytes: Buffer): ElfCode | undefined {
  if (!readElf(bytes)) return undefined;
  const sections = readSections(bytes);
  const names = sections[bytes.readUInt16LE(62)];
  const code = sections.flatMap((section): [string, { address: number; bytes: Buffer }][] => {
    if (section.type === sectionType.noBits || !names) return [];
    const { address, offset, size } = section;
    return [
      [
        textAt(bytes, names, section.name),
        { address, bytes: bytes.subarray(offset, offset + size) },
      ],
    ];
  });
  return {
    machine: bytes.readUInt16LE(18),
    symbols: [
      ...readSymbols(bytes, sections, sectionType.symbols),
      ...readSymbols(bytes, sections, sectionType.dynamicSymbols),
    ],
    relocations: readRelocations(bytes, sections),
    sections: new Map(code),
  };
}

function readRelocations(bytes: Buffer, sections: readonly Section[]): ElfRelocation[] {
  return sections.flatMap((section) => {
    const table = sections[section.link];
    const strings = table && sections[table.link];
    if (section.type !== sectionType.relocations || !table || !strings) return [];
    return entries(section).map((at) => {
      const number = bytes.readUInt32LE(at + 12);
      const name = bytes.readUInt32LE(table.offset + number * table.entryBytes);
      return {
        address: Number(bytes.readBigUInt64LE(at)),
        symbol: number === 0 ? "" : textAt(bytes, strings, name),
        addend: Number(bytes.readBigInt64LE(at + 16)),
      };
    });
  });
}

function readSections(bytes: Buffer): Section[] {
  const start = Number(bytes.readBigUInt64LE(40));
  const entryBytes = bytes.readUInt16LE(58);
  return Array.from({ length: bytes.readUInt16LE(60) }, (_, index) => {
    const at = start + index * entryBytes;
    return {
      name: bytes.readUInt32LE(at),
      type: bytes.readUInt32LE(at + 4),
      address: Number(bytes.readBigUInt64LE(at + 16)),
      offset: Number(bytes.readBigUInt64LE(at + 24)),
      size: Number(bytes.readBigUInt64LE(at + 32)),
      link: bytes.readUInt32LE(at + 40),
      entryBytes: Number(bytes.readBigUInt64LE(at + 56)),
    };
  });
}

function readSymbols(bytes: Buffer, sections: readonly Section[], type: number): ElfSymbol[] {
  return sections.flatMap((section) => {
    const strings = sections[section.link];
    if (section.type !== type || !strings) return [];
    return entries(section).map((at) => ({
      name: textAt(bytes, strings, bytes.readUInt32LE(at)),
      isFunction: ((bytes[at + 4] ?? 0) & 15) === 2,
      defined: bytes.readUInt16LE(at + 6) !== 0,
      address: Number(bytes.readBigUInt64LE(at + 8)),
      size: Number(bytes.readBigUInt64LE(at + 16)),
    }));
  });
}

function readNeeded(bytes: Buffer, sections: readonly Section[]): string[] {
  return sections.flatMap((section) => {
    const strings = sections[section.link];
    if (section.type !== sectionType.dynamic || !strings) return [];
    return entries(section)
      .filter((at) => bytes.readBigUInt64LE(at) === needed)
      .map((at) => textAt(bytes, strings, Number(bytes.readBigUInt64LE(at + 8))));
  });
}

function entries(section: Section): number[] {
  const count = section.entryBytes > 0 ? Math.floor(section.size / section.entryBytes) : 0;
  return Array.from({ length: count }, (_, index) => section.offset + index * section.entryBytes);
}

function textAt(bytes: Buffer, strings: Section, offset: number): string {
  const start = strings.offset + offset;
  const end = bytes.indexOf(0, start);
  return end < 0 ? "" : bytes.toString("utf8", start, end);
}
