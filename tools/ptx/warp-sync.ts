import { bitsOf32, fromBits32, maxFloat, maxNan, minFloat, minNan } from "./arithmetic/float32.ts";
import { warn } from "./checks/warnings.ts";
import { otherAccess } from "./execution.ts";
import type { Operand } from "./module.ts";
import type { Program } from "./translate/program.ts";
import { B, C, MEMBERS, type SyncOperation, VALUE } from "./translate/sync-operation.ts";
import type { Group, Warp } from "./warp.ts";

const results = new Int32Array(32);

/** Row of the gather area that holds an operand; row 1 is the high word of the value. */
function rowOf(place: number): number {
  return place === VALUE ? 0 : place + 1;
}

/**
 * Runs a .sync instruction for `lanes`, whose operands lie in the register file. Lanes that came by several
 * groups (`meeting`) may stand at different instructions of the same kind: each gets its result in its own register.
 */
export function runSync(
  program: Program,
  warp: Warp,
  operation: SyncOperation,
  lanes: number,
  meeting?: readonly Group[],
  barrierValue?: number,
): void {
  const spreadOut = meeting !== undefined;
  const read = (place: number, lane: number): number => {
    const operand = operation.gather[place];
    if (!spreadOut) {
      if (operand?.kind === "integer") return operand.lo;
      if (
        place > 0 &&
        operand?.kind === "register" &&
        program.uniformity.uniform[operand.id] === 1
      ) {
        return program.registers[warp.base + program.layout.gatherScalar + rowOf(place)] ?? 0;
      }
    }
    return program.registers[warp.base + program.layout.gather + rowOf(place) * 32 + lane] ?? 0;
  };
  let predicate = 0;
  switch (operation.kind) {
    case "shfl":
      predicate = shuffle(program, warp, operation, lanes, read, spreadOut);
      break;
    case "vote":
      predicate = vote(operation, lanes, read);
      break;
    case "match":
      predicate = match(program, warp, operation, lanes, read);
      break;
    case "redux":
      results.fill(reduce(operation, lanes, read));
      break;
    case "elect": {
      predicate = lanes & -lanes;
      results.fill(31 - Math.clz32(predicate));
      break;
    }
    case "barrier":
      results.fill(barrierValue ?? 0);
      predicate = barrierValue ? -1 : 0;
      break;
    default:
      return;
  }
  if (!meeting) write(program, warp, operation, lanes, predicate);
  else
    for (const group of meeting)
      if (group.waiting) write(program, warp, group.waiting, group.mask, predicate);
}

/** Results go to the registers that the instruction names. */
function write(
  program: Program,
  warp: Warp,
  operation: SyncOperation,
  lanes: number,
  predicate: number,
): void {
  const set = (operand: Operand | undefined): void => {
    if (operand?.kind !== "register") return;
    const at = program.layout.offset[operand.id] ?? -1;
    if (at < 0) return;
    const { registers } = program;
    const base = warp.base + at;
    const uniform = program.uniformity.uniform[operand.id] === 1;
    if (program.body.registers[operand.id]?.bits === 1) {
      if (uniform) registers[base] = (predicate & lanes) !== 0 ? 1 : 0;
      else registers[base] = ((registers[base] ?? 0) & ~lanes) | (predicate & lanes);
    } else if (uniform) registers[base] = results[31 - Math.clz32(lanes & -lanes)] ?? 0;
    else if (lanes === -1) registers.set(results, base);
    else {
      for (let lane = 0; lane < 32; lane++) {
        if ((lanes & (1 << lane)) !== 0) registers[base + lane] = results[lane] ?? 0;
      }
    }
  };
  set(operation.to);
  set(operation.predicate);
}

/** Puts operands that are not kept by lane into the lanes' rows, for lanes that must wait. */
export function spread(
  program: Program,
  warp: Warp,
  operation: SyncOperation,
  lanes: number,
  members: number | undefined,
): void {
  const { registers, layout } = program;
  operation.gather.forEach((operand, place) => {
    let value: number;
    if (operand.kind === "integer") value = operand.lo;
    else if (
      place > 0 &&
      operand.kind === "register" &&
      program.uniformity.uniform[operand.id] === 1
    ) {
      value = registers[warp.base + layout.gatherScalar + rowOf(place)] ?? 0;
    } else if (place === MEMBERS && members !== undefined) value = members;
    else return;
    const row = warp.base + layout.gather + rowOf(place) * 32;
    for (let lane = 0; lane < 32; lane++) {
      if ((lanes & (1 << lane)) !== 0) registers[row + lane] = value;
    }
  });
}

type Read = (place: number, lane: number) => number;

/** Which lane each lane reads (PTX ISA, shfl.sync); returns the lanes whose source was in range. */
function shuffle(
  program: Program,
  warp: Warp,
  operation: SyncOperation,
  lanes: number,
  read: Read,
  spreadOut: boolean,
): number {
  const { registers, layout } = program;
  const row = warp.base + layout.gather;
  const value = operation.gather[VALUE];
  const constant = value?.kind === "integer" && !spreadOut ? value.lo : undefined;
  const sameForAll = !spreadOut && isFixed(program, operation, B) && isFixed(program, operation, C);
  let b = sameForAll ? read(B, 0) : 0;
  let c = sameForAll ? read(C, 0) : 0;
  let inRange = 0;
  for (let lane = 0; lane < 32; lane++) {
    if ((lanes & (1 << lane)) === 0) continue;
    if (!sameForAll) {
      b = read(B, lane);
      c = read(C, lane);
    }
    const offset = b & 31;
    const segment = (c >> 8) & 31;
    const last = (lane & segment) | (c & 31 & ~segment);
    let from: number;
    let valid: boolean;
    switch (operation.mode) {
      case "up":
        from = lane - offset;
        valid = from >= last;
        break;
      case "down":
        from = lane + offset;
        valid = from <= last;
        break;
      case "bfly":
        from = lane ^ offset;
        valid = from <= last;
        break;
      default:
        from = (lane & segment) | (offset & ~segment);
        valid = from <= last;
    }
    if (!valid) from = lane;
    else {
      inRange |= 1 << lane;
    }
    const absent = valid && program.surroundings.checks && (lanes & (1 << from)) === 0;
    if (absent) warnAbsent(operation, warp, lane, from);
    results[lane] = absent ? fromNowhere : (constant ?? registers[row + from] ?? 0);
  }
  return inRange;
}

/** What a lane that is not there gives is undefined, and harmless where it is not used: a NaN tells. */
const fromNowhere = 0x7fffffff;

function warnAbsent(operation: SyncOperation, warp: Warp, lane: number, from: number): void {
  const why = (warp.live & (1 << from)) === 0 ? "has left or does not exist" : "takes no part";
  const detail = `${operation.instruction.opcode} in which lane ${lane} of warp ${warp.index} reads from lane ${from}, which ${why}`;
  const thread = warp.first + lane;
  warn(
    "missing_lanes",
    detail,
    operation.index,
    thread,
    otherAccess("read", operation.index, thread),
  );
}

function isFixed(program: Program, operation: SyncOperation, place: number): boolean {
  const operand = operation.gather[place];
  if (operand?.kind === "integer") return true;
  return operand?.kind === "register" && program.uniformity.uniform[operand.id] === 1;
}

function vote(operation: SyncOperation, lanes: number, read: Read): number {
  let ballot = 0;
  for (let lane = 0; lane < 32; lane++) {
    if ((lanes & (1 << lane)) !== 0 && read(VALUE, lane) !== 0) ballot |= 1 << lane;
  }
  results.fill(ballot);
  switch (operation.mode) {
    case "all":
      return ballot === lanes ? -1 : 0;
    case "any":
      return ballot !== 0 ? -1 : 0;
    case "uni":
      return ballot === lanes || ballot === 0 ? -1 : 0;
    default:
      return ballot;
  }
}

function match(
  program: Program,
  warp: Warp,
  operation: SyncOperation,
  lanes: number,
  read: Read,
): number {
  const wide = operation.type === "b64";
  const high = warp.base + program.layout.gather + 32;
  const same = (a: number, b: number): boolean =>
    read(VALUE, a) === read(VALUE, b) &&
    (!wide || program.registers[high + a] === program.registers[high + b]);
  let all = -1;
  for (let lane = 0; lane < 32; lane++) {
    if ((lanes & (1 << lane)) === 0) continue;
    let mask = 0;
    for (let other = 0; other < 32; other++) {
      if ((lanes & (1 << other)) !== 0 && same(lane, other)) mask |= 1 << other;
    }
    results[lane] = mask;
    if (mask !== lanes) all = 0;
  }
  if (operation.mode === "all") results.fill(all === 0 ? 0 : lanes);
  return all;
}

/** redux.sync.min and max of f32: NaN counts as missing, or with .NaN makes the result NaN. */
function reduceFloats(operation: SyncOperation, lanes: number, read: Read): number {
  const { parts } = operation.instruction;
  const least = operation.mode === "min";
  const pick = parts.includes("NaN") ? (least ? minNan : maxNan) : least ? minFloat : maxFloat;
  let result = Number.NaN;
  let first = true;
  for (let lane = 0; lane < 32; lane++) {
    if ((lanes & (1 << lane)) === 0) continue;
    const bits = fromBits32(read(VALUE, lane));
    const value = parts.includes("abs") ? Math.abs(bits) : bits;
    result = first ? value : pick(result, value);
    first = false;
  }
  return bitsOf32(result);
}

function reduce(operation: SyncOperation, lanes: number, read: Read): number {
  if (operation.type === "f32") return reduceFloats(operation, lanes, read);
  let result: number | undefined;
  const unsigned = operation.type === "u32";
  for (let lane = 0; lane < 32; lane++) {
    if ((lanes & (1 << lane)) === 0) continue;
    const value = read(VALUE, lane);
    if (result === undefined) {
      result = value;
      continue;
    }
    const less = unsigned ? value >>> 0 < result >>> 0 : value < result;
    switch (operation.mode) {
      case "add":
        result = (result + value) | 0;
        break;
      case "min":
        if (less) result = value;
        break;
      case "max":
        if (!less) result = value;
        break;
      case "and":
        result &= value;
        break;
      case "or":
        result |= value;
        break;
      default:
        result ^= value;
    }
  }
  return result ?? 0;
}
