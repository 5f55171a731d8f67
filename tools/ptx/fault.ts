/** What a launch can be found guilty of. */
export type FindingKind =
  | "out_of_bounds"
  | "misaligned"
  | "read_only_write"
  | "deadlock"
  | "divergent_barrier"
  | "missing_lanes"
  | "uninitialised_shared"
  | "uninitialised_local"
  | "uninitialised_global"
  | "shared_race"
  | "intra_warp_race"
  | "instruction_budget"
  | "trap"
  | "bad_launch"
  | "unsupported";

/** The access that a finding collides with. */
export interface OtherAccess {
  thread: [number, number, number];
  access: "read" | "write" | "atomic";
  source_file?: string;
  source_line?: number;
  ptx_line?: number;
}

/** A fault of the program under execution, with the thread and the source line that committed it. */
export interface Finding {
  kind: FindingKind;
  kernel: string;
  block: [number, number, number];
  thread: [number, number, number];
  source_file?: string;
  source_line?: number;
  /** The line of the PTX text, 1-based. */
  ptx_line?: number;
  detail: string;
  /** Of a race: the earlier access. */
  other?: OtherAccess;
}

/** The PTX text cannot be run: not PTX, or an instruction that the interpreter does not know. */
export class PtxError extends Error {
  override readonly name = "PtxError";
  readonly kind: "syntax" | "unsupported";
  readonly line: number;
  source_file?: string;
  source_line?: number;
  opcode?: string;

  constructor(
    kind: "syntax" | "unsupported",
    what: string,
    where: { line: number; source_file?: string; source_line?: number; opcode?: string },
  ) {
    const source =
      where.source_file === undefined ? "" : ` (${where.source_file}:${where.source_line})`;
    super(`${kind}: ${what} at PTX line ${where.line}${source}`);
    this.kind = kind;
    this.line = where.line;
    if (where.source_file !== undefined) this.source_file = where.source_file;
    if (where.source_line !== undefined) this.source_line = where.source_line;
    if (where.opcode !== undefined) this.opcode = where.opcode;
  }
}

/** The program did something that it must not do. The message is a sentence that can be shown as it is. */
export class PtxFault extends Error {
  override readonly name = "PtxFault";
  readonly finding: Finding;

  constructor(finding: Finding) {
    super(renderFinding(finding));
    this.finding = finding;
  }
}

function renderFinding(finding: Finding): string {
  const { kernel, block, thread, source_file, source_line, ptx_line } = finding;
  const where =
    source_file !== undefined
      ? ` at ${source_file}:${source_line}`
      : ptx_line !== undefined
        ? ` at PTX line ${ptx_line}`
        : "";
  return `${finding.kind} ${finding.detail} in ${kernel} block (${block.join(",")}) thread (${thread.join(",")})${where}`;
}
