import { type Launch, Machine, type MachineOptions, parsePtx } from "../../../tools/ptx/index.ts";

/** A PTX module with one kernel `k(out, in)` around some statements, and what a test needs to run it. */
export function snippet(body: string, module = ""): string {
  return `
.version 9.0
.target sm_90
.address_size 64
.file 1 "snippet.cu"
${module}
.visible .entry k(.param .u64 k_out, .param .u64 k_in)
{
  .reg .pred %p<32>;
  .reg .b16 %h<32>;
  .reg .b32 %r<64>;
  .reg .f32 %f<32>;
  .reg .b64 %rd<64>;
  .reg .f64 %d<32>;
  ld.param.u64 %rd60, [k_out];
  ld.param.u64 %rd61, [k_in];
  mov.u32 %r60, %tid.x;
  mul.wide.u32 %rd59, %r60, 16;
  add.s64 %rd58, %rd60, %rd59;   // each thread's 16 bytes of out
  add.s64 %rd57, %rd61, %rd59;   // each thread's 16 bytes of in
${body}
  ret;
}
`;
}

export interface SnippetRun {
  threads?: number;
  input?: Uint8Array;
  grid?: number;
  out_bytes?: number;
  options?: MachineOptions;
  dynamic_shared_bytes?: number;
}

/** Runs a snippet and returns its output as 32-bit words, four to a thread. */
export function run(body: string, settings: SnippetRun = {}, module = ""): Int32Array {
  return runText(snippet(body, module), settings);
}

export function runText(text: string, settings: SnippetRun = {}): Int32Array {
  const threads = settings.threads ?? 32;
  const machine = new Machine(parsePtx(text), settings.options);
  const outBytes = settings.out_bytes ?? threads * 16;
  const out = machine.alloc(outBytes, { label: "out" });
  const input = settings.input ?? new Uint8Array(threads * 16);
  const source = machine.alloc(Math.max(1, input.length), { label: "in", read_only: true });
  if (input.length > 0) machine.write(source, input);
  const launch: Launch = {
    kernel: "k",
    grid: [settings.grid ?? 1, 1, 1],
    block: [threads, 1, 1],
    dynamic_shared_bytes: settings.dynamic_shared_bytes ?? 0,
    params: [pointer(out), pointer(source)],
  };
  machine.launch(launch);
  return new Int32Array(machine.read(out, outBytes).buffer);
}

/** The first word that each thread stored. */
export function firstWords(words: Int32Array): number[] {
  return Array.from({ length: words.length / 4 }, (_, thread) => words[thread * 4] ?? 0);
}

export function pointer(address: bigint): Uint8Array {
  return bytesOf(BigUint64Array.of(address));
}

export function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

export function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0] ?? 0;
}

export function bitsToFloat(bits: number): number {
  return new Float32Array(Int32Array.of(bits).buffer)[0] ?? 0;
}

/** Storing the first words of registers, one to four. */
export function store(...registers: string[]): string {
  return registers.map((name, index) => `st.global.b32 [%rd58+${index * 4}], ${name};`).join("\n");
}
