import { fault } from "./execution.ts";
import type { SyncOperation } from "./translate/sync-operation.ts";
import type { Barrier, Group, Warp } from "./warp.ts";

/** Nobody can go on: says who waits for whom. */
export function reportStuck(
  warps: readonly Warp[],
  barriers: ReadonlyMap<number, Barrier>,
  operations: ReadonlyMap<Group, SyncOperation>,
): never {
  for (const warp of warps) {
    for (const group of warp.groups) {
      const operation = group.waiting;
      if (!operation) continue;
      const here = warp.groups
        .filter((other) => other.waiting?.key === operation.key && other.members === group.members)
        .reduce((mask, other) => mask | other.mask, 0);
      const missing = group.members & warp.live & ~here;
      const lane = 31 - Math.clz32(group.mask & -group.mask);
      const detail = `${operation.instruction.opcode} waits for lanes ${lanesOf(missing)} of warp ${warp.index}, which its member mask 0x${(group.members >>> 0).toString(16)} names and which never get there`;
      fault("missing_lanes", detail, operation.index, warp.first + lane);
    }
  }
  const waiting = warps.flatMap((warp) => warp.groups.map((group) => ({ warp, group })));
  const first = waiting.find(({ group }) => group.barrier >= 0);
  const operation = first ? operations.get(first.group) : undefined;
  if (!first) throw new Error("a warp neither waits nor runs");
  const id = first.group.barrier;
  const absent = warps
    .filter((warp) => warp.live !== 0 && !warp.groups.every((group) => group.barrier === id))
    .map((warp) => warp.index);
  const lane = 31 - Math.clz32(first.group.mask & -first.group.mask);
  const barrier = barriers.get(id);
  const who =
    absent.length > 0
      ? `; warp${absent.length > 1 ? "s" : ""} ${absent.join(", ")} never get${absent.length > 1 ? "" : "s"} there`
      : "";
  const elsewhere = waiting.find(({ group }) => group.barrier >= 0 && group.barrier !== id);
  const at = elsewhere ? `: other threads wait at barrier ${elsewhere.group.barrier}` : "";
  const detail = `barrier ${id} waits for ${barrier?.expected || "all"} threads and has ${barrier?.arrived ?? 0}${who}${at}`;
  const divided = first.warp.groups.some((group) => group.barrier !== id);
  const kind = elsewhere || divided ? "divergent_barrier" : "deadlock";
  fault(kind, detail, operation?.index ?? 0, first.warp.first + lane);
}

function lanesOf(mask: number): string {
  const lanes: number[] = [];
  for (let lane = 0; lane < 32; lane++) if ((mask & (1 << lane)) !== 0) lanes.push(lane);
  const last = lanes.at(-1) ?? 0;
  const isRange = lanes.length > 2 && last - (lanes[0] ?? 0) === lanes.length - 1;
  return isRange ? `${lanes[0]}-${last}` : lanes.join(",");
}
