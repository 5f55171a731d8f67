import { checkWholeWarp, type Leaver, warnLeftBehind } from "./checks/left-behind.ts";
import { arriveAt, blockMet, leave } from "./checks/order.ts";
import { throwUnwritten } from "./execution.ts";
import type { Program } from "./translate/program.ts";
import { C, isUniform, type SyncOperation } from "./translate/sync-operation.ts";
import { type Barrier, type Group, popCount, type Warp } from "./warp.ts";
import { runSync } from "./warp-sync.ts";

/** The barriers of the block that is running. */
export class Barriers {
  private readonly program: Program;
  private readonly checks: boolean;
  private warps: readonly Warp[] = [];
  /** Those that some threads have reached, by number. */
  readonly open = new Map<number, Barrier>();
  /** What each waiting group stands at. */
  readonly operations = new Map<Group, SyncOperation>();
  private leaver: Leaver | undefined;

  constructor(program: Program, checks: boolean) {
    this.program = program;
    this.checks = checks;
  }

  /** A new block begins. */
  start(warps: readonly Warp[]): void {
    this.warps = warps;
    this.open.clear();
    this.operations.clear();
    this.leaver = undefined;
  }

  /** Threads have left: those that wait for all may be all that are left. */
  releaseAll(): void {
    for (const id of [...this.open.keys()]) this.tryRelease(id);
  }

  /** A group comes to a barrier instruction, and waits there unless it only says that it was there. */
  arrive(warp: Warp, group: Group, operation: SyncOperation): void {
    const { program } = this;
    const lane = 31 - Math.clz32(group.mask & -group.mask);
    const read = (place: number): number | undefined => {
      const operand = operation.gather[place];
      if (!operand || operand.kind === "sink") return undefined;
      if (operand.kind === "integer") return operand.lo;
      const row = place === 0 ? 0 : place + 1;
      const { gather, gatherScalar } = program.layout;
      if (place > 0 && isUniform(program, operation, place))
        return program.registers[warp.base + gatherScalar + row];
      return program.registers[warp.base + gather + row * 32 + lane];
    };
    if (operation.mode === "cluster_arrive") return;
    const id = read(0) ?? 0;
    const expected = read(1) ?? 0;
    let barrier = this.open.get(id);
    if (!barrier) {
      barrier = { arrived: 0, expected, trueCount: 0, clock: undefined };
      this.open.set(id, barrier);
    }
    if (expected !== 0) barrier.expected = expected;
    const whole = group.mask === warp.live ? 32 : popCount(group.mask);
    barrier.arrived += expected === 0 ? popCount(group.mask) : whole;
    if (operation.mode === "red") {
      const operand = operation.gather[C];
      const constant = operand?.kind === "integer" ? (operand.lo !== 0 ? -1 : 0) : undefined;
      for (let l = 0; l < 32; l++) {
        if ((group.mask & (1 << l)) === 0) continue;
        const value =
          constant ?? program.registers[warp.base + program.layout.gather + (C + 1) * 32 + l];
        if (value) barrier.trueCount++;
      }
    }
    if (operation.mode !== "arrive") {
      group.barrier = id;
      group.waiting = undefined;
      this.operations.set(group, operation);
      if (this.leaver && barrier.expected === 0)
        warnLeftBehind(warp, group, operation.index, this.leaver);
    }
    if (this.checks && barrier.expected !== 0) {
      barrier.clock ??= new Int32Array(32);
      arriveAt(barrier.clock, warp.index);
    }
    this.tryRelease(id);
  }

  private tryRelease(id: number): void {
    const barrier = this.open.get(id);
    if (!barrier) return;
    let expected = barrier.expected;
    if (expected === 0) for (const warp of this.warps) expected += popCount(warp.live);
    if (barrier.arrived < expected) return;
    this.open.delete(id);
    if (this.checks && barrier.expected === 0) {
      throwUnwritten();
      blockMet();
    }
    for (const warp of this.warps) {
      if (this.checks) checkWholeWarp(warp, id, this.operations);
      for (const group of warp.groups) {
        if (group.barrier !== id) continue;
        const operation = this.operations.get(group);
        this.operations.delete(group);
        group.barrier = -1;
        if (barrier.clock) leave(barrier.clock, warp.index);
        if (operation?.mode !== "red") continue;
        const value =
          operation.type === "popc"
            ? barrier.trueCount
            : operation.type === "and"
              ? Number(barrier.trueCount === barrier.arrived)
              : Number(barrier.trueCount > 0);
        runSync(this.program, warp, operation, group.mask, undefined, value);
      }
    }
  }

  /** Threads at a barrier for all of the block do not wait for a group that left after doing something; see left-behind.ts. */
  noteLeaver(warp: Warp, group: Group): void {
    const lane = 31 - Math.clz32(group.mask & -group.mask);
    this.leaver ??= { thread: warp.first + lane, index: group.effect };
    for (const other of this.warps) {
      for (const waiting of other.groups) {
        if (this.open.get(waiting.barrier)?.expected !== 0) continue;
        const operation = this.operations.get(waiting);
        warnLeftBehind(other, waiting, operation?.index ?? 0, this.leaver);
      }
    }
  }
}
