import { readFileSync } from "node:fs";
import type { KernelCase } from "../../tools/kernel/cases.ts";
import { Machine, type MachineOptions, type PtxModule, parsePtx } from "../../tools/ptx/index.ts";
import type { CudaCompiler } from "../../tools/toolchain/compiler.ts";
import {
  type BufferName,
  bufferBytes,
  bufferNames,
  type JudgeBuffer,
  type JudgePlaces,
} from "../../tools/worker/judge-case.ts";
import { judgePtx } from "../../tools/worker/judge-code.ts";
import type { JudgeLaunch } from "../../tools/worker/judge-launches.ts";

/** The judge's own device code, as the interpreter reads it. */
export async function judgeModule(compiler: CudaCompiler): Promise<PtxModule> {
  return parsePtx(readFileSync(await judgePtx(compiler), "utf8"));
}

/** Bytes before each buffer that are guards; behind it they reach to the next multiple of 256. */
export const guardBytes = 64;

/** The interpreter with the buffers of a case, each with guards on both sides. */
export class JudgeDevice {
  readonly machine: Machine;
  readonly places: JudgePlaces;

  constructor(module: PtxModule, one: KernelCase, options: MachineOptions = {}, resultBytes = 256) {
    this.machine = new Machine(module, { instruction_budget: 1e9, ...options });
    const result = this.machine.alloc(resultBytes, { label: "result" });
    const sizes = bufferBytes(one);
    const buffers: Partial<Record<BufferName, JudgeBuffer>> = {};
    for (const name of bufferNames) {
      if (sizes[name] > 0) buffers[name] = this.place(name, sizes[name]);
    }
    const x = buffers.x as JudgeBuffer;
    this.places = { ...buffers, x, out: buffers.out ?? x, result };
  }

  place(label: string, bytes: number): JudgeBuffer {
    const after_bytes = Math.ceil(bytes / 256) * 256 - bytes;
    const address = this.machine.alloc(guardBytes + bytes + after_bytes, { label });
    return { address: address + BigInt(guardBytes), before_bytes: guardBytes, after_bytes };
  }

  run(launches: readonly JudgeLaunch[]): void {
    for (const launch of launches) this.machine.launch(launch);
  }

  read(address: bigint, bytes: number): Uint8Array {
    return this.machine.read(address, bytes);
  }
}
