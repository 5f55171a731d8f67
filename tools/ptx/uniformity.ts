import { type Block, blocksBetween, isSync } from "./control-flow.ts";
import type { Body, Instruction } from "./module.ts";
import { definedBy, specialsOf, usedBy } from "./registers-used.ts";

/** Which registers hold one value for all lanes of a warp, and which blocks all live lanes enter together. */
export interface Uniformity {
  /** By register id: one value for the whole warp, kept as a scalar. */
  uniform: Uint8Array;
  /** By block index: live lanes run it together. All 0 in the all-vector form. */
  together: Uint8Array;
  /** By register id, the one definition of a value that is a multiple of 32 plus the lane; see Emitter.ofFirstLane. */
  linear: ReadonlyMap<number, Instruction>;
  /** False: groups of lanes are scheduled freely, as a kernel with .sync in divergent code needs. */
  convergent: boolean;
}

type Shape = readonly [number, number, number];

/**
 * Analyses a body for one block shape, since tid.y and tid.x >> 5 are uniform in some shapes only. With `allVector`
 * lanes never wait for each other but at .sync instructions.
 */
export function analyseUniformity(
  body: Body,
  blocks: readonly Block[],
  shape: Shape,
  allVector: boolean,
): Uniformity {
  const analysis = new Analysis(body, blocks, shape);
  const first = analysis.solve(true);
  return !allVector && analysis.mayWait(first) ? first : analysis.solve(false);
}

class Analysis {
  readonly body: Body;
  readonly blocks: readonly Block[];
  readonly shape: Shape;
  readonly definitions: number[][];
  readonly defined: (readonly number[])[];
  readonly used: (readonly number[])[];
  /** 0 unknown, 1 being looked at or varying, 2 invariant, 3 lane-linear (a multiple of 32 plus the lane). */
  readonly classes: Uint8Array;

  constructor(body: Body, blocks: readonly Block[], shape: Shape) {
    this.body = body;
    this.blocks = blocks;
    this.shape = shape;
    this.definitions = body.registers.map(() => []);
    this.defined = body.instructions.map(definedBy);
    this.used = body.instructions.map(usedBy);
    this.defined.forEach((ids, index) => {
      for (const id of ids) this.definitions[id]?.push(index);
    });
    this.classes = new Uint8Array(body.registers.length);
  }

  /** Optimistic fixpoint: everything is uniform until something says otherwise. */
  solve(convergent: boolean): Uniformity {
    const { body, blocks } = this;
    const uniform = new Uint8Array(body.registers.length).fill(1);
    const together = new Uint8Array(blocks.length).fill(convergent ? 1 : 0);
    const parted = new Uint8Array(blocks.length);
    for (let changed = true; changed; ) {
      changed = false;
      for (const block of blocks) {
        for (let i = block.start; i < block.end; i++) {
          const instruction = body.instructions[i] as Instruction;
          const same = together[block.index] === 1 && this.sameForAll(i, uniform);
          const defined = this.defined[i] ?? [];
          const all = defined.every((id) => uniform[id] === 1 && (same || this.classOf(id) === 2));
          for (const id of defined) {
            if (uniform[id] === 0 || all) continue;
            uniform[id] = 0;
            changed = true;
          }
          if (instruction.targets.length === 0 || i !== block.end - 1 || parted[block.index])
            continue;
          if ((this.used[i] ?? []).every((id) => uniform[id] === 1)) continue;
          parted[block.index] = 1;
          for (const between of blocksBetween(block, blocks)) {
            if (together[between] === 1) {
              together[between] = 0;
              changed = true;
            }
          }
        }
      }
    }
    return { uniform, together, convergent, linear: this.linearDefinitions() };
  }

  /** Lane-linear registers, and those that their definitions name. */
  linearDefinitions(): ReadonlyMap<number, Instruction> {
    const found = new Map<number, Instruction>();
    const add = (id: number): void => {
      const index = this.definitions[id]?.[0];
      if (found.has(id) || index === undefined || this.definitions[id]?.length !== 1) return;
      found.set(id, this.body.instructions[index] as Instruction);
      for (const used of this.used[index] ?? []) add(used);
    };
    this.classes.forEach((value, id) => {
      if (value === 3) add(id);
    });
    return found;
  }

  /** All lanes that run it together get the same value. */
  sameForAll(index: number, uniform: Uint8Array): boolean {
    const instruction = this.body.instructions[index] as Instruction;
    if (!(this.used[index] ?? []).every((id) => uniform[id] === 1)) return false;
    if (!specialsOf(instruction).every((name) => this.specialClass(name) === 2)) return false;
    const { parts } = instruction;
    switch (parts[0]) {
      case "ld":
        return (
          !this.isOwnParam(instruction) &&
          !parts.includes("local") &&
          !parts.includes("volatile") &&
          this.spaceIsShared(parts)
        );
      case "vote":
      case "redux":
        return this.isFullMask(instruction);
      case "atom":
      case "shfl":
      case "match":
      case "elect":
      case "call":
      case "activemask":
        return false;
      case "bar":
      case "barrier":
        return true;
      default:
        return true;
    }
  }

  /** A parameter of an expanded call lies in the thread's local memory. */
  isOwnParam(instruction: Instruction): boolean {
    if (instruction.parts[0] !== "ld" || !instruction.parts.includes("param")) return false;
    const address = instruction.operands[1];
    const base = address?.kind === "address" ? address.base : undefined;
    return base?.kind === "symbol" && this.body.local.has(base.name);
  }

  /** A generic address may be local memory, where every thread has its own. */
  spaceIsShared(parts: readonly string[]): boolean {
    return ["param", "const", "global", "shared"].some((space) =>
      parts.some((part) => part === space || part.startsWith(`${space}::`)),
    );
  }

  /** 2: the same whenever it is computed; 3: lane-linear; 1: neither. */
  classOf(id: number): number {
    const known = this.classes[id] ?? 1;
    if (known !== 0) return known;
    this.classes[id] = 1;
    const definitions = this.definitions[id] ?? [];
    const index = definitions[0];
    if (definitions.length !== 1 || index === undefined) return 1;
    const found = this.classOfInstruction(this.body.instructions[index] as Instruction, index);
    this.classes[id] = found;
    return found;
  }

  classOfInstruction(instruction: Instruction, index: number): number {
    if (instruction.guard) return 1;
    const { parts } = instruction;
    const name = parts[0] ?? "";
    if (isSync(instruction) || impure.has(name)) return 1;
    if (name === "ld" && !parts.includes("param") && !parts.includes("const")) return 1;
    const classes = [
      ...(this.used[index] ?? []).map((id) => this.classOf(id)),
      ...specialsOf(instruction).map((special) => this.specialClass(special)),
    ];
    if (this.isOwnParam(instruction)) return 1;
    if (classes.every((c) => c === 2)) return 2;
    if (classes.some((c) => c === 1)) return 1;
    return this.linearClass(instruction, name);
  }

  /** What becomes of a lane-linear operand. */
  linearClass(instruction: Instruction, name: string): number {
    const [, a, b, c] = instruction.operands;
    const constant = b?.kind === "integer" ? b.lo : undefined;
    const linear = (operand: typeof a): boolean =>
      operand?.kind === "register"
        ? this.classOf(operand.id) === 3
        : operand?.kind === "special" && this.specialClass(operand.name) === 3;
    if (name === "mov" || name === "cvt")
      return linear(a) && !instruction.parts.includes("f32") ? 3 : 1;
    if (constant !== undefined && linear(a)) {
      if (name === "shr") return constant >= 5 ? 2 : 1;
      if (name === "and") return (constant & 31) === 0 ? 2 : 1;
      if (name === "setp" && instruction.operands.length === 3) {
        const compare = instruction.parts[1] ?? "";
        if (["lt", "ge", "lo", "hs"].includes(compare)) return (constant & 31) === 0 ? 2 : 1;
        if (["gt", "le", "hi", "ls"].includes(compare)) return (constant & 31) === 31 ? 2 : 1;
      }
    }
    if ((name === "add" || name === "or") && (this.isZero(a) || this.isZero(b))) {
      return linear(a) || linear(b) ? 3 : 1;
    }
    if (name === "mad" && instruction.parts[1] === "lo" && linear(c) && !linear(a) && !linear(b)) {
      const wide = [a, b].some((operand) => this.isMultipleOf32(operand));
      return wide && this.isKnown(a) && this.isKnown(b) ? 3 : 1;
    }
    return 1;
  }

  /** The sign of a thread index, as signed divisions by 32 look at it. */
  isZero(operand: Instruction["operands"][number] | undefined): boolean {
    if (operand?.kind === "integer") return operand.lo === 0 && operand.hi === 0;
    if (operand?.kind !== "register" || this.definitions[operand.id]?.length !== 1) return false;
    const definition = this.body.instructions[this.definitions[operand.id]?.[0] ?? -1];
    if (definition?.parts[0] !== "shr" || definition.guard) return false;
    const [, value, amount] = definition.operands;
    if (this.isZero(value)) return true;
    const sign =
      definition.parts.at(-1) === "s32" && amount?.kind === "integer" && amount.lo === 31;
    return sign && value?.kind === "register" && this.classOf(value.id) === 3;
  }

  /** A constant or a special register, or a copy of one. */
  isKnown(operand: Instruction["operands"][number] | undefined): boolean {
    if (operand?.kind === "integer" || operand?.kind === "special") return true;
    if (operand?.kind !== "register" || this.definitions[operand.id]?.length !== 1) return false;
    const definition = this.body.instructions[this.definitions[operand.id]?.[0] ?? -1];
    return (
      definition?.parts[0] === "mov" && !definition.guard && this.isKnown(definition.operands[1])
    );
  }

  isMultipleOf32(operand: Instruction["operands"][number] | undefined): boolean {
    if (operand?.kind === "integer") return (operand.lo & 31) === 0;
    if (operand?.kind === "special") return operand.name === "ntid.x" && this.shape[0] % 32 === 0;
    if (operand?.kind !== "register") return false;
    const index = this.definitions[operand.id]?.[0];
    const definition = index === undefined ? undefined : this.body.instructions[index];
    return definition?.parts[0] === "mov" && this.isMultipleOf32(definition.operands[1]);
  }

  isFullMask(instruction: Instruction): boolean {
    const mask = instruction.operands.at(-1);
    return mask?.kind === "integer" && mask.lo === -1;
  }

  specialClass(name: string): number {
    const [x, y, z] = this.shape;
    const rows = x % 32 === 0;
    switch (name) {
      case "tid.x":
        return rows || y * z === 1 ? 3 : 1;
      case "tid.y":
        return rows || y === 1 || x * y * z === 1 ? 2 : 1;
      case "tid.z":
        return (x * y) % 32 === 0 || z === 1 ? 2 : 1;
      case "laneid":
        return 3;
      default:
        return name.startsWith("lanemask") ||
          name.startsWith("clock") ||
          name.startsWith("globaltimer")
          ? 1
          : 2;
    }
  }

  /** Whether lanes may wait for the rest at blocks that they enter together. */
  mayWait(found: Uniformity): boolean {
    for (const block of this.blocks) {
      if (found.together[block.index] === 1) continue;
      for (let i = block.start; i < block.end; i++) {
        const instruction = this.body.instructions[i] as Instruction;
        if (isSync(instruction)) return false;
        if (block.loops && spins(instruction)) return false;
      }
    }
    return true;
  }
}

const impure = new Set(["atom", "call", "activemask"]);

/** Instructions by which a loop may wait for another lane. */
function spins(instruction: Instruction): boolean {
  const { parts } = instruction;
  if (parts[0] === "atom") return true;
  return (
    parts[0] === "ld" && parts.some((part) => ["volatile", "acquire", "relaxed"].includes(part))
  );
}
