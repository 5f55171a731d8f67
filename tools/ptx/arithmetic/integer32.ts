// 32-bit (and narrower) integer instructions on JS numbers. Operands may be int32 or uint32; results are
// int32 unless said otherwise. Semantics: PTX ISA 9.7.1 (arithmetic), 9.7.2 (extended precision), 9.7.8 (logic, shift).
// Inline, no function needed: add (a + b) | 0, mul.lo Math.imul(a, b), min/max Math.min on >> 0 or >>> 0,
// clz Math.clz32(a), and or xor not.

/** mul.hi.u32 as int32. The double product minus its exact low word is a multiple of 2^32 to within 2^12. */
export function mulHiU32(a: number, b: number): number {
  const product = (a >>> 0) * (b >>> 0);
  const low = Math.imul(a, b) >>> 0;
  return Math.floor((product - low) * 2 ** -32 + 0.5) | 0;
}

/** mul.hi.s32 as int32: the unsigned product corrected for two's complement operands. */
export function mulHiS32(a: number, b: number): number {
  return (mulHiU32(a, b) - ((a >> 31) & b) - ((b >> 31) & a)) | 0;
}

/** shl.b32: shift amounts above 32 are clamped to 32 (PTX ISA 9.7.8.8), so they give 0. */
export function shl32(a: number, n: number): number {
  return n >>> 0 > 31 ? 0 : a << n;
}

/** shr.u32: zero fill; amounts above 32 are clamped. */
export function shrU32(a: number, n: number): number {
  return n >>> 0 > 31 ? 0 : (a >>> n) | 0;
}

/** shr.s32: sign fill; amounts above 32 are clamped. */
export function shrS32(a: number, n: number): number {
  return n >>> 0 > 31 ? a >> 31 : a >> n;
}

/** shf.l.{clamp,wrap}.b32: the high word of (b:a) << n, n clamped to 32 or taken modulo 32. */
export function funnelLeft(a: number, b: number, n: number, wrap: boolean): number {
  const shift = wrap ? n & 31 : Math.min(n >>> 0, 32);
  return shift === 0 ? b | 0 : shift === 32 ? a | 0 : (b << shift) | (a >>> (32 - shift));
}

/** shf.r.{clamp,wrap}.b32: the low word of (b:a) >> n. */
export function funnelRight(a: number, b: number, n: number, wrap: boolean): number {
  const shift = wrap ? n & 31 : Math.min(n >>> 0, 32);
  return shift === 0 ? a | 0 : shift === 32 ? b | 0 : (b << (32 - shift)) | (a >>> shift);
}

/** div.u32. Division by zero is unspecified in the ISA; GPUs give all ones, and so does this. */
export function divU32(a: number, b: number): number {
  return b === 0 ? -1 : ((a >>> 0) / (b >>> 0)) | 0;
}

/** div.s32, toward zero; INT_MIN / -1 = INT_MIN; division by zero gives all ones. */
export function divS32(a: number, b: number): number {
  return b === 0 ? -1 : ((a | 0) / (b | 0)) | 0;
}

/** rem.u32; by zero: all ones (H200; the ISA leaves it unspecified). */
export function remU32(a: number, b: number): number {
  return b === 0 ? -1 : ((a >>> 0) % (b >>> 0)) | 0;
}

/** rem.s32, sign of the dividend; by zero: all ones. */
export function remS32(a: number, b: number): number {
  return b === 0 ? -1 : ((a | 0) % (b | 0)) | 0;
}

/** mul24.lo: the low 32 bits of the 48-bit product of the low 24 bits. */
export function mul24Lo(a: number, b: number, signed: boolean): number {
  return Math.imul(low24(a, signed), low24(b, signed));
}

/** mul24.hi: bits 47..16 of the 48-bit product of the low 24 bits. */
export function mul24Hi(a: number, b: number, signed: boolean): number {
  return Math.floor((low24(a, signed) * low24(b, signed)) / 65536) | 0;
}

/** mad24.hi.sat.s32 adds with saturation; all other mad24 forms are mul24 plus c, wrapping. */
export function addSatS32(a: number, b: number): number {
  return Math.max(-2147483648, Math.min(2147483647, (a | 0) + (b | 0)));
}

function low24(a: number, signed: boolean): number {
  return signed ? (a << 8) >> 8 : a & 0xffffff;
}

/** sub.sat.s32. */
export function subSatS32(a: number, b: number): number {
  return Math.max(-2147483648, Math.min(2147483647, (a | 0) - (b | 0)));
}

/** sad.s32: c + |a - b|, wrapping. */
export function sadS32(a: number, b: number, c: number): number {
  return (c + Math.abs((a | 0) - (b | 0))) | 0;
}

/** sad.u32: c + |a - b|, wrapping. */
export function sadU32(a: number, b: number, c: number): number {
  return (c + Math.abs((a >>> 0) - (b >>> 0))) | 0;
}

/** dp4a: c plus the dot product of four bytes; each operand's bytes signed or unsigned, wrapping. */
export function dp4a(a: number, b: number, c: number, aSigned: boolean, bSigned: boolean): number {
  let sum = c;
  for (let shift = 0; shift < 32; shift += 8)
    sum += byteAt(a, shift, aSigned) * byteAt(b, shift, bSigned);
  return sum | 0;
}

/** dp2a.{lo,hi}: c plus two 16-bit elements of a times two bytes of b, its lower pair or (hi) its upper one. */
export function dp2a(
  a: number,
  b: number,
  c: number,
  aSigned: boolean,
  bSigned: boolean,
  hi: boolean,
): number {
  const first = hi ? 16 : 0;
  const a0 = aSigned ? (a << 16) >> 16 : a & 0xffff;
  const a1 = aSigned ? a >> 16 : a >>> 16;
  return (c + a0 * byteAt(b, first, bSigned) + a1 * byteAt(b, first + 8, bSigned)) | 0;
}

function byteAt(a: number, shift: number, signed: boolean): number {
  return signed ? (a << (24 - shift)) >> 24 : (a >>> shift) & 0xff;
}

/** Modes of prmt; "" is the general form, where c's four nibbles select bytes of b:a. */
export type PermuteMode = "" | "f4e" | "b4e" | "rc8" | "ecl" | "ecr" | "rc16";

// Selectors by mode for c = 0, 1, 2, 3: bytes for d, least significant nibble first (PTX ISA 9.7.9.7).
const permuteSelectors: Record<Exclude<PermuteMode, "">, readonly number[]> = {
  f4e: [0x3210, 0x4321, 0x5432, 0x6543],
  b4e: [0x5670, 0x6701, 0x7012, 0x0123],
  rc8: [0x0000, 0x1111, 0x2222, 0x3333],
  ecl: [0x3210, 0x3211, 0x3222, 0x3333],
  ecr: [0x0000, 0x1110, 0x2210, 0x3210],
  rc16: [0x1010, 0x3232, 0x1010, 0x3232],
};

/** prmt.b32{.mode}: bytes of b:a picked by nibbles; a nibble's top bit (general form) replicates the byte's sign. */
export function permute(a: number, b: number, c: number, mode: PermuteMode = ""): number {
  const selector = mode === "" ? c : (permuteSelectors[mode][c & 3] as number);
  let result = 0;
  for (let i = 0; i < 4; i++) {
    const nibble = (selector >>> (4 * i)) & 0xf;
    const byte = ((nibble & 4 ? b : a) >>> (8 * (nibble & 3))) & 0xff;
    const picked = nibble & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
    result |= picked << (8 * i);
  }
  return result;
}

/** lop3.b32: bit by bit the entry of the 8-bit table at index a * 4 + b * 2 + c (0xf0, 0xcc, 0xaa stand for a, b, c). */
export function lop3(a: number, b: number, c: number, table: number): number {
  let result = 0;
  if (table & 0x01) result |= ~a & ~b & ~c;
  if (table & 0x02) result |= ~a & ~b & c;
  if (table & 0x04) result |= ~a & b & ~c;
  if (table & 0x08) result |= ~a & b & c;
  if (table & 0x10) result |= a & ~b & ~c;
  if (table & 0x20) result |= a & ~b & c;
  if (table & 0x40) result |= a & b & ~c;
  if (table & 0x80) result |= a & b & c;
  return result;
}

/** popc.b32. */
export function popc32(a: number): number {
  const pairs = a - ((a >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

/** brev.b32. */
export function brev32(a: number): number {
  let x = ((a >>> 1) & 0x55555555) | ((a & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return (x >>> 16) | (x << 16);
}

/** bfind{.shiftamt}.{u32,s32}: position of the highest bit unlike the sign (0 for u32); -1 if none; shiftamt: 31 - it. */
export function bfind32(a: number, signed: boolean, shiftAmount: boolean): number {
  const value = signed && a >> 31 !== 0 ? ~a : a;
  if (value === 0) return -1;
  return shiftAmount ? Math.clz32(value) : 31 - Math.clz32(value);
}

/** bfe.{u32,s32}: len bits from pos (both taken from 8 bits); sign from the field's last bit or bit 31, whichever is lower. */
export function bfe32(a: number, position: number, length: number, signed: boolean): number {
  const pos = position & 0xff;
  const len = length & 0xff;
  if (len === 0) return 0;
  if (pos > 31) return signed ? a >> 31 : 0;
  const left = Math.max(0, 32 - pos - len);
  return signed ? (a << left) >> (left + pos) : ((a << left) >>> (left + pos)) | 0;
}

/** bfi.b32: the low len bits of a put into b at pos; pos and len are taken from 8 bits, bits past 31 are dropped. */
export function bfi32(a: number, b: number, position: number, length: number): number {
  const pos = position & 0xff;
  const len = length & 0xff;
  if (pos > 31 || len === 0) return b | 0;
  const mask = (len > 31 ? -1 : (1 << len) - 1) << pos;
  return (b & ~mask) | ((a << pos) & mask);
}

/** bmsk.{clamp,wrap}.b32: `width` ones from bit `position`; clamp limits both to 32, wrap takes them modulo 32. */
export function bmsk(position: number, width: number, wrap: boolean): number {
  const pos = wrap ? position & 31 : Math.min(position >>> 0, 32);
  const count = wrap ? width & 31 : Math.min(width >>> 0, 32);
  return shl32(count === 32 ? -1 : (1 << count) - 1, pos);
}

/** szext.{clamp,wrap}.{u32,s32}: a extended from its low n bits; n = 0 gives 0, n >= 32 (clamp) gives a. */
export function szext(a: number, n: number, signed: boolean, wrap: boolean): number {
  const bits = wrap ? n & 31 : Math.min(n >>> 0, 32);
  if (bits === 0) return 0;
  const shift = 32 - bits;
  return signed ? (a << shift) >> shift : ((a << shift) >>> shift) | 0;
}
