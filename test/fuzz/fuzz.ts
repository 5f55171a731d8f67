// npm run fuzz -- [--minutes 1] [--seed N] [--only ptx|kernels|recording|replies|worker] [--count N]
// npm run fuzz -- --write kernels.jsonl.gz [--seed 1] [--count 1000]      for run_on_gpu.py
//
// A finding names its target and seed: `--only TARGET --seed SEED --count 1` repeats it.
import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { type ThreadTarget, threadTargetNames } from "./targets.ts";
import { fuzzInThread, type Tally } from "./watchdog.ts";
import { fuzzWorker } from "./worker-cases.ts";
import { writeKernels } from "./write-kernels.ts";

/** Parts of the time. */
const shares: Readonly<Record<ThreadTarget | "worker", number>> = {
  ptx: 0.45,
  kernels: 0.25,
  worker: 0.2,
  recording: 0.05,
  replies: 0.05,
};

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string" },
    only: { type: "string" },
    count: { type: "string" },
    write: { type: "string" },
  },
});

const seed = values.seed === undefined ? randomBytes(4).readUInt32LE() : Number(values.seed);
if (values.write) {
  writeKernels(values.write, values.seed === undefined ? 1 : seed, Number(values.count ?? 1000));
} else {
  process.exitCode = (await fuzz()) ? 0 : 1;
}

async function fuzz(): Promise<boolean> {
  const targets = Object.keys(shares).filter((one) => !values.only || one === values.only);
  if (targets.length === 0)
    throw new Error(`--only ${values.only}: ${Object.keys(shares).join(", ")}`);
  const milliseconds = Number(values.minutes) * 60_000;
  console.log(`seed ${seed}, ${values.minutes} min: ${targets.join(", ")}`);
  let found = 0;
  for (const target of targets as (keyof typeof shares)[]) {
    const began = Date.now();
    const share = values.only ? 1 : shares[target];
    const limits = { milliseconds: milliseconds * share, count: Number(values.count ?? 1e9) };
    const tally = await run(target, limits);
    found += tally.findings.length;
    const seconds = ((Date.now() - began) / 1000).toFixed(1);
    console.log(
      `${target}: ${tally.cases} cases in ${seconds} s ${JSON.stringify(tally.outcomes)}`,
    );
    for (const finding of tally.findings)
      console.log(`FOUND ${finding.target} seed ${finding.seed}: ${finding.what}`);
  }
  console.log(`${found} findings`);
  return found === 0;
}

function run(
  target: keyof typeof shares,
  limits: { milliseconds: number; count: number },
): Promise<Tally> {
  const thread = threadTargetNames.find((name) => name === target);
  return thread ? fuzzInThread(thread, seed, limits) : fuzzWorker(seed, limits);
}
