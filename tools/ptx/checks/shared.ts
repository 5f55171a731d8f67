// A shadow of shared memory: who wrote each piece last, and who read it. Generated code calls it before each access.
//
// A piece is as long as the kernel's narrowest access to shared memory (1, 2 or 4 bytes), so that each access is a
// whole number of pieces and the shadow is exact. A write keeps only the last writer; of the readers the last one is
// kept, and the last one of another warp: whoever writes next finds a reader of another warp if there was any.
import { context } from "../execution.ts";
import { sharedCapacity, sharedMemory } from "../memory.ts";
import {
  clock,
  isOrdered,
  onRestart,
  own,
  PENDING,
  SEVERAL,
  span,
  THREAD,
  tickShift,
} from "./order.ts";
import { noteUnwritten, reportRace, reportSameValue } from "./shared-findings.ts";

/**
 * Words of a piece: stamp and instruction of the last write, the last read, the last read by another warp, and of
 * the last plain write before atomics. The instruction of an atomic is kept as its complement.
 */
const WRITE = 0;
const READ = 2;
const EARLIER_READ = 4;
const PLAIN_WRITE = 6;
const wordsShift = 3;

let shadow = new Int32Array(0);
let pieceShift = 2;

/** Room for the shared memory of a launch whose narrowest access has 1 << `shift` bytes. */
export function prepareShared(shift: number): void {
  pieceShift = shift;
  const words = Math.ceil((context[7] ?? 0) / (1 << shift)) << wordsShift;
  if (shadow.length < words) shadow = new Int32Array(Math.min(words * 2, sharedCapacity << 3));
}

onRestart((start) => {
  const stamp = 1 << tickShift;
  for (let k = 0; k < shadow.length; k += 1 << wordsShift) {
    const last = shadow[k + WRITE] as number;
    const written = (last & ~PENDING) >= start && start > 0;
    shadow[k + WRITE] = written ? (last & PENDING) | stamp | (last & THREAD) : 0;
    shadow[k + READ] = 0;
    shadow[k + EARLIER_READ] = 0;
    shadow[k + PLAIN_WRITE] = 0;
  }
});

/** A lane reads `count` pieces. */
export function sharedRead(index: number, thread: number, at: number, count: number): void {
  const ordered = span[thread >> 5] as number;
  const { now, start } = clock;
  const me = now | thread;
  clock.touched = true;
  const end = (at + count) << wordsShift;
  for (let k = at << wordsShift; k < end; k += 1 << wordsShift) {
    const last = shadow[k + WRITE] as number;
    const age = last - start;
    if (age < 0 || (age >= ordered && (last & THREAD) !== thread)) readUnsafe(index, thread, k);
    const reader = shadow[k + READ] as number;
    if (reader !== me) noteRead(k, reader, me, 0);
    shadow[k + READ + 1] = index;
  }
}

/** All lanes of `mask` read the same pieces, by one instruction for the whole warp. */
export function sharedReadTogether(
  index: number,
  threadBase: number,
  mask: number,
  at: number,
  count: number,
): void {
  const lane = 31 - Math.clz32(mask & -mask);
  const rest = mask & (mask - 1);
  if (rest === 0) {
    sharedRead(index, threadBase + lane, at, count);
    return;
  }
  const ordered = span[threadBase >> 5] as number;
  clock.touched = true;
  const me = clock.now | (threadBase + lane);
  const second = threadBase + 31 - Math.clz32(rest & -rest);
  const end = (at + count) << wordsShift;
  for (let k = at << wordsShift; k < end; k += 1 << wordsShift) {
    const last = shadow[k + WRITE] as number;
    const age = last - clock.start;
    // The lane that wrote it may read it; the others that read with it are not that lane.
    const reader = (last & THREAD) === threadBase + lane ? second : threadBase + lane;
    if (age < 0 || age >= ordered) readUnsafe(index, reader, k);
    noteRead(k, shadow[k + READ] as number, me, SEVERAL);
    shadow[k + READ + 1] = index;
  }
}

function noteRead(k: number, reader: number, me: number, several: number): void {
  const differs = reader ^ me;
  if ((differs & (THREAD & ~31)) !== 0) {
    shadow[k + EARLIER_READ] = reader;
    shadow[k + EARLIER_READ + 1] = shadow[k + READ + 1] as number;
    shadow[k + READ] = me | several;
    return;
  }
  const since = reader >= (own[(me & THREAD) >> 5] as number);
  const more = since && (differs & THREAD) !== 0 ? SEVERAL : since ? reader & SEVERAL : 0;
  shadow[k + READ] = me | several | more;
}

/** A read of what is not written, or perhaps not ordered after its write. */
function readUnsafe(index: number, thread: number, k: number): void {
  const last = shadow[k + WRITE] as number;
  const offset = (k >> wordsShift) << pieceShift;
  if ((last & ~PENDING) < clock.start) {
    noteUnwritten(index, thread, offset);
    return;
  }
  if (last >= 0 && isOrdered(last, thread)) return;
  reportRace("read", index, thread, "write", writerOf(k), last, offset);
}

/** The instruction of the last write. */
function writerOf(k: number): number {
  const index = shadow[k + WRITE + 1] as number;
  return index < 0 ? ~index : index;
}

/** Writes of this store that may race with another write: decided when it is known whether the value is the same. */
const doubtful: { k: number; last: number; earlier: number }[] = [];
const before = new Uint8Array(32);

/** A lane is about to write `count` pieces. Not 0: `sharedWritten` must look at them afterwards. */
export function sharedWrite(index: number, thread: number, at: number, count: number): number {
  const warp = thread >> 5;
  const ordered = span[warp] as number;
  const { now, start } = clock;
  const me = now | thread;
  clock.touched = true;
  let doubts = 0;
  const end = (at + count) << wordsShift;
  for (let k = at << wordsShift; k < end; k += 1 << wordsShift) {
    const last = shadow[k + WRITE] as number;
    if (last < 0 || (last - start >= ordered && (last & THREAD) !== thread))
      doubts |= writeUnsafe(index, thread, k, doubts);
    const reader = shadow[k + READ] as number;
    if (reader - start >= ordered && (reader & (THREAD | SEVERAL)) !== thread)
      afterRead(index, thread, k, READ);
    const earlier = shadow[k + EARLIER_READ] as number;
    if (earlier - start >= ordered && (earlier & THREAD) >> 5 !== warp)
      afterRead(index, thread, k, EARLIER_READ);
    shadow[k + WRITE] = me;
    shadow[k + WRITE + 1] = index;
    shadow[k + PLAIN_WRITE] = 0;
  }
  if (doubts !== 0)
    before.set(sharedMemory.B.subarray(at << pieceShift, (at + count) << pieceShift));
  return doubts;
}

function writeUnsafe(index: number, thread: number, k: number, doubts: number): number {
  const last = shadow[k + WRITE] as number;
  const earlier = writerOf(k);
  if (last < 0) {
    if ((last & ~PENDING) < clock.start) return 0;
    const offset = (k >> wordsShift) << pieceShift;
    reportRace("write", index, thread, "write", earlier, last, offset);
  }
  if (isOrdered(last, thread)) return 0;
  if (doubts === 0) doubtful.length = 0;
  doubtful.push({ k, last, earlier });
  return 1;
}

/** After a store for which `sharedWrite` had doubts: two writes of the same value hardly race. */
export function sharedWritten(index: number, thread: number, at: number): void {
  const size = 1 << pieceShift;
  for (const { k, last, earlier } of doubtful) {
    const offset = (k >> wordsShift) << pieceShift;
    let same = true;
    for (let i = 0; i < size; i++) {
      if (sharedMemory.B[offset + i] !== before[offset - (at << pieceShift) + i]) same = false;
    }
    if (!same) reportRace("write", index, thread, "write", earlier, last, offset);
    else reportSameValue(index, thread, earlier, last, offset);
  }
}

/** Lanes that read before this write, perhaps unordered. */
function afterRead(index: number, thread: number, k: number, place: number): void {
  const reader = shadow[k + place] as number;
  if (isOrdered(reader, thread)) return;
  const offset = (k >> wordsShift) << pieceShift;
  const earlier = shadow[k + place + 1] as number;
  reportRace("write", index, thread, "read", earlier, reader, offset);
}

/** A lane reads and writes in one step; `reads`: it uses what was there. */
export function sharedAtomic(
  index: number,
  thread: number,
  at: number,
  count: number,
  reads: boolean,
): void {
  const { start } = clock;
  clock.touched = true;
  const end = (at + count) << wordsShift;
  for (let k = at << wordsShift; k < end; k += 1 << wordsShift) {
    const last = shadow[k + WRITE] as number;
    if ((last & ~PENDING) < start) {
      if (reads) noteUnwritten(index, thread, (k >> wordsShift) << pieceShift);
    } else if ((shadow[k + WRITE + 1] as number) >= 0) {
      shadow[k + PLAIN_WRITE] = last;
      shadow[k + PLAIN_WRITE + 1] = shadow[k + WRITE + 1] as number;
    }
    besides(index, thread, k, PLAIN_WRITE, "write");
    besides(index, thread, k, READ, "read");
    besides(index, thread, k, EARLIER_READ, "read");
    shadow[k + WRITE] = clock.now | thread;
    shadow[k + WRITE + 1] = ~index;
  }
}

/** An atomic after an access that is none. */
function besides(
  index: number,
  thread: number,
  k: number,
  place: number,
  access: "read" | "write",
): void {
  const stamp = shadow[k + place] as number;
  if ((stamp & ~PENDING) < clock.start || (stamp & (THREAD | SEVERAL | PENDING)) === thread) return;
  if (stamp >= 0 && isOrdered(stamp, thread)) return;
  const offset = (k >> wordsShift) << pieceShift;
  reportRace("atomic", index, thread, access, shadow[k + place + 1] as number, stamp, offset);
}

/** Copies that a thread has under way: pieces, and the group that they belong to. */
interface Copies {
  committed: number;
  under_way: { at: number; count: number; group: number }[];
}
const copies = new Map<number, Copies>();

export function startBlockCopies(): void {
  if (copies.size > 0) copies.clear();
}

/** cp.async: a write that counts as done when the thread has waited for it. */
export function sharedCopy(index: number, thread: number, at: number, count: number): number {
  const doubts = sharedWrite(index, thread, at, count);
  for (let k = at << wordsShift; k < (at + count) << wordsShift; k += 1 << wordsShift) {
    shadow[k + WRITE] = clock.now | thread | PENDING;
  }
  let mine = copies.get(thread);
  if (!mine) {
    mine = { committed: 0, under_way: [] };
    copies.set(thread, mine);
  }
  mine.under_way.push({ at, count, group: mine.committed });
  return doubts;
}

export function copiesCommitted(thread: number): void {
  const mine = copies.get(thread);
  if (mine) mine.committed++;
}

/** Waits until at most `pending` committed groups are under way; -1: for everything. */
export function copiesAwaited(thread: number, pending: number): void {
  const mine = copies.get(thread);
  if (!mine) return;
  const last = pending < 0 ? mine.committed : mine.committed - pending - 1;
  clock.touched = true;
  mine.under_way = mine.under_way.filter(({ at, count, group }) => {
    if (group > last) return true;
    for (let k = at << wordsShift; k < (at + count) << wordsShift; k += 1 << wordsShift) {
      const stamp = shadow[k + WRITE] as number;
      if (stamp < 0 && (stamp & THREAD) === thread) shadow[k + WRITE] = clock.now | thread;
    }
    return false;
  });
}
