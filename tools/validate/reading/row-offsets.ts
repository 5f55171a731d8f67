import { type Reading, reading } from "./codes.ts";
import { describeFound, type Found, type Origin } from "./places.ts";
import type { PtxFunction, PtxStatement } from "./ptx-statements.ts";

/** A block's number times less than this is a row or a thread; times more, an offset of elements. */
const leastRowElements = 64;
const mostElementBytes = 16;

/** What a register holds of a block's number, whichever way control flows. */
interface Flow {
  /** 32 bits: the number of a block, row or thread. */
  indices: Set<string>;
  /** 32 bits: sizes of the launch, which do not make an offset of an index. */
  launchSizes: Set<string>;
  constants: Map<string, number>;
  /** 32 bits: index times row size, with the multiplication. */
  scaled: Map<string, PtxStatement>;
  /** 64 bits, made from `scaled`. */
  wide: Map<string, PtxStatement>;
}

/**
 * Multiplications in 32 bits of something that comes from the block's number, whose result becomes
 * part of a global address. Which rows a kernel is given decides whether it ever wraps: a warning.
 */
export function readRowOffsets(functions: readonly PtxFunction[], origin: Origin): Reading[] {
  const found: Found[] = [];
  for (const { name, statements } of functions) {
    const { wide } = follow(statements);
    const seen = new Set<PtxStatement>();
    for (const use of statements) {
      const statement = multiplicationBehind(use, wide);
      if (!statement || seen.has(statement)) continue;
      seen.add(statement);
      // What was moved out of a loop has no place of its own: that of the access stands for it.
      const location = statement.location ?? use.location;
      found.push({ kernel: name, statement: { ...statement, location } });
    }
  }
  if (found.length === 0) return [];
  const { detail, source } = describeFound(found, origin);
  return [reading("offset_32_bit", detail, { source })];
}

/** To a fixed point, as loops carry values backwards; a handful of rounds. */
function follow(statements: readonly PtxStatement[]): Flow {
  const flow: Flow = {
    ...{ indices: new Set(), launchSizes: new Set(), constants: new Map() },
    ...{ scaled: new Map(), wide: new Map() },
  };
  const size = () => flow.indices.size + flow.scaled.size + flow.wide.size;
  for (let before = -1; before !== size(); ) {
    before = size();
    for (const statement of statements) step(statement, flow);
  }
  return flow;
}

type Step = (statement: PtxStatement, flow: Flow) => void;

/** By the opcode's form; what is not here carries no offset. */
const forms: readonly (readonly [RegExp, Step])[] = [
  [/^mov\.[busf]32$/u, move],
  [/^(?:mul|mad)\.lo\.[su]32$/u, multiplyAdd],
  [/^shl\.b32$/u, shiftLeft],
  [
    /^(?:add|sub|or|selp|min|max|xor)\.[bsu]32$/u,
    ({ operands: [to = "", a = "", b = ""] }, flow) => keep(to, [a, b], flow),
  ],
  [
    /^(?:shr|div|rem|and)\.[bsu]32$/u,
    ({ operands: [to = "", a = ""] }, flow) => void (isBlock(a, flow) && flow.indices.add(to)),
  ],
  [
    /^(?:cvt\.[su]64\.[su]32|(?:mul|mad)\.wide\.[su]32|mul\.lo\.[su]64|shl\.b64|(?:add|sub|or|selp|mov)\.[bsu]64|cvta\..*)$/u,
    widen,
  ],
];

const stepOf = new Map<string, Step | undefined>();

function step(statement: PtxStatement, flow: Flow): void {
  const { opcode } = statement;
  if (!stepOf.has(opcode)) stepOf.set(opcode, forms.find(([form]) => form.test(opcode))?.[1]);
  stepOf.get(opcode)?.(statement, flow);
}

function move({ operands: [to = "", from = ""] }: PtxStatement, flow: Flow): void {
  if (/^%ctaid\./u.test(from)) flow.indices.add(to);
  else if (/^%n(?:tid|ctaid)\./u.test(from)) flow.launchSizes.add(to);
  else if (/^-?\d+$/u.test(from)) flow.constants.set(to, Number(from));
  else keep(to, [from], flow);
}

function multiplyAdd(statement: PtxStatement, flow: Flow): void {
  const [to = "", a = "", b = "", c = ""] = statement.operands;
  if (statement.opcode.startsWith("mad")) keep(to, [c], flow);
  multiply(statement, a, b, flow);
}

function shiftLeft(statement: PtxStatement, flow: Flow): void {
  const [, a = "", by = ""] = statement.operands;
  multiply(statement, a, /^\d+$/u.test(by) ? String(2 ** Number(by)) : by, flow);
}

/** A sum with an offset is an offset; with an index, an index. */
function keep(to: string, from: readonly string[], flow: Flow): void {
  const scaled = from.map((one) => flow.scaled.get(one)).find(Boolean);
  if (scaled) flow.scaled.set(to, flow.scaled.get(to) ?? scaled);
  else if (from.some((one) => flow.indices.has(one))) flow.indices.add(to);
}

function multiply(statement: PtxStatement, a: string, b: string, flow: Flow): void {
  const to = statement.operands[0] ?? "";
  const [block, factor] = isBlock(a, flow) ? [a, b] : [b, a];
  if (!isBlock(block, flow)) return;
  const known = /^\d+$/u.test(factor) ? Number(factor) : flow.constants.get(factor);
  const small = known === undefined ? flow.launchSizes.has(factor) : known < leastRowElements;
  const before = flow.scaled.get(block);
  if (!small) flow.scaled.set(to, flow.scaled.get(to) ?? statement);
  else if (before) flow.scaled.set(to, flow.scaled.get(to) ?? before);
  else flow.indices.add(to);
}

function isBlock(register: string, flow: Flow): boolean {
  return flow.indices.has(register) || flow.scaled.has(register);
}

/** From 32 to 64 bits, and on to an address: times the bytes of an element, but not times a row. */
function widen({ opcode, operands }: PtxStatement, flow: Flow): void {
  const [to = "", a = "", b = "", c = ""] = operands;
  const put = (from: PtxStatement | undefined) => {
    if (from && !flow.wide.has(to)) flow.wide.set(to, from);
  };
  const isElement = (text: string) => /^\d+$/u.test(text) && Number(text) <= mostElementBytes;
  if (/^cvt\.[su]64\.[su]32$/u.test(opcode)) put(flow.scaled.get(a));
  else if (/^(?:mul|mad)\.wide\.[su]32$/u.test(opcode)) {
    if (isElement(b)) put(flow.scaled.get(a));
    if (opcode.startsWith("mad")) put(flow.wide.get(c));
  } else if (/^mul\.lo\.[su]64$/u.test(opcode)) {
    if (isElement(b)) put(flow.wide.get(a));
  } else if (/^shl\.b64$/u.test(opcode)) {
    if (/^\d+$/u.test(b) && 2 ** Number(b) <= mostElementBytes) put(flow.wide.get(a));
  } else if (/^(?:add|sub|or|selp)\.[bsu]64$/u.test(opcode)) {
    put(flow.wide.get(a) ?? flow.wide.get(b));
  } else if (/^(?:mov\.[bsu]64|cvta\.)/u.test(opcode)) {
    put(flow.wide.get(a));
  }
}

function multiplicationBehind(
  { opcode, operands }: PtxStatement,
  wide: ReadonlyMap<string, PtxStatement>,
): PtxStatement | undefined {
  if (!/^(?:ld|st|atom|red|cp\.async)\b/u.test(opcode)) return undefined;
  if (/^(?:ld|st|atom|red)\.(?:shared|local|param|const)\b/u.test(opcode)) return undefined;
  for (const operand of operands) {
    const base = /^\[(%\w+)/u.exec(operand)?.[1];
    const statement = base === undefined ? undefined : wide.get(base);
    if (statement) return statement;
  }
  return undefined;
}
