import { arithmetic, condition, word } from "./kernel-arithmetic.ts";
import { blockOperation } from "./kernel-block.ts";
import { warpOperation } from "./kernel-warp.ts";
import { type Place, uniforms, type Writer, words } from "./kernel-writer.ts";

/** Some statements, one after another. */
export function statements(w: Writer, place: Place, count: number): void {
  for (let i = 0; i < count; i++) statement(w, place);
}

function statement(w: Writer, place: Place): void {
  const { random } = w;
  const deep = place.depth >= 3;
  const kind = random.below(20);
  if (place.synced && kind < 4) warpOperation(w, place);
  else if (place.whole && kind < 7) blockOperation(w, place);
  else if (!deep && kind < 11) choice(w, place);
  else if (!deep && kind < 13) loop(w, place);
  else if (!deep && kind === 13) table(w, place);
  else if (kind === 14 && place.exits.length > 0) leaveLoop(w, place);
  else if (kind === 15 && random.chance(0.35)) leaveKernel(w, place);
  else if (kind === 16 && place.synced && random.chance(0.3)) meetFromTwoSides(w, place);
  else for (let i = 0; i < 2; i++) arithmetic(w);
}

/** How often statements are repeated below: nesting makes text and time grow. */
function inner(w: Writer, place: Place): number {
  return 1 + w.random.below(place.depth < 2 ? 3 : 2);
}

/** A condition that is the same for all threads of the block. */
function uniformCondition(w: Writer): string {
  return condition(w, () => w.random.pick([...uniforms, "%block"]));
}

function choice(w: Writer, place: Place): void {
  const { random } = w;
  const depth = place.depth + 1;
  const otherwise = w.label();
  const end = w.label();
  const both = random.chance(0.6);
  if (place.whole && random.chance(0.25)) {
    w.features.add("uniform_branch");
    const p = uniformCondition(w);
    w.line(`@!${p} bra${random.chance(0.3) ? ".uni" : ""} ${both ? otherwise : end};`);
    statements(w, { ...place, depth }, inner(w, place));
    if (both) {
      w.line(`bra.uni ${end};`);
      w.lines.push(`${otherwise}:`);
      statements(w, { ...place, depth }, inner(w, place));
    }
    w.lines.push(`${end}:`);
    return;
  }
  w.features.add("branch");
  const p = condition(w);
  const [yes, no] = place.synced ? parted(w, p, place.mask) : [place.mask, place.mask];
  const cut = !both && random.chance(0.3);
  if (cut) shortCircuit(w, end);
  const lanes = { ...place, whole: false, depth };
  w.line(`@!${p} bra ${both ? otherwise : end};`);
  // Lanes that left by the short cut are in the mask all the same: no .sync behind it.
  statements(w, { ...lanes, mask: yes, synced: place.synced && !cut }, inner(w, place));
  if (both) {
    w.line(`bra ${end};`);
    w.lines.push(`${otherwise}:`);
    statements(w, { ...lanes, mask: no }, inner(w, place));
  }
  w.lines.push(`${end}:`);
}

/** `a && b`: lanes that fail the first test jump over the second. */
function shortCircuit(w: Writer, end: string): void {
  w.features.add("short_circuit");
  const first = condition(w);
  w.line(`@${first} bra ${end};`);
}

/** The lanes of a mask for which the predicate holds, and those for which it does not. */
function parted(w: Writer, p: string, mask: string): [string, string] {
  const yes = w.fresh("t");
  const no = w.fresh("t");
  w.line(`vote.sync.ballot.b32 ${yes}, ${p}, ${mask};`);
  w.line(`not.b32 ${no}, ${yes};`);
  w.line(`and.b32 ${no}, ${no}, ${mask};`);
  return [yes, no];
}

function loop(w: Writer, place: Place): void {
  const { random } = w;
  if (place.whole && random.chance(0.4)) uniformLoop(w, place);
  else if (place.synced && random.chance(0.5)) syncedLoop(w, place);
  else freeLoop(w, place);
}

/** All threads of the block go round equally often: barriers may stand inside. */
function uniformLoop(w: Writer, place: Place): void {
  w.features.add("uniform_loop");
  const [count, limit, p] = [w.fresh("t"), w.fresh("t"), w.fresh("p")];
  const [head, end] = [w.label(), w.label()];
  w.line(`and.b32 ${limit}, ${w.random.pick(uniforms)}, 3;`);
  w.line(`mov.u32 ${count}, 0;`);
  w.lines.push(`${head}:`);
  w.line(`setp.ge.u32 ${p}, ${count}, ${limit};`);
  w.line(`@${p} bra ${end};`);
  statements(w, { ...place, depth: place.depth + 2, exits: [] }, inner(w, place));
  w.line(`add.u32 ${count}, ${count}, 1;`);
  w.line(`bra.uni ${head};`);
  w.lines.push(`${end}:`);
}

/** Each lane goes round as often as its own value says; those that still do know of each other. */
function syncedLoop(w: Writer, place: Place): void {
  w.features.add("synced_loop");
  const [count, limit, mask] = [w.fresh("t"), w.fresh("t"), w.fresh("t")];
  const [p, out] = [w.fresh("p"), w.fresh("p")];
  const [head, end] = [w.label(), w.label()];
  w.line(`and.b32 ${limit}, ${word(w)}, ${w.random.pick([1, 3, 7])};`);
  w.line(`mov.u32 ${count}, 0;`);
  w.line(`mov.u32 ${mask}, ${place.mask};`);
  w.lines.push(`${head}:`);
  w.line(`setp.lt.u32 ${p}, ${count}, ${limit};`);
  w.line(`vote.sync.ballot.b32 ${mask}, ${p}, ${mask};`);
  w.line(`@!${p} bra ${end};`);
  w.line(`add.u32 ${count}, ${count}, 1;`);
  const body = { ...place, mask, whole: false, depth: place.depth + 2, exits: [] };
  statements(w, body, inner(w, place));
  if (w.random.chance(0.4)) {
    w.features.add("synced_break");
    w.line(`setp.eq.u32 ${out}, ${count}, ${w.random.below(4)};`);
    const stays = w.fresh("p");
    w.line(`not.pred ${stays}, ${out};`);
    w.line(`vote.sync.ballot.b32 ${mask}, ${stays}, ${mask};`);
    w.line(`@${out} bra ${end};`);
  }
  w.line(`bra ${head};`);
  w.lines.push(`${end}:`);
}

/** Lanes leave and go on as they like, out of any depth: nothing inside waits. */
function freeLoop(w: Writer, place: Place): void {
  const { random } = w;
  w.features.add("free_loop");
  const [count, limit, p] = [w.fresh("t"), w.fresh("t"), w.fresh("p")];
  const [head, next, end] = [w.label(), w.label(), w.label()];
  const atEnd = random.chance(0.4);
  w.line(`and.b32 ${limit}, ${word(w)}, ${random.pick([1, 3, 7])};`);
  w.line(`mov.u32 ${count}, 0;`);
  w.lines.push(`${head}:`);
  if (!atEnd) {
    w.line(`setp.ge.u32 ${p}, ${count}, ${limit};`);
    w.line(`@${p} bra ${end};`);
  }
  const exits = [...place.exits, end, next];
  const body = { ...place, synced: false, whole: false, depth: place.depth + 2, exits };
  statements(w, body, inner(w, place));
  w.lines.push(`${next}:`);
  w.line(`add.u32 ${count}, ${count}, 1;`);
  if (atEnd) {
    w.line(`setp.lt.u32 ${p}, ${count}, ${limit};`);
    w.line(`@${p} bra ${head};`);
  } else w.line(`bra ${head};`);
  w.lines.push(`${end}:`);
}

/** `break`, `continue`, and out of several loops at once. */
function leaveLoop(w: Writer, place: Place): void {
  w.features.add("break");
  const p = condition(w);
  w.line(`@${p} bra ${w.random.pick(place.exits)};`);
}

/** brx.idx over a table of labels, as a switch becomes. */
function table(w: Writer, place: Place): void {
  const { random } = w;
  w.features.add("switch");
  const count = 2 + random.below(3);
  const labels = Array.from({ length: count }, () => w.label());
  const [index, targets, end] = [w.fresh("t"), w.label(), w.label()];
  w.line(`rem.u32 ${index}, ${random.pick(words)}, ${count};`);
  w.lines.push(`${targets}: .branchtargets ${labels.join(", ")};`);
  w.line(`brx.idx ${index}, ${targets};`);
  const lanes = { ...place, synced: false, whole: false, depth: place.depth + 1 };
  for (const label of labels) {
    w.lines.push(`${label}:`);
    statements(w, lanes, 1);
    // Now and then a case falls through.
    if (random.chance(0.8)) w.line(`bra ${end};`);
  }
  w.lines.push(`${end}:`);
}

/** Some lanes are gone, with or without a store; masks may go on naming them. */
function leaveKernel(w: Writer, place: Place): void {
  const { random } = w;
  w.features.add("early_exit");
  const p = w.fresh("p");
  const small = w.fresh("t");
  w.line(`and.b32 ${small}, ${word(w)}, 15;`);
  w.line(`setp.eq.u32 ${p}, ${small}, ${random.below(16)};`);
  if (place.whole && place.depth === 0 && random.chance(0.5)) {
    // They may wait at STORE for the rest: no barrier and no mask may count on them from here on.
    const stays = w.fresh("p");
    w.line(`not.pred ${stays}, ${p};`);
    w.line(`vote.sync.ballot.b32 ${place.mask}, ${stays}, ${place.mask};`);
    w.line(`@${p} bra STORE;`);
    place.whole = false;
    return;
  }
  const on = w.label();
  w.line(`@!${p} bra ${on};`);
  if (w.storesAndLeaves) {
    w.line(`st.global.u32 [%out], ${random.pick(words)};`);
    w.line(`st.global.u32 [%out+4], ${random.pick(words)};`);
  }
  w.line(`${random.pick(["exit", "ret"])};`);
  w.lines.push(`${on}:`);
}

/** The same vote at two places: its lanes meet although they came by different branches. */
function meetFromTwoSides(w: Writer, place: Place): void {
  w.features.add("two_sides");
  const [p, a, b] = [condition(w), condition(w), condition(w)];
  const to = w.random.pick(words);
  const [other, end] = [w.label(), w.label()];
  w.line(`@${p} bra ${other};`);
  w.line(`vote.sync.ballot.b32 ${to}, ${a}, ${place.mask};`);
  w.line(`bra ${end};`);
  w.lines.push(`${other}:`);
  w.line(`vote.sync.ballot.b32 ${to}, ${b}, ${place.mask};`);
  w.lines.push(`${end}:`);
}
