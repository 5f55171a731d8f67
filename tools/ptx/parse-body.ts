import { nameCarry } from "./carry.ts";
import { isSync } from "./control-flow.ts";
import { PtxError } from "./fault.ts";
import type {
  Body,
  FunctionSource,
  Instruction,
  Operand,
  ParsedModule,
  Register,
  RegisterBits,
} from "./module.ts";
import { parseOperand, splitOperands } from "./operands.ts";
import { alignUp, layoutShared, parseDeclarator } from "./parse-module.ts";
import { lookUp, newScope, registerBits, type Scope } from "./scope.ts";
import { SourceLocations } from "./source-locations.ts";

/** Functions of CUDA's device run time that we answer ourselves. */
export const systemFunctions = new Set(["__assertfail", "vprintf"]);
const deepestCalls = 24;
const mostLocalBytes = 512 * 1024; // of a thread, on all GPUs (CUDA programming guide)

/** Reads a kernel's body; calls of device functions are expanded in place, as `nvcc` does with most. */
export function parseBody(module: ParsedModule, kernel: FunctionSource): Body {
  return new BodyReader(module, kernel).read();
}

class BodyReader {
  readonly module: ParsedModule;
  readonly kernel: FunctionSource;
  readonly instructions: Instruction[] = [];
  readonly registers: Register[] = [];
  readonly sources: SourceLocations;
  readonly local = new Map<string, number>();
  localBytes = 0;
  unique = 0;
  location = 0;
  line = 0;
  readonly branches: { instruction: Instruction; names: string[]; scope: Scope }[] = [];
  readonly callStack: string[] = [];

  constructor(module: ParsedModule, kernel: FunctionSource) {
    this.module = module;
    this.kernel = kernel;
    this.sources = new SourceLocations(module.files);
  }

  read(): Body {
    this.readFunction(this.kernel, newScope(undefined), undefined);
    for (const { instruction, names, scope } of this.branches) {
      instruction.targets = names.map((name) => this.findLabel(name, scope, instruction));
    }
    const shared = layoutShared(this.kernel, this.module.functions, this.module.variables);
    return {
      instructions: this.instructions,
      registers: this.registers,
      locations: this.sources.all,
      shared: shared.offsets,
      static_shared_bytes: shared.bytes,
      dynamic_shared_start: shared.dynamicStart,
      local_bytes: alignUp(this.localBytes, 32),
      local: this.local,
    };
  }

  /** Where the text is, for errors. */
  where(opcode?: string): {
    line: number;
    source_file?: string;
    source_line?: number;
    opcode?: string;
  } {
    const source = this.sources.all[this.location];
    return {
      line: this.line,
      ...(source?.file === undefined ? {} : { source_file: source.file, source_line: source.line }),
      ...(opcode === undefined ? {} : { opcode }),
    };
  }

  readFunction(fn: FunctionSource, outer: Scope, returnLabel: string | undefined): void {
    const text = fn.body ?? "";
    let scope = outer;
    let position = 0;
    this.line = fn.line;
    const skip = /\S/gu;
    const count = (from: number, to: number): void => {
      for (let i = text.indexOf("\n", from); i >= 0 && i < to; i = text.indexOf("\n", i + 1)) {
        this.line++;
      }
    };
    for (;;) {
      skip.lastIndex = position;
      const found = skip.exec(text);
      if (!found) break;
      count(position, found.index);
      position = found.index;
      const c = text[position];
      if (c === "{") {
        scope = newScope(scope);
        position++;
      } else if (c === "}") {
        scope = scope.parent ?? scope;
        position++;
      } else if (c === ";") position++;
      else if (/^\.(?:loc|file)\s/u.test(text.slice(position, position + 6))) {
        const end = endOfLine(text, position);
        this.location = this.sources.read(text.slice(position, end)) ?? this.location;
        position = end;
      } else {
        const label = /^[%$\w]+\s*:(?!:)/u.exec(text.slice(position, position + 256));
        if (label) {
          const name = label[0].slice(0, -1).trim();
          position += label[0].length;
          const table = /^\s*\.(?:branchtargets|calltargets|callprototype)\b/u.exec(
            text.slice(position, position + 40),
          );
          if (table) {
            const end = endOfStatement(text, position);
            this.tables.set(name, text.slice(position, end).replace(/^\s*\.\w+/u, ""));
            count(position, end);
            position = end + 1;
          } else scope.labels.set(name, this.instructions.length);
          continue;
        }
        const end = endOfStatement(text, position);
        const statement = text.slice(position, end);
        const startLine = this.line;
        this.readStatement(statement, scope, returnLabel);
        this.line = startLine;
        count(position, end);
        position = end + 1;
      }
    }
  }

  readonly tables = new Map<string, string>();

  readStatement(text: string, scope: Scope, returnLabel: string | undefined): void {
    if (text[0] === ".") {
      this.readDirective(text.trim(), scope);
      return;
    }
    const match = /^(?:@\s*(!?)\s*([%\w$]+)\s+)?([a-z][\w.:]*)\s*([\s\S]*)$/u.exec(text);
    if (!match) {
      throw new PtxError("syntax", `statement "${text.trim().slice(0, 60)}"`, this.where());
    }
    const [, negated, guardName, opcode = "", rest = ""] = match;
    let guard: Instruction["guard"];
    if (guardName !== undefined) {
      const id = this.findRegister(guardName, scope);
      if (id === undefined) {
        throw new PtxError("syntax", `unknown predicate ${guardName}`, this.where(opcode));
      }
      guard = { id, negated: negated === "!" };
    }
    const parts = opcode.split(".");
    if (parts[0] === "call") {
      this.readCall(opcode, rest, guard, scope);
      return;
    }
    const instruction: Instruction = {
      opcode,
      parts,
      guard,
      operands: [],
      line: this.line,
      location: this.location,
      targets: [],
    };
    const name = parts[0] ?? "";
    if (guard && (name === "ret" || name === "exit" || name === "brx" || isSync(instruction))) {
      // A guarded exit or .sync becomes a branch round an unguarded one.
      this.pushBranch({ id: guard.id, negated: !guard.negated }).targets = [
        this.instructions.length + 1,
      ];
      instruction.guard = undefined;
    }
    this.instructions.push(instruction);
    if (name === "bra") {
      this.branches.push({ instruction, names: [rest.trim()], scope });
      return;
    }
    if (name === "ret" && returnLabel !== undefined) {
      instruction.opcode = "bra";
      instruction.parts = ["bra"];
      this.branches.push({ instruction, names: [returnLabel], scope });
      return;
    }
    for (const part of splitOperands(rest.trim())) {
      const operand = parseOperand(part, (name) => this.findRegister(name, scope));
      if (!operand)
        throw new PtxError("syntax", `operand "${part}" of ${opcode}`, this.where(opcode));
      instruction.operands.push(this.resolve(operand, scope));
    }
    nameCarry(instruction, this.registers);
    if (opcode.startsWith("brx.idx")) {
      const table = instruction.operands[1];
      const names = table?.kind === "symbol" ? this.tables.get(table.name) : undefined;
      if (names === undefined)
        throw new PtxError("syntax", "brx.idx without its table", this.where(opcode));
      this.branches.push({ instruction, names: splitOperands(names.trim()), scope });
    }
  }

  /** Symbols of `.local` and `.param` variables get the unique name of this scope's variable. */
  resolve(operand: Operand, scope: Scope): Operand {
    if (operand.kind === "symbol") {
      const name = lookUp(scope, (s) => s.variables.get(operand.name));
      if (name !== undefined) return { ...operand, name };
    } else if (operand.kind === "address" && operand.base) {
      return { ...operand, base: this.resolve(operand.base, scope) };
    } else if (operand.kind === "vector" || operand.kind === "list") {
      return { ...operand, items: operand.items.map((item) => this.resolve(item, scope)) };
    }
    return operand;
  }

  readDirective(text: string, scope: Scope): void {
    const word = /^\.\w+/u.exec(text)?.[0];
    if (word === ".reg") this.readRegisters(text, scope);
    else if (word === ".local" || word === ".param") {
      const declaration = parseDeclarator(text);
      if (!declaration) throw new PtxError("syntax", `declaration "${text}"`, this.where());
      this.declareLocal(declaration.name, declaration.bytes ?? 0, declaration.align, scope);
    } else if (
      word !== ".shared" &&
      word !== ".pragma" &&
      word !== ".global" &&
      word !== ".const"
    ) {
      throw new PtxError("unsupported", `directive ${word ?? text}`, this.where(word));
    }
  }

  declareLocal(name: string, bytes: number, align: number, scope: Scope): string {
    const unique = `${name}#${this.unique++}`;
    this.localBytes = alignUp(this.localBytes, Math.max(align, 8));
    this.local.set(unique, this.localBytes);
    this.localBytes += bytes;
    if (this.localBytes > mostLocalBytes)
      throw new PtxError("unsupported", `${bytes} bytes of local memory`, this.where());
    scope.variables.set(name, unique);
    return unique;
  }

  readRegisters(text: string, scope: Scope): void {
    const match = /^\.reg\s+(?:\.v[24]\s+)?\.(\w+)\s+([\s\S]*)$/u.exec(text);
    if (!match) throw new PtxError("syntax", `declaration "${text}"`, this.where());
    const bits = registerBits(match[1] ?? "");
    if (bits === undefined)
      throw new PtxError("unsupported", `registers of type ${match[1]}`, this.where());
    for (const part of (match[2] ?? "").split(",")) {
      const name = part.trim();
      const range = /^([%\w$]+)<(\d+)>$/u.exec(name);
      if (range) scope.ranges.push({ prefix: range[1] ?? "", count: Number(range[2]), bits });
      else scope.names.set(name, this.newRegister(name, bits));
    }
  }

  newRegister(name: string, bits: RegisterBits): number {
    this.registers.push({ name, bits });
    return this.registers.length - 1;
  }

  findRegister(name: string, scope: Scope): number | undefined {
    return lookUp(scope, (s) => {
      const id = s.names.get(name);
      if (id !== undefined) return id;
      for (const { prefix, count, bits } of s.ranges) {
        if (!name.startsWith(prefix)) continue;
        const digits = name.slice(prefix.length);
        if (!/^\d+$/u.test(digits) || Number(digits) >= count) continue;
        const created = this.newRegister(name, bits);
        s.names.set(name, created);
        return created;
      }
      return undefined;
    });
  }

  findLabel(name: string, scope: Scope, instruction: Instruction): number {
    const at = lookUp(scope, (s) => s.labels.get(name));
    if (at !== undefined) return at;
    throw new PtxError("syntax", `label ${name} is not defined`, { line: instruction.line });
  }

  pushBranch(guard: Instruction["guard"]): Instruction {
    const branch: Instruction = {
      opcode: "bra",
      parts: ["bra"],
      guard,
      operands: [],
      line: this.line,
      location: this.location,
      targets: [],
    };
    this.instructions.push(branch);
    return branch;
  }

  readCall(opcode: string, rest: string, guard: Instruction["guard"], scope: Scope): void {
    const parts = splitOperands(rest.trim());
    const returns = parts[0]?.startsWith("(")
      ? splitOperands(parts.shift()?.slice(1, -1) ?? "")
      : [];
    const name = parts.shift() ?? "";
    const args = parts[0]?.startsWith("(") ? splitOperands(parts[0].slice(1, -1)) : [];
    const fn = this.module.functions.get(name);
    if (systemFunctions.has(name)) {
      const operands = [...args, ...returns].map((part) => {
        const operand = parseOperand(part, (register) => this.findRegister(register, scope));
        if (!operand)
          throw new PtxError("syntax", `operand "${part}" of ${opcode}`, this.where(opcode));
        return this.resolve(operand, scope);
      });
      this.instructions.push({
        opcode: `call.${name}`,
        parts: ["call", name],
        guard,
        operands,
        line: this.line,
        location: this.location,
        targets: [],
      });
      return;
    }
    if (fn?.body === undefined) {
      const what = fn ? `call of ${name}, which has no body here` : `call through ${name}`;
      throw new PtxError("unsupported", what, this.where(opcode));
    }
    if (this.callStack.includes(name) || this.callStack.length >= deepestCalls) {
      throw new PtxError("unsupported", `recursive call of ${name}`, this.where(opcode));
    }
    this.expandCall(fn, returns, args, guard, scope);
  }

  /** The callee's formal parameters become other names of the caller's variables; `ret` a jump to the end. */
  expandCall(
    fn: FunctionSource,
    returns: string[],
    args: string[],
    guard: Instruction["guard"],
    scope: Scope,
  ): void {
    const inner = newScope(undefined);
    const end = `%return${this.unique++}`;
    const bind = (
      formals: readonly { name: string; bytes: number; align: number }[],
      actuals: string[],
    ): void => {
      formals.forEach((formal, index) => {
        const actual = actuals[index] ?? "";
        const register = this.findRegister(actual, scope);
        if (register !== undefined) inner.names.set(formal.name, register);
        const variable = lookUp(scope, (s) => s.variables.get(actual));
        if (variable !== undefined) inner.variables.set(formal.name, variable);
        if (register === undefined && variable === undefined) {
          throw new PtxError(
            "unsupported",
            `argument "${actual}" of ${fn.name}`,
            this.where("call"),
          );
        }
      });
    };
    bind(fn.params, args);
    bind(fn.returns, returns);
    if (guard) {
      const skip = this.pushBranch({ id: guard.id, negated: !guard.negated });
      this.branches.push({ instruction: skip, names: [end], scope: inner });
    }
    const { line, location } = this;
    this.callStack.push(fn.name);
    this.readFunction(fn, inner, end);
    this.callStack.pop();
    inner.labels.set(end, this.instructions.length);
    this.line = line;
    this.location = location;
  }
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end;
}

function endOfStatement(text: string, from: number): number {
  const end = text.indexOf(";", from);
  if (end < 0) return text.length;
  // A semicolon between quotes, as a .pragma may have, ends nothing.
  const quote = text.slice(from, end).indexOf('"');
  if (quote < 0) return end;
  const close = text.indexOf('"', from + quote + 1);
  return close > end ? endOfStatement(text, close + 1) : end;
}
