// Which accesses to shared memory are ordered, by one clock that only goes forward.
//
// An access is remembered as a stamp: the tick at which it happened, and the thread. The clock ticks where threads
// meet, so that what a thread did before a barrier has an older tick than what it does after it. For each pair of
// warps (and of lanes of one warp) the matrices below hold the stamp up to which the other's accesses lie behind a
// common barrier. Old stamps of earlier blocks are below `start`: a new block clears nothing.

/** A stamp is tick << 11 | several << 10 | thread; negative: an asynchronous copy that nobody has waited for. */
export const tickShift = 11;
export const SEVERAL = 1 << 10;
export const THREAD = SEVERAL - 1;
export const PENDING = 1 << 31;

const mostWarps = 32;
/** The clock starts again from 1 before stamps would become negative. */
export const lastTick = 2 ** (31 - tickShift) - 2;

/** `now` and `start` are stamps of thread 0; `warps` those of the running block. */
export const clock = { now: 0, start: 0, warps: 0, touched: false };

/** By warp and other warp: accesses of the other with older stamps are ordered before what the warp does now. */
const seen = new Int32Array(mostWarps * mostWarps);
/** By warp: where all its lanes met last. */
export const own = new Int32Array(mostWarps);
/** By warp: stamps from `start` to `start + span` are ordered for every lane of it. */
export const span = new Int32Array(mostWarps);
/** By thread and lane of its warp: where those two met last in a smaller circle than the whole warp. */
const met = new Int32Array(mostWarps * 32 * 32);
const joined = new Int32Array(32);

/** What warps that come to a barrier bring along, for those who leave it. */
export type BarrierClock = Int32Array;

/** Forgets all stamps: set by the shadow, called when the clock starts again. */
let forgetStamps: (start: number) => void = () => {};
export function onRestart(action: (start: number) => void): void {
  forgetStamps = action;
}

export function startBlock(warps: number): void {
  clock.touched = true;
  if (clock.now >>> tickShift > lastTick / 2) restart(0);
  tick();
  clock.start = clock.now;
  clock.warps = warps;
  flags.clear();
  everyoneMet();
}

/** Two lanes that wait for each other: all live ones, or some. */
export function lanesMet(warp: number, lanes: number, live: number): void {
  tick();
  if ((live & ~lanes) === 0) {
    own[warp] = clock.now;
    findSpan(warp);
    return;
  }
  joined.fill(0);
  for (let lane = 0; lane < 32; lane++) {
    if ((lanes & (1 << lane)) === 0) continue;
    const row = (warp * 32 + lane) * 32;
    for (let other = 0; other < 32; other++) {
      joined[other] = Math.max(joined[other] as number, met[row + other] as number);
    }
  }
  for (let lane = 0; lane < 32; lane++) if ((lanes & (1 << lane)) !== 0) joined[lane] = clock.now;
  for (let lane = 0; lane < 32; lane++) {
    if ((lanes & (1 << lane)) !== 0) met.set(joined, (warp * 32 + lane) * 32);
  }
}

/** A barrier that all threads of the block passed, or left for ever. */
export function blockMet(): void {
  tick();
  everyoneMet();
}

/** A warp came to a barrier for some threads of the block. */
export function arriveAt(barrier: BarrierClock, warp: number): void {
  tick();
  for (let other = 0; other < clock.warps; other++) {
    const known = other === warp ? clock.now : (seen[warp * mostWarps + other] as number);
    barrier[other] = Math.max(barrier[other] as number, known);
  }
}

/** The barrier lets a warp go. */
export function leave(barrier: BarrierClock, warp: number): void {
  for (let other = 0; other < clock.warps; other++) {
    const at = warp * mostWarps + other;
    seen[at] = Math.max(seen[at] as number, barrier[other] as number);
  }
  own[warp] = Math.max(own[warp] as number, barrier[warp] as number);
  findSpan(warp);
}

/** By piece of shared memory, for kernels with fences: what those who stored a flag there had done before. */
const flags = new Map<number, BarrierClock>();

/** A store that others may see by a load of the same piece, and then know what came before it. */
export function releaseAt(piece: number, thread: number): void {
  let flag = flags.get(piece);
  if (!flag) {
    flag = new Int32Array(mostWarps);
    flags.set(piece, flag);
  }
  clock.touched = true;
  arriveAt(flag, thread >> 5);
}

export function acquireFrom(piece: number, thread: number): void {
  const flag = flags.get(piece);
  if (flag) leave(flag, thread >> 5);
}

/** Whether the stamp's access is ordered before what `thread` does now. */
export function isOrdered(stamp: number, thread: number): boolean {
  const warp = thread >> 5;
  const other = (stamp & THREAD) >> 5;
  if (other !== warp) return stamp < (seen[warp * mostWarps + other] as number);
  return stamp < (own[warp] as number) || stamp < (met[thread * 32 + (stamp & 31)] as number);
}

function everyoneMet(): void {
  seen.fill(clock.now);
  own.fill(clock.now);
  span.fill(clock.now - clock.start);
}

function findSpan(warp: number): void {
  let oldest = own[warp] as number;
  for (let other = 0; other < clock.warps; other++) {
    if (other !== warp) oldest = Math.min(oldest, seen[warp * mostWarps + other] as number);
  }
  span[warp] = oldest - clock.start;
}

/** Time passes where somebody has touched shared memory since. */
function tick(): void {
  if (!clock.touched) return;
  clock.touched = false;
  if (clock.now >>> tickShift >= lastTick) restart(clock.start);
  clock.now += 1 << tickShift;
}

/** Within a block, what was written so far stays written and counts as ordered. */
function restart(start: number): void {
  forgetStamps(start);
  clock.start = 1 << tickShift;
  clock.now = 2 << tickShift;
  met.fill(0);
  flags.clear();
  everyoneMet();
}
