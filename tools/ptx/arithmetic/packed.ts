// Packed halves: f16x2 and bf16x2 in one int32, element 0 in the low 16 bits (PTX ISA 5.2.5.1).
import * as halves from "./halves.ts";

/** Two 16-bit patterns as an int32: `low` is element 0. */
export function pack2(low: number, high: number): number {
  return (low & 0xffff) | (high << 16);
}

/** cvt.rn.f16x2.f32 d, a, b: a goes to the high half, b to the low one. */
export function toF16x2(a: number, b: number): number {
  return pack2(halves.toF16(b), halves.toF16(a));
}

/** cvt.rn.bf16x2.f32 d, a, b: a goes to the high half, b to the low one. */
export function toBf16x2(a: number, b: number): number {
  return pack2(halves.toBf16(b), halves.toBf16(a));
}

/** A one-operand function on bits applied to both halves. */
export function mapHalves(a: number, f: (a: number) => number): number {
  return (f(a & 0xffff) & 0xffff) | (f(a >>> 16) << 16);
}

/** add.rn.f16x2. */
export function addF16x2(a: number, b: number): number {
  return pack2(halves.addF16(a & 0xffff, b & 0xffff), halves.addF16(a >>> 16, b >>> 16));
}

/** sub.rn.f16x2. */
export function subF16x2(a: number, b: number): number {
  return pack2(halves.subF16(a & 0xffff, b & 0xffff), halves.subF16(a >>> 16, b >>> 16));
}

/** mul.rn.f16x2. */
export function mulF16x2(a: number, b: number): number {
  return pack2(halves.mulF16(a & 0xffff, b & 0xffff), halves.mulF16(a >>> 16, b >>> 16));
}

/** fma.rn.f16x2. */
export function fmaF16x2(a: number, b: number, c: number): number {
  return pack2(
    halves.fmaF16(a & 0xffff, b & 0xffff, c & 0xffff),
    halves.fmaF16(a >>> 16, b >>> 16, c >>> 16),
  );
}

/** add.rn.bf16x2. */
export function addBf16x2(a: number, b: number): number {
  return pack2(halves.addBf16(a & 0xffff, b & 0xffff), halves.addBf16(a >>> 16, b >>> 16));
}

/** sub.rn.bf16x2. */
export function subBf16x2(a: number, b: number): number {
  return pack2(halves.subBf16(a & 0xffff, b & 0xffff), halves.subBf16(a >>> 16, b >>> 16));
}

/** mul.rn.bf16x2. */
export function mulBf16x2(a: number, b: number): number {
  return pack2(halves.mulBf16(a & 0xffff, b & 0xffff), halves.mulBf16(a >>> 16, b >>> 16));
}

/** fma.rn.bf16x2. */
export function fmaBf16x2(a: number, b: number, c: number): number {
  return pack2(
    halves.fmaBf16(a & 0xffff, b & 0xffff, c & 0xffff),
    halves.fmaBf16(a >>> 16, b >>> 16, c >>> 16),
  );
}

/** neg.f16x2 / neg.bf16x2. */
export function negHalf2(a: number): number {
  return a ^ 0x80008000;
}

/** abs.f16x2 / abs.bf16x2. */
export function absHalf2(a: number): number {
  return a & 0x7fff7fff;
}

/** min{.NaN}.f16x2. */
export function minF16x2(a: number, b: number, nan = false): number {
  return pack2(halves.minF16(a & 0xffff, b & 0xffff, nan), halves.minF16(a >>> 16, b >>> 16, nan));
}

/** max{.NaN}.f16x2. */
export function maxF16x2(a: number, b: number, nan = false): number {
  return pack2(halves.maxF16(a & 0xffff, b & 0xffff, nan), halves.maxF16(a >>> 16, b >>> 16, nan));
}

/** min{.NaN}.bf16x2. */
export function minBf16x2(a: number, b: number, nan = false): number {
  return pack2(
    halves.minBf16(a & 0xffff, b & 0xffff, nan),
    halves.minBf16(a >>> 16, b >>> 16, nan),
  );
}

/** max{.NaN}.bf16x2. */
export function maxBf16x2(a: number, b: number, nan = false): number {
  return pack2(
    halves.maxBf16(a & 0xffff, b & 0xffff, nan),
    halves.maxBf16(a >>> 16, b >>> 16, nan),
  );
}
