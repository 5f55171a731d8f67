import { readFileSync } from "node:fs";
import path from "node:path";
import { Machine, PtxError, PtxFault, type PtxModule, parsePtx } from "../../tools/ptx/index.ts";
import { generateKernel, moduleHeader } from "./kernel-generator.ts";
import { mutateText } from "./mutate.ts";
import { makeRandom, type Random } from "./random.ts";

export type PtxOutcome = "refused" | "faulted" | "ran";

/**
 * Mutated PTX, parsed and run. Only PtxError and PtxFault may come of it: anything else is thrown on,
 * and is a bug. So is a case that does not end; that is for the caller to see.
 */
export function runPtxCase(seed: number): PtxOutcome {
  return runText(makeRandom(seed ^ 0x5eed), mutatedPtx(seed));
}

/** The text of a case, for a look at a failure. */
export function mutatedPtx(seed: number): string {
  const random = makeRandom(seed);
  const text = random.chance(0.6) ? random.pick(corpus()) : fresh(random);
  return mutateText(random, text, random.pick(corpus()));
}

function fresh(random: Random): string {
  return moduleHeader + generateKernel(random.below(100_000)).ptx;
}

function runText(random: Random, text: string): PtxOutcome {
  let module: PtxModule;
  try {
    module = parsePtx(text);
  } catch (error) {
    if (error instanceof PtxError) return "refused";
    throw error;
  }
  let outcome: PtxOutcome = "ran";
  for (const kernel of [...module.kernels.values()].slice(0, 2)) {
    try {
      launch(random, module, kernel.name);
    } catch (error) {
      if (error instanceof PtxFault) outcome = "faulted";
      else if (error instanceof PtxError) outcome = "refused";
      else throw error;
    }
  }
  return outcome;
}

/** Pointers for parameters of 8 bytes, small numbers for the rest: most kernels get somewhere with that. */
function launch(random: Random, module: PtxModule, name: string): void {
  const machine = new Machine(module, { instruction_budget: 200_000, checks: random.chance(0.5) });
  const params = [...(module.kernels.get(name)?.params ?? [])].map((param) => {
    const bytes = new Uint8Array(Math.min(param.bytes, 1 << 20));
    if (param.bytes !== 8) return bytes.fill(random.below(9), 0, 1);
    const address = machine.alloc(4096, { label: param.name });
    machine.write(address, new Uint8Array(4096));
    return new Uint8Array(BigUint64Array.of(address).buffer);
  });
  machine.launch({
    kernel: name,
    grid: [2, 1, 1],
    block: random.pick([
      [32, 1, 1],
      [64, 1, 1],
      [8, 8, 1],
    ]),
    dynamic_shared_bytes: random.pick([0, 1024]),
    params,
  });
}

let texts: string[] | undefined;

/** Kernels that nvcc made, each with what its module declares; read once. */
function corpus(): readonly string[] {
  if (texts) return texts;
  const fixtures = path.resolve(import.meta.dirname, "../fixtures");
  const files = ["ptx/rmsnorm.sm_75.ptx", "ptx/rmsnorm.sm_90.ptx", "build/code/sm_90/entries.ptx"];
  texts = files.flatMap((file) => cut(readFileSync(path.join(fixtures, file), "utf8")));
  return texts;
}

/** One text for each kernel of a module, so that a mutation meets something that is run. */
function cut(text: string): string[] {
  const starts = [...text.matchAll(/^(?:\s*\.visible)?\s*\.entry\b/gmu)].map(
    (match) => match.index,
  );
  const head = text.slice(0, starts[0] ?? 0);
  return starts.map((start, i) => {
    const end = text.lastIndexOf("}", starts[i + 1] ?? text.length) + 1;
    return head + text.slice(start, end);
  });
}
