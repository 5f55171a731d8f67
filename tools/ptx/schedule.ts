import { Barriers } from "./barriers.ts";
import { checkHooks } from "./checks/hooks.ts";
import { findEffectsPastBarriers } from "./checks/left-behind.ts";
import { lanesMet, startBlock } from "./checks/order.ts";
import { startBlockCopies } from "./checks/shared.ts";
import { context, execution, fault, hooks, throwUnwritten } from "./execution.ts";
import { sharedMemory } from "./memory.ts";
import { arrange, type Order, seeded } from "./order-of-turns.ts";
import { reportStuck } from "./stuck.ts";
import { BRANCH, EXIT, INDEXED, type Program, type Segment, SYNC } from "./translate/program.ts";
import { compileSegment, type Hooks } from "./translate/segment.ts";
import { isUniform, MEMBERS, type SyncOperation } from "./translate/sync-operation.ts";
import { type Group, isReady, makeGroup, merge, popCount, type Warp } from "./warp.ts";
import { runSync, spread } from "./warp-sync.ts";

export interface Counts {
  thread_instructions: number;
  warp_instructions: number;
}

/** Segments that a warp may run before the next has a turn, so that warps can wait for each other in loops. */
const warpTurn = 20_000;
/** Segments that a group may run while others could. */
const groupTurn = 128;

export interface RunOptions {
  /** Thread instructions that a launch may execute. */
  budget: number;
  /** Which warps have the first turns. */
  warp_order: Order;
  /** The program was translated with checks. */
  checks: boolean;
}

/** Runs the blocks of a launch one after another, the warps of a block in turns. */
export class BlockRunner {
  readonly program: Program;
  readonly hooks: Hooks;
  readonly counts: Counts;
  readonly budget: number;
  readonly checks: boolean;
  readonly order: Order;
  readonly draw: () => number;
  warps: Warp[] = [];
  readonly barriers: Barriers;
  clock = 0;
  /** With checks, by segment: an effect past all barriers (left-behind.ts). */
  readonly effects: Int32Array;

  constructor(program: Program, counts: Counts, options: RunOptions) {
    this.program = program;
    this.counts = counts;
    this.budget = options.budget;
    this.barriers = new Barriers(program, options.checks);
    this.checks = options.checks;
    this.order = options.warp_order;
    this.draw = seeded(typeof options.warp_order === "number" ? options.warp_order : 0);
    this.hooks = options.checks ? { ...hooks, ...checkHooks } : hooks;
    this.effects = options.checks ? findEffectsPastBarriers(program) : new Int32Array(0);
  }

  run(): void {
    const { program } = this;
    program.registers.fill(0);
    // Shared memory holds nothing of use at the start of a block: all bits set is NaN in every float format.
    sharedMemory.B.fill(255, 0, context[7] ?? 0);
    this.warps = Array.from({ length: program.warps }, (_, index) => {
      const lanes = Math.min(32, program.threads - index * 32);
      const live = lanes === 32 ? -1 : (1 << lanes) - 1;
      const group = makeGroup(live, program.segments.length > 0 ? 0 : -1);
      return {
        index,
        base: index * program.layout.stride,
        first: index * 32,
        live,
        groups: [group],
        streak: 0,
      };
    });
    this.barriers.start(this.warps);
    const turns = arrange(program.warps, this.order, this.draw).map((at) => this.warps[at] as Warp);
    if (this.checks) this.startChecks();
    for (;;) {
      let alive = false;
      let ran = false;
      for (const warp of turns) {
        if (warp.live === 0) continue;
        alive = true;
        if (!warp.groups.some(isReady)) continue;
        ran = true;
        execution.threadBase = warp.first;
        this.runWarp(warp);
      }
      if (!alive) {
        throwUnwritten();
        return;
      }
      if (!ran) reportStuck(this.warps, this.barriers.open, this.barriers.operations);
    }
  }

  private startChecks(): void {
    const { program } = this;
    startBlock(program.warps);
    startBlockCopies();
    if (program.local.bytes > 0) program.local.D.fill(0);
  }

  /** Runs a warp until all its lanes wait or are gone, or its turn is over. */
  private runWarp(warp: Warp): void {
    const { segments } = this.program;
    const { base, first } = warp;
    let group = this.choose(warp);
    for (let turn = 0; turn < warpTurn && group; turn++) {
      const at = group.segment;
      const mask = group.mask;
      const segment = segments[at];
      if (!segment) {
        this.exit(warp, group);
        group = this.choose(warp);
        continue;
      }
      let result: number;
      if (mask === -1) {
        const code = segment.full ?? this.compile(segment, true);
        result = code(base, first, -1);
      } else {
        const code = segment.masked ?? this.compile(segment, false);
        result = code(base, first, mask);
      }
      this.count(segment, mask, warp);
      if (this.checks && (this.effects[at] ?? -1) >= 0) group.effect = this.effects[at] as number;
      switch (segment.ending) {
        case BRANCH: {
          const taken = result & mask;
          if (taken === mask) group.segment = segment.taken;
          else if (taken === 0) group.segment = segment.next;
          else {
            group.mask = mask & ~taken;
            group.segment = segment.next;
            warp.groups.push(makeGroup(taken, segment.taken, group.effect));
          }
          break;
        }
        case EXIT:
          this.exit(warp, group);
          break;
        case SYNC:
          this.sync(warp, group, segment);
          break;
        case INDEXED:
          this.branchIndexed(warp, group, segment);
          break;
        default:
          group.segment = segment.next;
      }
      if (warp.groups.length !== 1 || group !== warp.groups[0] || !isReady(group))
        group = this.choose(warp);
    }
  }

  private compile(segment: Segment, full: boolean): (b: number, T: number, mask: number) => number {
    const code = compileSegment(this.program, segment, full, this.hooks);
    if (full) segment.full = code;
    else segment.masked = code;
    return code;
  }

  private count(segment: Segment, mask: number, warp: Warp): void {
    const { counts } = this;
    counts.warp_instructions += segment.count;
    counts.thread_instructions += segment.count * (mask === -1 ? 32 : popCount(mask));
    if (counts.thread_instructions <= this.budget) return;
    const lane = 31 - Math.clz32(mask & -mask);
    const detail = `after ${this.budget} thread instructions: an endless loop, or a wait for a block that runs later (blocks run one after another)`;
    fault("instruction_budget", detail, segment.start, warp.first + lane);
  }

  /** The group to run next: ready ones at the same place are merged, then the first in the text is taken. */
  private choose(warp: Warp): Group | undefined {
    const { groups } = warp;
    if (groups.length === 0) return undefined;
    if (groups.length === 1) return groups[0] && isReady(groups[0]) ? groups[0] : undefined;
    merge(warp);
    const { segments, convergent } = this.program;
    let best: Group | undefined;
    let held: Group | undefined;
    let oldest: Group | undefined;
    for (const group of warp.groups) {
      if (!isReady(group)) continue;
      // Where all lanes come together, the early ones wait for the rest.
      if (convergent && group.mask !== warp.live && segments[group.segment]?.together) {
        if (!held || group.segment < held.segment) held = group;
        continue;
      }
      if (!best || group.segment < best.segment) best = group;
      if (!oldest || group.lastRun < oldest.lastRun) oldest = group;
    }
    // A group that spins must let the others go on. In the convergent form none spins, and one
    // that went past a place where all come together would go on with values of the others.
    if (!convergent && ++warp.streak > groupTurn) {
      if (warp.streak > 2 * groupTurn) warp.streak = 0;
      best = this.favourite(warp, oldest) ?? best;
    }
    const chosen = best ?? held;
    if (chosen) chosen.lastRun = ++this.clock;
    return chosen;
  }

  private favoured: Group | undefined;

  private favourite(warp: Warp, oldest: Group | undefined): Group | undefined {
    if (warp.streak === groupTurn + 1 || !this.favoured || !warp.groups.includes(this.favoured)) {
      this.favoured = oldest;
    }
    return this.favoured && isReady(this.favoured) ? this.favoured : undefined;
  }

  private exit(warp: Warp, group: Group): void {
    warp.live &= ~group.mask;
    warp.groups.splice(warp.groups.indexOf(group), 1);
    if (group.effect >= 0) this.barriers.noteLeaver(warp, group);
    for (const other of [...warp.groups]) if (other.waiting) this.tryMeet(warp, other);
    this.barriers.releaseAll();
  }

  private branchIndexed(warp: Warp, group: Group, segment: Segment): void {
    const { registers, layout } = this.program;
    warp.groups.splice(warp.groups.indexOf(group), 1);
    const byTarget = new Map<number, number>();
    for (let lane = 0; lane < 32; lane++) {
      if ((group.mask & (1 << lane)) === 0) continue;
      const index = (registers[warp.base + layout.gather + lane] ?? 0) >>> 0;
      const target = segment.table[index];
      if (target === undefined) {
        const detail = `brx.idx with index ${index} of a table of ${segment.table.length}`;
        fault("trap", detail, segment.end, warp.first + lane);
      }
      byTarget.set(target, (byTarget.get(target) ?? 0) | (1 << lane));
    }
    for (const [target, mask] of byTarget) {
      warp.groups.push(makeGroup(mask, target, group.effect));
    }
  }

  private sync(warp: Warp, group: Group, segment: Segment): void {
    const operation = segment.sync as SyncOperation;
    if (operation.kind === "barrier") {
      group.segment = segment.next;
      this.barriers.arrive(warp, group, operation);
      return;
    }
    const constant = operation.gather[MEMBERS];
    const uniform = isUniform(this.program, operation, MEMBERS);
    let members = constant?.kind === "integer" ? constant.lo : 0;
    if (uniform)
      members =
        this.program.registers[warp.base + this.program.layout.gatherScalar + MEMBERS + 1] ?? 0;
    if (constant?.kind === "integer" || uniform) {
      if ((members & warp.live) === group.mask) {
        runSync(this.program, warp, operation, group.mask);
        if (this.checks) lanesMet(warp.index, group.mask, warp.live);
        group.segment = segment.next;
        return;
      }
      spread(this.program, warp, operation, group.mask, members);
      this.wait(warp, group, operation, members);
      return;
    }
    spread(this.program, warp, operation, group.mask, undefined);
    this.splitByMembers(warp, group, operation);
  }

  /** Lanes of one group may name different member masks: those of each mask wait by themselves. */
  private splitByMembers(warp: Warp, group: Group, operation: SyncOperation): void {
    const row = warp.base + this.program.layout.gather + (MEMBERS + 1) * 32;
    const byMask = new Map<number, number>();
    for (let lane = 0; lane < 32; lane++) {
      if ((group.mask & (1 << lane)) === 0) continue;
      const members = this.program.registers[row + lane] ?? 0;
      byMask.set(members, (byMask.get(members) ?? 0) | (1 << lane));
    }
    let first = true;
    for (const [members, mask] of byMask) {
      let part = group;
      if (first) group.mask = mask;
      else {
        part = makeGroup(mask, group.segment, group.effect);
        warp.groups.push(part);
      }
      first = false;
      part.waiting = operation;
      part.members = members;
    }
    for (const part of [...warp.groups]) if (part.waiting) this.tryMeet(warp, part);
  }

  private wait(warp: Warp, group: Group, operation: SyncOperation, members: number): void {
    group.waiting = operation;
    group.members = members;
    this.tryMeet(warp, group);
  }

  /** Runs the .sync instruction for all groups that meet at it, if all lanes that it names are there. */
  private tryMeet(warp: Warp, group: Group): void {
    const operation = group.waiting;
    if (!operation) return;
    if ((group.mask & ~group.members) !== 0) {
      const stray = group.mask & ~group.members;
      const lane = 31 - Math.clz32(stray & -stray);
      const detail = `${operation.instruction.opcode} run by lane ${lane}, which its member mask 0x${(group.members >>> 0).toString(16)} does not name`;
      fault("missing_lanes", detail, operation.index, warp.first + lane);
    }
    const meeting = warp.groups.filter(
      (other) => other.waiting?.key === operation.key && other.members === group.members,
    );
    const lanes = meeting.reduce((mask, other) => mask | other.mask, 0);
    if ((group.members & warp.live & ~lanes) !== 0) return;
    runSync(this.program, warp, operation, lanes, meeting);
    if (this.checks) lanesMet(warp.index, lanes, warp.live);
    for (const other of meeting) {
      other.waiting = undefined;
      other.segment = this.program.segments[other.segment]?.next ?? -1;
    }
  }
}
