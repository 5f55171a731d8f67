import type { Body, Instruction } from "./module.ts";

/** A basic block: instructions [start, end), numbered in the order of the text. */
export interface Block {
  index: number;
  start: number;
  end: number;
  /** Blocks that may follow; a conditional branch names the taken one first. */
  successors: number[];
  /** Post-dominator with exits left out: where lanes that parted here meet again. -1: nowhere. */
  meets: number;
  /** Part of a cycle. */
  loops: boolean;
}

const terminators = new Set(["bra", "brx", "ret", "exit", "trap", "brkpt"]);

/** Cuts a body into basic blocks and finds where diverging lanes meet again. */
export function findBlocks(body: Body): Block[] {
  const { instructions } = body;
  const starts = new Set<number>([0]);
  instructions.forEach((instruction, index) => {
    for (const target of instruction.targets) starts.add(target);
    if (terminators.has(instruction.parts[0] ?? "")) starts.add(index + 1);
  });
  const bounds = [...starts].filter((at) => at < instructions.length).sort((a, b) => a - b);
  const blockAt = new Map<number, number>(bounds.map((at, index) => [at, index]));
  const blocks = bounds.map((start, index): Block => {
    const end = bounds[index + 1] ?? instructions.length;
    return { index, start, end, successors: [], meets: -1, loops: false };
  });
  for (const block of blocks) {
    const last = instructions[block.end - 1];
    if (last) block.successors = successorsOf(last, block, blocks.length, blockAt);
  }
  findMeetings(blocks, instructions);
  findLoops(blocks);
  return blocks;
}

/** Blocks that lanes which part at `block` may run before they meet again. */
export function blocksBetween(block: Block, blocks: readonly Block[]): number[] {
  const seen = new Set<number>();
  const work = [...block.successors];
  for (let at = work.pop(); at !== undefined; at = work.pop()) {
    if (at === block.meets || seen.has(at)) continue;
    seen.add(at);
    work.push(...(blocks[at]?.successors ?? []));
  }
  return [...seen];
}

function successorsOf(
  last: Instruction,
  block: Block,
  count: number,
  blockAt: ReadonlyMap<number, number>,
): number[] {
  const next = block.index + 1 < count ? [block.index + 1] : [];
  const name = last.parts[0] ?? "";
  if (!terminators.has(name)) return next;
  // A target past the last instruction (a label before the closing brace) is an exit.
  const targets = last.targets.flatMap((target) => blockAt.get(target) ?? []);
  if (name === "brx") return [...new Set(targets)];
  return last.guard ? [...targets, ...next] : targets;
}

/** Immediate post-dominators of the graph without blocks that only leave: lanes that leave are simply gone. */
function findMeetings(blocks: Block[], instructions: readonly Instruction[]): void {
  const exit = blocks.length;
  const leaves = blocks.map((block) => onlyLeaves(block, instructions));
  const { next, previous } = withoutLeaving(blocks, leaves);
  const order: number[] = [];
  const number = new Int32Array(exit + 1).fill(-1);
  const visit = (start: number): void => {
    const stack: [number, number][] = [[start, 0]];
    const seen = new Set([start]);
    for (let top = stack.at(-1); top; top = stack.at(-1)) {
      const [node, at] = top;
      const to = previous[node]?.[at];
      if (to === undefined) {
        number[node] = order.length;
        order.push(node);
        stack.pop();
      } else {
        top[1]++;
        if (!seen.has(to)) {
          seen.add(to);
          stack.push([to, 0]);
        }
      }
    }
  };
  visit(exit);
  const dominator = new Int32Array(exit + 1).fill(-1);
  dominator[exit] = exit;
  const meet = (a: number, b: number): number => {
    let x = a;
    let y = b;
    while (x !== y) {
      while ((number[x] ?? 0) < (number[y] ?? 0)) x = dominator[x] ?? exit;
      while ((number[y] ?? 0) < (number[x] ?? 0)) y = dominator[y] ?? exit;
    }
    return x;
  };
  for (let changed = true; changed; ) {
    changed = false;
    for (let k = order.length - 2; k >= 0; k--) {
      const node = order[k] ?? exit;
      let found = -1;
      for (const to of next[node] ?? []) {
        if (dominator[to] === -1) continue;
        found = found < 0 ? to : meet(found, to);
      }
      if (found >= 0 && dominator[node] !== found) {
        dominator[node] = found;
        changed = true;
      }
    }
  }
  for (const block of blocks) {
    const to = dominator[block.index] ?? -1;
    block.meets = to === exit ? -1 : to;
  }
}

/** The graph without edges to blocks that only leave, but for those edges that are the only way out of a loop. */
function withoutLeaving(
  blocks: readonly Block[],
  leaves: readonly boolean[],
): { next: number[][]; previous: number[][] } {
  const exit = blocks.length;
  const stays = new Set<number>();
  for (;;) {
    const next = blocks.map((block) => {
      const kept = block.successors.filter((to) => !leaves[to]);
      return kept.length === 0 || stays.has(block.index) ? [...kept, exit] : kept;
    });
    const previous: number[][] = Array.from({ length: exit + 1 }, () => []);
    next.forEach((list, from) => {
      for (const to of list) previous[to]?.push(from);
    });
    const reached = new Set([exit]);
    for (const node of reached) for (const from of previous[node] ?? []) reached.add(from);
    const stuck = blocks.find(
      (block) =>
        !reached.has(block.index) &&
        !stays.has(block.index) &&
        block.successors.some((to) => leaves[to]),
    );
    if (!stuck) return { next, previous };
    stays.add(stuck.index);
  }
}

/** A block that ends the thread without storing or meeting anyone. */
function onlyLeaves(block: Block, instructions: readonly Instruction[]): boolean {
  const last = instructions[block.end - 1];
  const name = last?.parts[0] ?? "";
  if (last?.guard) return false;
  if (name === "trap") return true;
  if (name !== "ret" && name !== "exit") return false;
  for (let i = block.start; i < block.end - 1; i++) {
    const what = instructions[i]?.parts[0] ?? "";
    if (what === "st" || what === "red" || what === "atom" || isSync(instructions[i])) return false;
  }
  return true;
}

/** Instructions at which lanes or warps wait for each other. */
export function isSync(instruction: Instruction | undefined): boolean {
  const parts = instruction?.parts ?? [];
  switch (parts[0]) {
    case "shfl":
    case "vote":
    case "match":
    case "redux":
    case "elect":
    case "bar":
    case "barrier":
      return true;
    default:
      return false;
  }
}

/** A block loops if it is on a cycle: it can be reached from its own successors. */
function findLoops(blocks: Block[]): void {
  // Every cycle of the text order has a branch backwards; what lies between is looked at alone.
  const backwards = blocks.some((block) => block.successors.some((to) => to <= block.index));
  if (!backwards) return;
  for (const block of blocks) {
    const seen = new Set<number>();
    const work = [...block.successors];
    for (let at = work.pop(); at !== undefined; at = work.pop()) {
      if (at === block.index) {
        block.loops = true;
        break;
      }
      if (seen.has(at)) continue;
      seen.add(at);
      work.push(...(blocks[at]?.successors ?? []));
    }
  }
}
