import { readFileSync } from "node:fs";
import { compile } from "../../tools/build/compile.ts";
import { createContext } from "../../tools/context.ts";
import { deviceForArch } from "../../tools/gpu/devices.ts";
import { listCases } from "../../tools/kernel/cases.ts";
import { Machine, parsePtx } from "../../tools/ptx/index.ts";
import { requireCompiler } from "../../tools/toolchain/compiler.ts";
import { requireCandidate } from "../../tools/validate/candidate.ts";
import { prepareCase } from "../../tools/validate/prepare-case.ts";
import { startRecorder } from "../../tools/validate/start-recorder.ts";

const arch = "sm_90";
const shape = { rows: 256, hidden_size: 4096 };

export interface InterpreterRates {
  /** Thread-instructions per second of one thread, in millions. */
  plain: number[];
  /** The same with checks of races, unwritten memory and barriers. */
  checked: number[];
  /** How many times slower the checks made each pair of launches. */
  slower: number[];
}

/**
 * The template's own launch on 256x4096, in turns without and with checks. Only the launch is timed,
 * and not the first of each, which translates.
 */
export async function interpreterRates(
  workspace: string,
  kernel: string,
  runs: number,
): Promise<InterpreterRates> {
  const { signal } = new AbortController();
  const sources = { argument: workspace, env: {}, cwd: workspace };
  const context = createContext({ sources, signal });
  const candidate = requireCandidate({ kernel }, context.workspace);
  const { main, include_folders, root } = candidate;
  const source = { main, include_folders, defines: {}, root };
  const { builds } = await compile(source, [arch], await requireCompiler(context), context);
  const [build] = builds;
  if (!build) throw new Error(`${kernel} has no build for ${arch}`);
  const ptx = readFileSync(build.ptx, "utf8");
  const { operator, supports, form, promotes } = candidate;
  const [one] = listCases({ operator, supports, form, promotes, effort: "quick", shapes: [shape] });
  if (!one) throw new Error("no case of that shape");

  const recorder = await startRecorder(
    candidate,
    { build, device: deviceForArch(arch), ptx },
    signal,
  );
  try {
    const module = parsePtx(ptx);
    const prepare = async (checks: boolean): Promise<() => number> => {
      const machine = new Machine(module, { instruction_budget: 10_000_000_000, checks });
      const prepared = prepareCase(one, candidate.fields, machine);
      const { launches } = await recorder.call(prepared.arguments);
      return () => {
        const started = performance.now();
        let instructions = 0;
        for (const launch of launches) instructions += machine.launch(launch).thread_instructions;
        return instructions / (performance.now() - started) / 1000;
      };
    };
    const [plainly, withChecks] = [await prepare(false), await prepare(true)];
    const rates: InterpreterRates = { plain: [], checked: [], slower: [] };
    for (let run = 0; run <= runs; run += 1) {
      const [plain, checked] = [plainly(), withChecks()];
      if (run === 0) continue;
      rates.plain.push(plain);
      rates.checked.push(checked);
      rates.slower.push(plain / checked);
    }
    return rates;
  } finally {
    await recorder.close();
  }
}
