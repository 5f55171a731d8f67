import type { Instruction } from "./machine-code.ts";

/**
 * The instructions (by index, unordered) of the innermost loop that `index` stands in, or undefined
 * where it is executed once. `start` is the address of code[0]. Cold code that the compiler puts
 * behind the kernel, and that branches back, is no loop.
 */
export function innermostLoopOf(
  index: number,
  code: readonly Instruction[],
  start: number,
  instructionBytes: number,
): number[] | undefined {
  const followers = code.map((one, i) =>
    followersOf(one, i, code, (address) => (address - start) / instructionBytes),
  );
  let members = new Set(code.keys());
  let innermost: number[] | undefined;
  for (;;) {
    const loop = loopAround(index, members, followers);
    if (loop === undefined) return innermost;
    innermost = [...loop];
    // Without the entry of this loop only loops inside of it remain.
    members = new Set(innermost);
    const entry = entryOf(loop, followers);
    if (entry === index) return innermost;
    members.delete(entry);
  }
}

/** What may be executed after the instruction at `index`. */
function followersOf(
  { opcode, operands = "", predicate }: Instruction,
  index: number,
  code: readonly Instruction[],
  toIndex: (address: number) => number,
): number[] {
  const next = index + 1 < code.length ? [index + 1] : [];
  const mnemonic = opcode.split(".")[0] ?? "";
  if (mnemonic === "EXIT" || mnemonic === "RET" || mnemonic === "KILL")
    return predicate ? next : [];
  if (mnemonic !== "BRA" && mnemonic !== "JMP") return next;
  const target = toIndex(Number(/0x[0-9a-f]+$/u.exec(operands)?.[0] ?? Number.NaN));
  const targets = Number.isInteger(target) && target >= 0 && target < code.length ? [target] : [];
  const always = predicate === undefined && /^0x[0-9a-f]+$/u.test(operands);
  return always ? targets : [...next, ...targets];
}

/** All of `members` that lie on a way from `index` back to `index`. */
function loopAround(
  index: number,
  members: ReadonlySet<number>,
  followers: readonly (readonly number[])[],
): Set<number> | undefined {
  const leaders = new Map<number, number[]>();
  for (const from of members) {
    for (const to of followers[from] ?? []) {
      const known = leaders.get(to);
      if (known) known.push(from);
      else leaders.set(to, [from]);
    }
  }
  const after = reach(index, (i) => followers[i] ?? [], members);
  if (!after.has(index)) return undefined;
  const before = reach(index, (i) => leaders.get(i) ?? [], members);
  return new Set([...after].filter((i) => before.has(i)));
}

/** What is reached from `from` in one step or more, inside `members`. */
function reach(
  from: number,
  step: (index: number) => readonly number[],
  members: ReadonlySet<number>,
): Set<number> {
  const reached = new Set<number>();
  const waiting = [from];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    for (const next of step(at)) {
      if (reached.has(next) || !members.has(next)) continue;
      reached.add(next);
      waiting.push(next);
    }
  }
  return reached;
}

/** Where the loop is entered: its first instruction that something outside of it leads to. */
function entryOf(loop: ReadonlySet<number>, followers: readonly (readonly number[])[]): number {
  let first = Math.min(...loop);
  for (let from = followers.length - 1; from >= 0; from -= 1) {
    if (loop.has(from)) continue;
    for (const to of followers[from] ?? []) if (loop.has(to)) first = to;
  }
  return first;
}
