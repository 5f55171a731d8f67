import { condition, word } from "./kernel-arithmetic.ts";
import { type Place, type Writer, words } from "./kernel-writer.ts";

/**
 * Instructions at which the lanes of `place.mask` wait for each other. All of them come here, and what a lane reads
 * of another is taken only where that lane is there: everything else PTX leaves undefined.
 */
export function warpOperation(w: Writer, place: Place): void {
  const { random } = w;
  const mask = present(w, place.mask);
  const to = random.pick(words);
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2:
      shuffle(w, mask, to);
      break;
    case 3:
      vote(w, mask, to);
      break;
    case 4:
      match(w, mask, to);
      break;
    case 5:
      reduce(w, mask, to);
      break;
    case 6:
      exchange(w, mask, to);
      break;
    default:
      partial(w, mask, to);
  }
}

/** Lanes of the mask that have not exited: those that vote. */
function present(w: Writer, mask: string): string {
  const here = w.fresh("t");
  w.line(`vote.sync.ballot.b32 ${here}, 1, ${mask};`);
  return here;
}

/** `%t = 1` where `lane` is one of `mask`, as a predicate. */
function isIn(w: Writer, lane: string, mask: string): string {
  const bit = w.fresh("t");
  const p = w.fresh("p");
  w.line(`shr.u32 ${bit}, ${mask}, ${lane};`);
  w.line(`and.b32 ${bit}, ${bit}, 1;`);
  w.line(`setp.ne.u32 ${p}, ${bit}, 0;`);
  return p;
}

function shuffle(w: Writer, mask: string, to: string): void {
  const { random } = w;
  w.features.add("shuffle");
  const mode = random.pick(["up", "down", "bfly", "idx"] as const);
  const width = random.pick([32, 32, 16, 8, 4]);
  const offset = w.fresh("t");
  // A constant or one for the warp, mostly; sometimes each lane its own.
  if (random.chance(0.5)) w.line(`mov.u32 ${offset}, ${random.below(width)};`);
  else w.line(`and.b32 ${offset}, ${word(w)}, ${width - 1};`);
  const segment = (32 - width) << 8;
  const clamp = segment | (mode === "up" ? 0 : 31);
  const from = w.fresh("t");
  const start = w.fresh("t");
  w.line(`and.b32 ${start}, %lane, ${32 - width};`);
  if (mode === "up") w.line(`sub.u32 ${from}, %lane, ${offset};`);
  else if (mode === "down") w.line(`add.u32 ${from}, %lane, ${offset};`);
  else if (mode === "bfly") w.line(`xor.b32 ${from}, %lane, ${offset};`);
  else w.line(`or.b32 ${from}, ${start}, ${offset};`);
  w.line(`and.b32 ${from}, ${from}, 31;`);
  let there = isIn(w, from, mask);
  if (random.chance(0.5)) {
    // All of them or none: then the offset stays the same for the warp.
    const all = w.fresh("p");
    w.line(`vote.sync.all.pred ${all}, ${there}, ${mask};`);
    there = all;
  }
  // Lanes whose source is not there read from themselves.
  const own = w.fresh("t");
  w.line(`sub.u32 ${own}, %lane, ${start};`);
  w.line(`selp.b32 ${offset}, ${offset}, ${mode === "idx" ? own : 0}, ${there};`);
  const got = w.fresh("t");
  const inRange = w.fresh("p");
  const value = random.pick(words);
  w.line(`shfl.sync.${mode}.b32 ${got}|${inRange}, ${value}, ${offset}, ${clamp}, ${mask};`);
  const ranged = w.fresh("t");
  w.line(`selp.b32 ${ranged}, 1, 0, ${inRange};`);
  w.line(`add.u32 ${to}, ${got}, ${ranged};`);
}

function vote(w: Writer, mask: string, to: string): void {
  const { random } = w;
  w.features.add("vote");
  const p = condition(w);
  const source = random.chance(0.3) ? `!${p}` : p;
  if (random.chance(0.5)) {
    w.line(`vote.sync.ballot.b32 ${to}, ${source}, ${mask};`);
    return;
  }
  const result = w.fresh("p");
  w.line(`vote.sync.${random.pick(["any", "all", "uni"])}.pred ${result}, ${source}, ${mask};`);
  w.line(`selp.b32 ${to}, ${word(w)}, ${random.pick(words)}, ${result};`);
}

function match(w: Writer, mask: string, to: string): void {
  const { random } = w;
  w.features.add("match");
  const value = w.fresh("t");
  w.line(`and.b32 ${value}, ${word(w)}, ${random.pick([1, 3, 7])};`);
  let source = value;
  let type = "b32";
  if (random.chance(0.3)) {
    type = "b64";
    source = w.fresh("w");
    w.line(`mov.b64 ${source}, {${random.pick([value, "%u0"])}, ${value}};`);
  }
  if (random.chance(0.6)) {
    w.line(`match.any.sync.${type} ${to}, ${source}, ${mask};`);
    return;
  }
  const p = w.fresh("p");
  w.line(`match.all.sync.${type} ${to}|${p}, ${source}, ${mask};`);
  w.line(`@${p} add.u32 ${to}, ${to}, 7;`);
}

function reduce(w: Writer, mask: string, to: string): void {
  const { random } = w;
  w.features.add("redux");
  const value = random.pick(words);
  const how = random.pick([
    "add.s32",
    "add.u32",
    "min.s32",
    "min.u32",
    "max.s32",
    "max.u32",
    "and.b32",
    "or.b32",
    "xor.b32",
  ]);
  w.line(`redux.sync.${how} ${to}, ${value}, ${mask};`);
}

/** Through shared memory inside of the warp, the lanes' own words ordered by bar.warp.sync. */
function exchange(w: Writer, mask: string, to: string): void {
  const { random } = w;
  w.features.add("warp_exchange");
  const partner = w.fresh("t");
  const address = w.fresh("t");
  w.line(`xor.b32 ${partner}, %lane, ${random.pick([1, 2, 3, 8, 16, 31])};`);
  const there = isIn(w, partner, mask);
  w.line(`selp.b32 ${partner}, ${partner}, %lane, ${there};`);
  w.line(`sub.u32 ${partner}, ${partner}, %lane;`);
  w.line(`mad.lo.s32 ${address}, ${partner}, 4, %slot;`);
  w.line(`bar.warp.sync ${mask};`);
  w.line(`st.shared.u32 [%slot], ${random.pick(words)};`);
  w.line(`bar.warp.sync ${mask};`);
  w.line(`ld.shared.u32 ${to}, [${address}];`);
  w.line(`bar.warp.sync ${mask};`);
}

/** Only some of the lanes: those that match or voted go on together under their own mask, the rest waits at the end. */
function partial(w: Writer, mask: string, to: string): void {
  const { random } = w;
  w.features.add("partial");
  const group = w.fresh("t");
  const key = w.fresh("t");
  w.line(`and.b32 ${key}, ${word(w)}, ${random.pick([1, 3])};`);
  w.line(`match.any.sync.b32 ${group}, ${key}, ${mask};`);
  // Every lane is in exactly one group: each group reduces by itself, at the same instruction.
  if (random.chance(0.5)) {
    w.line(
      `redux.sync.${random.pick(["add.s32", "max.u32", "xor.b32"])} ${to}, ${random.pick(words)}, ${group};`,
    );
    return;
  }
  const p = condition(w);
  w.line(`vote.sync.ballot.b32 ${to}, ${p}, ${group};`);
}
