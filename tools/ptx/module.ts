/** A parameter of a kernel: its place in the parameter buffer, in bytes. */
export interface PtxParam {
  name: string;
  bytes: number;
  align: number;
  offset: number;
}

/** A kernel (`.entry`) of a module. */
export interface PtxKernel {
  name: string;
  params: readonly PtxParam[];
  /** Bytes of `.shared` variables of fixed size, as the kernel lays them out. */
  static_shared_bytes: number;
}

/** A parsed PTX file. Bodies are read when a kernel is launched for the first time. */
export interface PtxModule {
  target: string;
  kernels: ReadonlyMap<string, PtxKernel>;
}

/** A function's text, before its body is read. */
export interface FunctionSource {
  name: string;
  entry: boolean;
  params: PtxParam[];
  returns: PtxParam[];
  /** Text between the braces, comments blanked out; undefined for a declaration without a body. */
  body: string | undefined;
  /** Line of the first character of `body`, 1-based. */
  line: number;
  /** `.reqntid` / `.maxntid`, where given. */
  required_threads?: readonly number[];
}

/** A variable at module scope: `.global`, `.const` or `.shared`. */
export interface ModuleVariable {
  name: string;
  space: "global" | "const" | "shared";
  /** Undefined for `.extern .shared name[]`: the dynamic shared memory. */
  bytes: number | undefined;
  align: number;
  initial: Uint8Array | undefined;
  /** Places in `initial` that hold the address of another variable. */
  addresses: readonly { offset: number; symbol: string; addend: number; bytes: number }[];
  line: number;
}

/** Everything that the interpreter knows of a module. */
export interface ParsedModule extends PtxModule {
  functions: ReadonlyMap<string, FunctionSource>;
  variables: ReadonlyMap<string, ModuleVariable>;
  files: ReadonlyMap<number, string>;
  /** Address of each `.global` and `.const` variable (the low word; the high word is MODULE_WINDOW). */
  addresses: ReadonlyMap<string, number>;
}

/** High words of the address windows. Device allocations lie in other ones (see memory.ts). */
export const SHARED_WINDOW = 0x7e00;
export const LOCAL_WINDOW = 0x7d00;
export const MODULE_WINDOW = 0x7c00;
export const PARAM_WINDOW = 0x7b00;

/** Width of registers: predicates are 1. */
export type RegisterBits = 1 | 16 | 32 | 64 | 128;

export interface Register {
  name: string;
  bits: RegisterBits;
}

export type Operand =
  | { kind: "register"; id: number; negated: boolean }
  | { kind: "integer"; lo: number; hi: number }
  | { kind: "float32"; bits: number }
  | { kind: "float64"; lo: number; hi: number }
  | { kind: "symbol"; name: string; offset: number }
  | { kind: "special"; name: string }
  | { kind: "vector"; items: Operand[] }
  | { kind: "address"; base: Operand | undefined; offset: number }
  | { kind: "pair"; first: Operand; second: Operand }
  | { kind: "list"; items: Operand[] }
  | { kind: "sink" };

export interface Instruction {
  /** As written, for example `ld.global.cs.v4.s32`. */
  opcode: string;
  /** `opcode` split at the dots. */
  parts: readonly string[];
  guard: { id: number; negated: boolean } | undefined;
  operands: Operand[];
  line: number;
  /** Index into Body.locations. */
  location: number;
  /** Statement index of the branch target, for bra; several for brx.idx. */
  targets: number[];
  /** Kept by registers-used.ts; whoever changes operands or guard deletes them. */
  defines?: readonly number[] | undefined;
  uses?: readonly number[] | undefined;
}

/** A place in the sources, as `.loc` names it. */
export interface SourceLocation {
  file: string | undefined;
  line: number;
  /** Where the function that holds this line was inlined. */
  inlined_at?: SourceLocation;
}

/** A kernel's body with every call expanded. */
export interface Body {
  instructions: Instruction[];
  registers: Register[];
  locations: SourceLocation[];
  /** Where a `.shared` variable lies, in bytes from the start of shared memory. */
  shared: ReadonlyMap<string, number>;
  static_shared_bytes: number;
  /** Where dynamic shared memory begins. */
  dynamic_shared_start: number;
  /** Bytes of local memory a thread needs. */
  local_bytes: number;
  /** Where `.local` variables and parameters of calls lie in it. */
  local: ReadonlyMap<string, number>;
}
