import { prepareShared } from "./checks/shared.ts";
import { type Warnings, warnInto } from "./checks/warnings.ts";
import { markAllocation } from "./checks/written.ts";
import { context, execution } from "./execution.ts";
import { type Finding, type FindingKind, PtxFault } from "./fault.ts";
import {
  type Allocation,
  addressOf,
  Memory,
  nowhere,
  paramCapacity,
  paramMemory,
  sharedCapacity,
} from "./memory.ts";
import { MODULE_WINDOW, type ParsedModule, type PtxModule } from "./module.ts";
import { arrangement, type Order } from "./order-of-turns.ts";
import { BlockRunner, type Counts } from "./schedule.ts";
import { type Program, translate } from "./translate/program.ts";

export interface MachineOptions {
  /** Thread instructions that one launch may execute before it counts as endless. */
  instruction_budget?: number;
  /** Most shared memory of a block, static and dynamic. */
  max_shared_bytes?: number;
  /** Schedules lanes freely even where they could go together: slower, and the same results (tests compare). */
  all_vector?: boolean;
  /** Which warp of a block has the first turn: results of a kernel without races do not depend on it. */
  warp_order?: Order;
  /** In which order the blocks of a launch run, one after another; results must not depend on it either. */
  block_order?: Order;
  /**
   * Looks for reads of what nobody wrote, for races in shared memory and for barriers in divergent code: the first
   * is a PtxFault, races inside a warp are `warnings`. Kernels without such faults give the same results.
   */
  checks?: boolean;
}

export interface Launch {
  kernel: string;
  grid: readonly [number, number, number];
  block: readonly [number, number, number];
  cluster?: readonly [number, number, number];
  dynamic_shared_bytes: number;
  /** Each parameter's bytes, in the order of the kernel's parameters. */
  params: readonly Uint8Array[];
}

export type LaunchCounts = Counts;

const defaultBudget = 1e10;
/** Opt-in shared memory of a block on sm_90 and sm_100, the largest there is. */
const defaultSharedBytes = 227 * 1024;
const mostThreads = 1024;

/** Translations live as long as their module: any machine for it uses them. */
const programs = new WeakMap<PtxModule, Map<string, Program>>();

/** Device memory and executor for one module. Launches are synchronous; addresses stay valid until `free`. */
export class Machine {
  /** Races inside a warp that launches met with `checks`, at most 16, one for each pair of source lines. */
  readonly warnings: Finding[] = [];
  private readonly module: ParsedModule;
  private readonly memory: Memory;
  private readonly budget: number;
  private readonly maxShared: number;
  private readonly allVector: boolean;
  private readonly warpOrder: Order;
  private readonly blockOrder: Order;
  private readonly checks: boolean;
  private readonly doubts: Warnings = { list: this.warnings, known: new Set() };

  constructor(module: PtxModule, options: MachineOptions = {}) {
    this.module = module as ParsedModule;
    this.budget = options.instruction_budget ?? defaultBudget;
    this.maxShared = Math.min(options.max_shared_bytes ?? defaultSharedBytes, sharedCapacity);
    this.allVector = options.all_vector ?? false;
    this.warpOrder = options.warp_order ?? "forward";
    this.blockOrder = options.block_order ?? "forward";
    this.checks = options.checks ?? false;
    this.memory = new Memory(this.checks);
    this.placeVariables();
  }

  /**
   * Reserves device memory, 256-byte aligned, with guards on both sides, or exactly `at` an address
   * that is free. Large allocations get pages when touched. Contents are zero, and count as never
   * written unless `initialised`.
   */
  alloc(
    bytes: number,
    options: { label: string; initialised?: boolean; read_only?: boolean; at?: bigint },
  ): bigint {
    if (!Number.isSafeInteger(bytes) || bytes < 0 || bytes > 2 ** 45) {
      throw new RangeError(`alloc of ${bytes} bytes for ${options.label}`);
    }
    const { label, at, read_only = false, initialised = false } = options;
    if (at === undefined) {
      return BigInt(this.memory.alloc(bytes, label, read_only, initialised).address);
    }
    const end = Number(at) + bytes;
    const below = this.memory.below(end - 1);
    if (below && below.address + below.bytes > Number(at)) {
      throw new RangeError(
        `alloc of ${bytes} bytes for ${label} at ${at}: ${below.label} is there`,
      );
    }
    return BigInt(this.memory.place(Number(at), bytes, label, read_only, initialised).address);
  }

  free(address: bigint): void {
    if (!this.memory.free(Number(address)))
      throw new RangeError(`free of ${address}, which was not allocated`);
  }

  /** Copies host bytes into device memory; the range must lie in one allocation. */
  write(address: bigint, bytes: Uint8Array): void {
    const { allocation, offset } = this.find(address, bytes.length, "write");
    this.memory.copy(allocation, offset, bytes, true);
    if (this.checks) markAllocation(this.memory, allocation, offset, bytes.length, true);
  }

  /** Copies device memory out; memory never written reads as zero. */
  read(address: bigint, bytes: number): Uint8Array {
    const { allocation, offset } = this.find(address, bytes, "read");
    const out = new Uint8Array(bytes);
    this.memory.copy(allocation, offset, out, false);
    return out;
  }

  /** Contents stay, and count as never written: with `checks`, a kernel that reads them is at fault. */
  forget(address: bigint, bytes: number): void {
    const { allocation, offset } = this.find(address, bytes, "forget");
    if (this.checks) markAllocation(this.memory, allocation, offset, bytes, false);
  }

  /** Runs a launch to its end. Throws PtxFault for what the kernel did wrong, PtxError for what is not known. */
  launch(launch: Launch): LaunchCounts {
    const fn = this.module.functions.get(launch.kernel);
    if (!fn?.entry || fn.body === undefined) {
      this.refuse(launch, `kernel ${launch.kernel} is not in the module`);
    }
    const [x, y, z] = launch.block;
    const threads = x * y * z;
    if (threads < 1 || threads > mostThreads || z > 64)
      this.refuse(launch, `block of ${launch.block.join("x")} threads`);
    if (launch.grid.some((n) => n < 1))
      this.refuse(launch, `grid of ${launch.grid.join("x")} blocks`);
    if (launch.cluster?.some((blocks) => blocks > 1))
      this.refuse(launch, `clusters of ${launch.cluster.join("x")} blocks`, "unsupported");
    const bytes = this.writeParams(launch);
    const program = this.program(launch);
    const { static_shared_bytes, dynamic_shared_start } = program.body;
    const dynamic = launch.dynamic_shared_bytes;
    const shared = dynamic > 0 ? dynamic_shared_start + dynamic : static_shared_bytes;
    if (shared > this.maxShared) {
      this.refuse(launch, `${shared} bytes of shared memory, ${this.maxShared} are available`);
    }
    for (const site of program.sites) site.window = nowhere;
    execution.program = program;
    execution.memory = this.memory;
    execution.paramBytes = bytes;
    execution.clock = 0;
    execution.unwritten = undefined;
    const counts: Counts = { thread_instructions: 0, warp_instructions: 0 };
    const runner = new BlockRunner(program, counts, {
      budget: this.budget,
      warp_order: this.warpOrder,
      checks: this.checks,
    });
    context.set([
      0,
      0,
      0,
      ...launch.grid,
      launch.dynamic_shared_bytes,
      shared,
      0,
      0,
      0,
      ...launch.grid,
    ]);
    if (this.checks) {
      warnInto(this.doubts);
      prepareShared(program.surroundings.pieceShift);
    }
    const [across, down, deep] = launch.grid;
    const blocks = across * down * deep;
    const blockAt = arrangement(blocks, this.blockOrder);
    for (let position = 0; position < blocks; position++) {
      const block = blockAt(position);
      context[0] = context[8] = block % across;
      context[1] = context[9] = Math.floor(block / across) % down;
      context[2] = context[10] = Math.floor(block / (across * down));
      runner.run();
    }
    return counts;
  }

  private program(launch: Launch): Program {
    let known = programs.get(this.module);
    if (!known) {
      known = new Map();
      programs.set(this.module, known);
    }
    const key = `${launch.kernel} ${launch.block.join(",")} ${this.allVector} ${this.checks}`;
    let program = known.get(key);
    if (!program) {
      const fn = this.module.functions.get(launch.kernel);
      if (!fn) throw new Error(`kernel ${launch.kernel} is not in the module`);
      program = translate(this.module, fn, launch.block, this.allVector, this.checks);
      known.set(key, program);
    }
    return program;
  }

  private writeParams(launch: Launch): number {
    const params = this.module.kernels.get(launch.kernel)?.params ?? [];
    if (params.length !== launch.params.length) {
      this.refuse(launch, `${launch.params.length} parameters, the kernel has ${params.length}`);
    }
    let end = 0;
    params.forEach((param, index) => {
      const bytes = launch.params[index] as Uint8Array;
      if (bytes.length !== param.bytes) {
        this.refuse(
          launch,
          `parameter ${index} of ${bytes.length} bytes, the kernel's has ${param.bytes}`,
        );
      }
      end = param.offset + param.bytes;
      if (end > paramCapacity) this.refuse(launch, `${end} bytes of parameters`);
      paramMemory.B.set(bytes, param.offset);
    });
    return end;
  }

  private refuse(launch: Launch, detail: string, kind: FindingKind = "bad_launch"): never {
    throw new PtxFault({
      kind,
      kernel: launch.kernel,
      block: [0, 0, 0],
      thread: [0, 0, 0],
      detail,
    });
  }

  /** Module variables lie where the module's layout put them, with their initial values. */
  private placeVariables(): void {
    const { variables, addresses } = this.module;
    for (const variable of variables.values()) {
      const lo = addresses.get(variable.name);
      if (lo === undefined || variable.bytes === undefined) continue;
      const address = addressOf(lo, MODULE_WINDOW);
      const { name, bytes, space, initial } = variable;
      const allocation = this.memory.place(address, bytes, name, space === "const", true);
      if (initial === undefined) continue;
      const data = initial.slice();
      for (const { offset, symbol, addend, bytes: width } of variable.addresses) {
        const target = BigInt(addressOf(addresses.get(symbol) ?? 0, MODULE_WINDOW) + addend);
        for (let i = 0; i < width; i++) data[offset + i] = Number((target >> BigInt(8 * i)) & 255n);
      }
      this.memory.copy(allocation, 0, data, true);
    }
  }

  private find(
    address: bigint,
    bytes: number,
    what: string,
  ): { allocation: Allocation; offset: number } {
    const at = Number(address);
    const allocation = this.memory.below(at);
    const offset = at - (allocation?.address ?? 0);
    if (!allocation || offset + bytes > allocation.bytes) {
      const near = allocation
        ? `${allocation.label} + ${offset} (allocation is ${allocation.bytes} bytes)`
        : `${address}`;
      throw new RangeError(`${what} of ${bytes} bytes at ${near} is out of bounds`);
    }
    return { allocation, offset };
  }
}
