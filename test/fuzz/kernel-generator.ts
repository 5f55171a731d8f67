// Random kernels whose result PTX defines: control flow that parts and joins lanes, .sync instructions among
// exactly the lanes that come, barriers for the threads that have not exited, shared memory ordered by them.
// The same seed gives the same kernel for ever: a change of the generator is a new generation of seeds.
import { statements } from "./kernel-flow.ts";
import {
  accumulators,
  floats,
  localWords,
  longs,
  makeWriter,
  type Place,
  uniforms,
  words,
} from "./kernel-writer.ts";
import { makeRandom, mix } from "./random.ts";

export interface FuzzKernel {
  seed: number;
  name: string;
  /** The kernel's text, to stand in a module behind `moduleHeader`. */
  ptx: string;
  grid: number;
  block: [number, number];
  /** Of the buffer that the first parameter points to, zeroed before the launch. */
  out_bytes: number;
  /** Of the second one: word i is mix(seed + i). */
  in_words: number;
  /** What occurs in it, for reports. */
  features: string[];
}

export const moduleHeader = ".version 8.0\n.target sm_80\n.address_size 64\n";

/** Bytes that each thread stores. */
export const threadBytes = 64;
/** Words of input at the start of the buffer that blocks share, and of each thread. */
const commonWords = 16;
const threadWords = words.length;

const shapes: readonly [number, number][] = [
  [32, 1],
  [64, 1],
  [128, 1],
  [96, 1],
  [256, 1],
  [40, 1],
  [17, 1],
  [8, 8],
  [32, 4],
  [16, 3],
  [100, 1],
  [1, 64],
];

export function generateKernel(seed: number): FuzzKernel {
  const random = makeRandom(seed);
  const block = random.pick(shapes);
  const threads = block[0] * block[1];
  const grid = 1 + random.below(3);
  const w = makeWriter(random, threads);
  prologue(w.line, threads, random.chance(0.3));
  const top: Place = { mask: "%all", synced: true, whole: !w.storesAndLeaves, depth: 0, exits: [] };
  statements(w, top, 3 + random.below(7));
  w.lines.push("STORE:");
  epilogue(w.line);
  const name = `k${seed >>> 0}`;
  const ptx = `.visible .entry ${name}(.param .u64 ${name}_out, .param .u64 ${name}_in)
{
  .local .align 8 .b8 mine[${4 * localWords}];
  .shared .align 8 .b8 board[${4 * (threads + accumulators)}];
${w.declarations().join("\n")}
  ld.param.u64 %out, [${name}_out];
  ld.param.u64 %in, [${name}_in];
${w.lines.join("\n")}
}
`;
  return {
    seed,
    name,
    ptx,
    grid,
    block,
    out_bytes: grid * threads * threadBytes,
    in_words: commonWords + grid * threads * threadWords,
    features: [...w.features].sort(),
  };
}

export function inputBytes(kernel: Pick<FuzzKernel, "seed" | "in_words">): Uint8Array {
  const input = Uint32Array.from({ length: kernel.in_words }, (_, i) => mix(kernel.seed + i));
  return new Uint8Array(input.buffer);
}

type Line = (text: string) => void;

function prologue(line: Line, threads: number, fullMask: boolean): void {
  line("mov.u32 %me, %tid.y; mov.u32 %all, %ntid.x; mov.u32 %slot, %tid.x;");
  line("mad.lo.u32 %me, %me, %all, %slot;");
  line("mov.u32 %lane, %laneid; mov.u32 %block, %ctaid.x;");
  line("mov.u32 %base, board; mad.lo.u32 %slot, %me, 4, %base;");
  line("cvta.to.global.u64 %out, %out; cvta.to.global.u64 %in, %in;");
  uniforms.forEach((u, index) => {
    line(`mad.lo.u32 %v0, %block, 3, ${index};`);
    line(`mul.wide.u32 %wide, %v0, 4; add.s64 %wide, %in, %wide; ld.global.u32 ${u}, [%wide];`);
  });
  line(`mad.lo.u32 %v7, %block, ${threads}, %me;`);
  line(`mul.wide.u32 %wide, %v7, ${threadBytes}; add.s64 %out, %out, %wide;`);
  line(`mul.wide.u32 %wide, %v7, ${4 * threadWords}; add.s64 %wide, %in, %wide;`);
  words.forEach((v, i) => {
    line(`ld.global.u32 ${v}, [%wide+${4 * (commonWords + i)}];`);
  });
  floats.forEach((x, i) => {
    line(`and.b32 %all, %v${i}, 0xfff; cvt.rn.f32.u32 ${x}, %all;`);
  });
  longs.forEach((y, i) => {
    line(`mov.b64 ${y}, {%v${2 * i}, %v${2 * i + 1}};`);
  });
  line("mov.u64 %wide, mine;");
  for (let i = 0; i < localWords; i++)
    line(`st.local.u32 [%wide+${4 * i}], %v${i % words.length};`);
  line("st.shared.u32 [%slot], %v1;");
  line(
    `setp.lt.u32 %p_first, %me, ${accumulators}; @%p_first st.shared.u32 [%slot+${4 * threads}], %me;`,
  );
  line("bar.sync 0;");
  if (fullMask) line("mov.u32 %all, -1;");
  else {
    // The lanes that this warp has.
    line(`and.b32 %all, %me, -32; sub.u32 %all, ${threads}, %all; min.u32 %all, %all, 32;`);
    line("sub.u32 %all, 32, %all; shr.u32 %all, -1, %all;");
  }
}

function epilogue(line: Line): void {
  words.forEach((v, i) => {
    line(`st.global.u32 [%out+${4 * i}], ${v};`);
  });
  line("st.global.v4.f32 [%out+32], {%x0, %x1, %x2, %x3};");
  line("st.global.v2.b64 [%out+48], {%y0, %y1};");
  line("ret;");
}
