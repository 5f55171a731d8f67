// Operations per second of the hot forms, over 32-lane loops: `npx tsx test/ptx/arithmetic/throughput.ts`.
import { fma32, fma32Slow } from "../../../tools/ptx/arithmetic/float32.ts";
import * as halves from "../../../tools/ptx/arithmetic/halves.ts";
import { mulHiU32 } from "../../../tools/ptx/arithmetic/integer32.ts";

const lanes = 32;
const a = Float32Array.from({ length: lanes }, (_, i) => Math.fround(Math.sin(i + 1)));
const b = Float32Array.from({ length: lanes }, (_, i) => Math.fround(Math.cos(i + 1)));
const r = new Float32Array(lanes);
const bits = new Int32Array(r.buffer);
const half = Uint16Array.from({ length: lanes }, (_, i) => 0x3c00 + 37 * i);
const D = new Float64Array(1);
const L = new Int32Array(D.buffer);

const forms: Record<string, () => void> = {
  "fma32 inline": () => {
    for (let i = 0; i < lanes; i++) {
      const x = a[i] as number;
      const y = b[i] as number;
      const z = r[i] as number;
      const s = x * y + z;
      const rounded = Math.fround(s);
      D[0] = s;
      r[i] = ((L[0] as number) & 0xfffffff) === 0 && rounded !== s ? fma32Slow(x, y, z) : rounded;
    }
  },
  "fma32 call": () => {
    for (let i = 0; i < lanes; i++) r[i] = fma32(a[i] as number, b[i] as number, r[i] as number);
  },
  "fround(a * b + c), wrong in ties": () => {
    for (let i = 0; i < lanes; i++) r[i] = (a[i] as number) * (b[i] as number) + (r[i] as number);
  },
  "bf16 to f32 inline": () => {
    for (let i = 0; i < lanes; i++) bits[i] = (half[i] as number) << 16;
  },
  "bf16 to f32 call": () => {
    for (let i = 0; i < lanes; i++) r[i] = halves.fromBf16(half[i] as number);
  },
  "f32 bits to bf16 call": () => {
    for (let i = 0; i < lanes; i++) half[i] = halves.f32BitsToBf16(bits[i] as number);
  },
  "f32 bits to f16 call": () => {
    for (let i = 0; i < lanes; i++) half[i] = halves.f32BitsToF16(bits[i] as number);
  },
  "number to bf16 call": () => {
    for (let i = 0; i < lanes; i++) half[i] = halves.toBf16(a[i] as number);
  },
  "f16 to number call": () => {
    for (let i = 0; i < lanes; i++) r[i] = halves.fromF16(half[i] as number);
  },
  "fma f16 on bits": () => {
    for (let i = 0; i < lanes; i++) half[i] = halves.fmaF16(0x3800, half[i] as number, 0x3c00 + i);
  },
  "fma bf16 on bits": () => {
    for (let i = 0; i < lanes; i++) half[i] = halves.fmaBf16(0x3f00, half[i] as number, 0x3f80 + i);
  },
  "mul.hi.u32": () => {
    for (let i = 0; i < lanes; i++) bits[i] = mulHiU32(bits[i] as number, 0x9e3779b9 + i);
  },
};

for (const [name, form] of Object.entries(forms)) {
  const rates: number[] = [];
  for (let trial = 0; trial < 6; trial++) {
    r.set(a);
    const start = performance.now();
    for (let n = 0; n < 500_000; n++) form();
    rates.push((500_000 * lanes) / (performance.now() - start) / 1000);
  }
  rates.sort((x, y) => x - y);
  console.log(
    `${name}: ${Math.round(rates[3] as number)} M/s (best ${Math.round(rates[5] as number)})`,
  );
}
