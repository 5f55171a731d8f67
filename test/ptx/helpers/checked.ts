import {
  type Finding,
  Machine,
  type MachineOptions,
  PtxFault,
  parsePtx,
} from "../../../tools/ptx/index.ts";
import { pointer, snippet } from "./snippet.ts";

export interface Checked {
  /** The fault that ended the launch; undefined: none. */
  finding: Finding | undefined;
  message: string;
  warnings: readonly Finding[];
  /** The first words of out. */
  words: Int32Array;
}

interface CheckedRun {
  threads?: number;
  grid?: number;
  options?: MachineOptions;
  /** Bytes of `in` from the end that count as never written. */
  forgotten?: number;
  out_bytes?: number;
  dynamic_shared_bytes?: number;
}

/** Runs a snippet with checks on, and says what they found. */
export function checked(body: string, settings: CheckedRun = {}, module = ""): Checked {
  const threads = settings.threads ?? 64;
  const machine = new Machine(parsePtx(snippet(body, module)), {
    checks: true,
    ...settings.options,
  });
  const outBytes = settings.out_bytes ?? (settings.grid ?? 1) * threads * 16;
  const out = machine.alloc(outBytes, { label: "out" });
  const source = machine.alloc(threads * 16, { label: "in", read_only: true });
  machine.write(source, new Uint8Array(threads * 16));
  const { forgotten = 0 } = settings;
  if (forgotten > 0) machine.forget(source + BigInt(threads * 16 - forgotten), forgotten);
  const ran = { message: "", warnings: machine.warnings };
  let finding: Finding | undefined;
  try {
    machine.launch({
      kernel: "k",
      grid: [settings.grid ?? 1, 1, 1],
      block: [threads, 1, 1],
      dynamic_shared_bytes: settings.dynamic_shared_bytes ?? 0,
      params: [pointer(out), pointer(source)],
    });
  } catch (error) {
    if (!(error instanceof PtxFault)) throw error;
    finding = error.finding;
    ran.message = error.message;
  }
  return { finding, ...ran, words: new Int32Array(machine.read(out, outBytes).buffer) };
}

/** Neither a fault nor a doubt. */
export const clean = { message: "", warnings: [] };
