import { PtxError } from "../fault.ts";
import {
  type Body,
  type Instruction,
  MODULE_WINDOW,
  type Operand,
  PARAM_WINDOW,
  type Register,
} from "../module.ts";
import { doubleOf, floatLiteral, literal } from "./literals.ts";
import { specialRegister } from "./special-registers.ts";

/** Forms in which a segment needs a register's value. */
const NEED_BITS = 1;
const NEED_FLOAT = 2;

/** What the emitter must know of the kernel beyond the instruction at hand. */
export interface Surroundings {
  body: Body;
  uniform: Uint8Array;
  /** Definitions of lane-linear registers (uniformity.ts). */
  linear: ReadonlyMap<number, Instruction>;
  /** Offset of each kernel parameter. */
  params: ReadonlyMap<string, number>;
  /** Low words of the addresses of module variables. */
  addresses: ReadonlyMap<string, number>;
  shape: readonly [number, number, number];
  /** Generated code keeps track of who read and wrote which memory (memory-checks.ts). */
  checks: boolean;
  /** Pieces of shared memory of which track is kept have 1 << pieceShift bytes. */
  pieceShift: number;
  /** The kernel has fences: flags in shared memory may order what lies around them. */
  fences: boolean;
}

/** A place where memory is accessed: it remembers the piece of memory that it last met. */
export interface SiteUse {
  name: string;
  bytes: number;
  store: boolean;
  views: Set<string>;
}

/**
 * Turns instructions into JavaScript statements. Registers are locals: r5 (bits), f5 (float32), l5 and h5 (words
 * of 64 bits), d5 (float64), p5 (predicate, 0 or 1). The same instructions are visited twice: backwards with
 * `recording` set, to learn in which forms values are needed, then forwards to write.
 */
export class Emitter {
  readonly surroundings: Surroundings;
  recording = true;
  lines: string[] = [];
  readonly needs: Uint8Array;
  readonly names = new Set<string>();
  readonly sites = new Map<string, SiteUse>();
  instruction: Instruction | undefined;
  index = 0;
  temporaries = 0;
  /** Set while an instruction is emitted that all lanes share. */
  scalar = false;

  constructor(surroundings: Surroundings) {
    this.surroundings = surroundings;
    this.needs = new Uint8Array(surroundings.body.registers.length);
  }

  /** Error for what this interpreter does not do. */
  unsupported(what?: string): PtxError {
    const instruction = this.instruction;
    const opcode = instruction?.opcode ?? "";
    const source = this.surroundings.body.locations[instruction?.location ?? 0];
    return new PtxError("unsupported", what ?? `instruction ${opcode}`, {
      line: instruction?.line ?? 0,
      opcode,
      ...(source?.file === undefined ? {} : { source_file: source.file, source_line: source.line }),
    });
  }

  /** Makes a library name usable in the generated code. */
  use(name: string): string {
    this.names.add(name);
    return name;
  }

  call(name: string, ...args: string[]): string {
    this.names.add(name);
    return `${name}(${args.join(",")})`;
  }

  line(text: string): void {
    if (!this.recording) this.lines.push(text);
  }

  temporary(): string {
    return `t${this.temporaries++}`;
  }

  register(id: number): Register {
    const register = this.surroundings.body.registers[id] as Register;
    if (register.bits === 128) throw this.unsupported(`128-bit register ${register.name}`);
    return register;
  }

  operand(index: number): Operand {
    const operand = this.instruction?.operands[index];
    if (!operand) throw this.unsupported(`${this.instruction?.opcode} with ${index} operands`);
    return operand;
  }

  private need(id: number, form: number): void {
    if (this.recording) this.needs[id] = (this.needs[id] ?? 0) | form;
  }

  /** A lane-linear register in code that all lanes share: its value in some live lane, from its definition. */
  private ofFirstLane(operand: Operand): string {
    if (operand.kind !== "register") return this.int(operand);
    const definition = this.surroundings.linear.get(operand.id);
    const [, a, b, c] = definition?.operands ?? [];
    if (!definition || !a) throw new Error(`no definition of register ${operand.id}`);
    switch (definition.parts[0]) {
      case "add":
      case "or":
        // One of them is zero by itself or by the sign of a thread index.
        return b ? `((${this.ofFirstLane(a)}+${this.ofFirstLane(b)})|0)` : this.ofFirstLane(a);
      case "shr":
        return `(${this.ofFirstLane(a)}${definition.parts.at(-1) === "s32" ? ">>" : ">>>"}${b ? this.ofFirstLane(b) : 0})`;
      case "mad": {
        const product = `Math.imul(${this.ofFirstLane(a)},${b ? this.ofFirstLane(b) : "0"})`;
        return `((${product}+${c ? this.ofFirstLane(c) : "0"})|0)`;
      }
      case "mov":
      case "cvt":
        return this.ofFirstLane(a);
      default:
        throw this.unsupported(`a lane-linear value from ${definition.opcode}`);
    }
  }

  /** The low 32 bits of an operand as an int32; 16-bit registers are zero-extended. */
  int(operand: Operand): string {
    switch (operand.kind) {
      case "register": {
        if (this.scalar && this.surroundings.uniform[operand.id] === 0)
          return this.ofFirstLane(operand);
        this.need(operand.id, NEED_BITS);
        const { bits } = this.register(operand.id);
        if (bits === 1) return operand.negated ? `(p${operand.id}^1)` : `p${operand.id}`;
        return bits === 64 ? `l${operand.id}` : `r${operand.id}`;
      }
      case "integer":
        return literal(operand.lo);
      case "float32":
        return literal(operand.bits);
      case "float64":
        return literal(operand.lo);
      case "symbol":
        return literal(this.address(operand).lo);
      case "special":
        return specialRegister(this, operand.name)[0];
      default:
        throw this.unsupported();
    }
  }

  /** The high 32 bits of a 64-bit operand. */
  high(operand: Operand): string {
    switch (operand.kind) {
      case "register": {
        if (this.scalar && this.surroundings.uniform[operand.id] === 0) return "0";
        this.need(operand.id, NEED_BITS);
        return this.register(operand.id).bits === 64 ? `h${operand.id}` : "0";
      }
      case "integer":
      case "float64":
        return literal(operand.hi);
      case "symbol":
        return literal(this.address(operand).hi);
      case "special":
        return specialRegister(this, operand.name)[1];
      default:
        throw this.unsupported();
    }
  }

  /** 16 bits as a signed number, or 32 as they are. */
  signed16(operand: Operand): string {
    if (operand.kind === "integer") return literal((operand.lo << 16) >> 16);
    return `(${this.int(operand)}<<16>>16)`;
  }

  /** The low 16 bits, zero-extended. */
  unsigned16(operand: Operand): string {
    if (operand.kind === "integer") return literal(operand.lo & 0xffff);
    if (operand.kind === "register" && this.register(operand.id).bits === 16)
      return this.int(operand);
    return `(${this.int(operand)}&65535)`;
  }

  float32(operand: Operand): string {
    switch (operand.kind) {
      case "register":
        if (this.register(operand.id).bits !== 32) throw this.unsupported();
        this.need(operand.id, NEED_FLOAT);
        return `f${operand.id}`;
      case "float32":
        return floatLiteral(new Float32Array(Int32Array.of(operand.bits).buffer)[0] ?? 0);
      case "float64":
        return floatLiteral(Math.fround(doubleOf(operand.lo, operand.hi)));
      case "integer":
        return floatLiteral(new Float32Array(Int32Array.of(operand.lo).buffer)[0] ?? 0);
      default:
        throw this.unsupported();
    }
  }

  float64(operand: Operand): string {
    switch (operand.kind) {
      case "register":
        if (this.register(operand.id).bits !== 64) throw this.unsupported();
        this.need(operand.id, NEED_FLOAT);
        return `d${operand.id}`;
      case "float64":
      case "integer":
        return floatLiteral(doubleOf(operand.lo, operand.hi));
      case "float32":
        return floatLiteral(new Float32Array(Int32Array.of(operand.bits).buffer)[0] ?? 0);
      default:
        throw this.unsupported();
    }
  }

  predicate(operand: Operand): string {
    if (operand.kind === "integer") return operand.lo !== 0 ? "1" : "0";
    return this.int(operand);
  }

  /** Whether a result is needed as bits, as a float. */
  wants(operand: Operand): { bits: boolean; float: boolean } {
    if (operand.kind !== "register") return { bits: false, float: false };
    const needs = this.needs[operand.id] ?? 0;
    return { bits: (needs & NEED_BITS) !== 0, float: (needs & NEED_FLOAT) !== 0 };
  }

  /** Writes bits: int32 for 32-bit registers, already cut to 16 for 16-bit ones, 0 or 1 for predicates. */
  setInt(operand: Operand, expression: string): void {
    if (operand.kind !== "register") {
      if (operand.kind !== "sink") throw this.unsupported();
      return;
    }
    const { bits } = this.register(operand.id);
    if (bits === 64) {
      this.set64(operand, expression, "0");
      return;
    }
    if (bits === 1) {
      this.line(`p${operand.id}=${expression};`);
      return;
    }
    const { float } = this.wants(operand);
    this.line(`r${operand.id}=${expression};`);
    if (float)
      this.line(`${this.use("SI")}[0]=r${operand.id};f${operand.id}=${this.use("SF")}[0];`);
  }

  /** Writes a float32 value; NaN becomes the canonical NaN when its bits are looked at. */
  setFloat32(operand: Operand, expression: string): void {
    if (operand.kind !== "register") {
      if (operand.kind !== "sink") throw this.unsupported();
      return;
    }
    if (this.register(operand.id).bits !== 32) throw this.unsupported();
    const { bits } = this.wants(operand);
    const f = `f${operand.id}`;
    this.line(`${f}=${expression};`);
    if (bits) {
      const [si, sf] = [this.use("SI"), this.use("SF")];
      this.line(`r${operand.id}=${f}===${f}?(${sf}[0]=${f},${si}[0]):2147483647;`);
    }
  }

  /** Bits that will be used as a float: the same as setInt, but the bits are made only where they are needed. */
  setInt32AsFloat(operand: Operand, expression: string): void {
    const wants = this.wants(operand);
    if (operand.kind !== "register" || wants.bits || !wants.float) {
      this.setInt(operand, expression);
      return;
    }
    if (this.register(operand.id).bits !== 32) throw this.unsupported();
    this.line(`${this.use("SI")}[0]=${expression};f${operand.id}=${this.use("SF")}[0];`);
  }

  /** The bits of a float32 operand, made from its value where the segment has no bits of it. */
  bitsOfFloat(operand: Operand): string {
    if (operand.kind !== "register") return this.int(operand);
    if (this.register(operand.id).bits !== 32) throw this.unsupported();
    if (!this.recording && this.wants(operand).bits) return `r${operand.id}`;
    this.need(operand.id, NEED_FLOAT);
    const f = `f${operand.id}`;
    return `(${this.use("SF")}[0]=${f},${this.use("SI")}[0])`;
  }

  set64(operand: Operand, low: string, high: string): void {
    if (operand.kind !== "register") {
      if (operand.kind !== "sink") throw this.unsupported();
      return;
    }
    const { id } = operand;
    if (this.register(id).bits !== 64) throw this.unsupported();
    const { float } = this.wants(operand);
    // The words may be made of each other: the low one is kept until the high one is known.
    if (high.includes(`l${id}`)) {
      const t = this.temporary();
      this.line(`const ${t}=${low};h${id}=${high};l${id}=${t};`);
    } else this.line(`l${id}=${low};h${id}=${high};`);
    if (float) {
      const si = this.use("SI");
      this.line(`${si}[0]=l${id};${si}[1]=h${id};d${id}=${this.use("SD")}[0];`);
    }
  }

  setFloat64(operand: Operand, expression: string): void {
    if (operand.kind !== "register") {
      if (operand.kind !== "sink") throw this.unsupported();
      return;
    }
    const { id } = operand;
    if (this.register(id).bits !== 64) throw this.unsupported();
    this.line(`d${id}=${expression};`);
    if (this.wants(operand).bits) {
      const si = this.use("SI");
      this.line(
        `if(d${id}===d${id}){${this.use("SD")}[0]=d${id};l${id}=${si}[0];h${id}=${si}[1];}else{l${id}=-1;h${id}=2147483647;}`,
      );
    }
  }

  /** Copies a value of the same width without looking at it. */
  copy(to: Operand, from: Operand): void {
    if (to.kind !== "register") throw this.unsupported();
    const { bits } = this.register(to.id);
    if (bits === 1) this.setInt(to, this.predicate(from));
    else if (bits === 16) this.setInt(to, this.unsigned16(from));
    else {
      // Each form is copied by itself, so that no bits are lost and none is made without need.
      const wants = this.wants(to);
      const wide = bits === 64;
      if (from.kind === "register" && this.register(from.id).bits !== bits) {
        if (wide) this.set64(to, this.int(from), "0");
        else this.setInt(to, this.int(from));
        return;
      }
      if (wants.float)
        this.line(wide ? `d${to.id}=${this.float64(from)};` : `f${to.id}=${this.float32(from)};`);
      if (wants.bits && wide) {
        const [low, high] = [this.int(from), this.high(from)];
        this.line(`l${to.id}=${low};h${to.id}=${high};`);
      } else if (wants.bits) this.line(`r${to.id}=${this.int(from)};`);
    }
  }

  /** The address of a variable. */
  address(operand: { name: string; offset: number }): { lo: number; hi: number } {
    const { body, params, addresses } = this.surroundings;
    const { name, offset } = operand;
    const shared = body.shared.get(name);
    if (shared !== undefined) return { lo: shared + offset, hi: 0 };
    const local = body.local.get(name);
    if (local !== undefined) return { lo: local + offset, hi: 0 };
    const param = params.get(name);
    if (param !== undefined) return { lo: param + offset, hi: PARAM_WINDOW };
    const variable = addresses.get(name);
    if (variable !== undefined) return { lo: variable + offset, hi: MODULE_WINDOW };
    throw this.unsupported(`symbol ${name} in ${this.instruction?.opcode}`);
  }

  /** Declares that memory is accessed through the register or constant `base`, and names the site's locals. */
  site(base: string, bytes: number, store: boolean): SiteUse {
    const key = `${base} ${bytes} ${store}`;
    let site = this.sites.get(key);
    if (!site) {
      site = { name: `s${this.sites.size}`, bytes, store, views: new Set() };
      this.sites.set(key, site);
    }
    return site;
  }
}
