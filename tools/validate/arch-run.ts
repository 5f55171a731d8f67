import type { ArchBuild } from "../build/compile.ts";
import { ToolError } from "../errors.ts";
import type { DeviceLimits } from "../gpu/devices.ts";
import type { KernelCase } from "../kernel/cases.ts";
import { userCache } from "../paths.ts";
import { PtxError, type PtxModule, parsePtx } from "../ptx/index.ts";
import { type KernelFacts, Recorder } from "../record/recorder.ts";
import type { Candidate } from "./candidate.ts";
import { runCases } from "./case-pool.ts";
import { launchDigest } from "./launch-digest.ts";
import type { CaseOutcome } from "./outcome.ts";
import { OutcomeStore } from "./outcome-store.ts";
import { patientRecord } from "./patient-record.ts";
import { checkRefusals, checkRefusedLaunch } from "./refusals.ts";
import type { ExecutedCase, Failure } from "./verdict.ts";

/** One arch of the candidate: its build, the device that it is executed as, and its PTX. */
export interface ArchInput {
  build: ArchBuild;
  device: DeviceLimits;
  ptx: string;
}

/** Longest that one call of the entry point may take on the host. */
const hostTimeoutMs = 5_000;

/**
 * All cases of one arch: from the store where they were executed before, from `earlier` where
 * another arch's code and launches are the same, else executed.
 */
export async function runArch(
  candidate: Candidate,
  run: ArchInput,
  cases: readonly KernelCase[],
  earlier: readonly ExecutedCase[],
  signal: AbortSignal,
  onCase: (index: number) => void,
): Promise<{ executed: ExecutedCase[]; failures: Failure[] }> {
  const { arch, build_id } = run.build;
  const { entry, fields } = candidate;
  const store = new OutcomeStore(userCache(), [build_id, run.device, entry, fields]);
  const outcomes: (CaseOutcome | undefined)[] = cases.map((one) => store.find(one));
  outcomes.forEach((outcome, index) => {
    if (outcome) onCase(index);
  });
  const cached = outcomes.map((outcome) => outcome !== undefined);
  const open = cases.map((_, index) => index).filter((index) => !outcomes[index]);
  const recorder = await startRecorder(candidate, run, signal);
  const record = patientRecord(recorder);
  const digestOf = launchDigest(run.ptx);
  const earlierOf = byIndex(earlier);
  const digests: string[] = [];
  try {
    const failures = candidate.declared ? await allRefusals(candidate, run, recorder, signal) : [];
    await runCases({
      data: { ptx: run.ptx, fields: candidate.fields },
      cases: open.map((index) => cases[index] as KernelCase),
      signal,
      record: (position, args) =>
        record(args, (call) => {
          const digest = digestOf(call);
          digests[position] = digest;
          return findEarlier(earlierOf.get(open[position] as number) ?? [], digest);
        }),
      onOutcome(position, outcome) {
        const index = open[position] as number;
        const kept = withDigest(outcome, digests[position]);
        outcomes[index] = kept;
        store.add(cases[index] as KernelCase, kept);
        onCase(index);
      },
    });
    const executed = cases.map((one, index) => ({
      arch,
      index,
      one,
      outcome: outcomes[index] as CaseOutcome,
      cached: cached[index] ?? false,
    }));
    return { executed, failures };
  } finally {
    await recorder.close();
  }
}

async function allRefusals(
  candidate: Candidate,
  run: ArchInput,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<Failure[]> {
  const { arch } = run.build;
  const failures = await checkRefusals(recorder, candidate.fields, arch);
  const refusing = await startRecorder(candidate, run, signal, { max_threads: 1 });
  try {
    return [...failures, ...(await checkRefusedLaunch(refusing, candidate.fields, arch))];
  } finally {
    await refusing.close();
  }
}

/** `facts` replaces what is said of every kernel. */
export function startRecorder(
  candidate: Candidate,
  { build, device, ptx }: ArchInput,
  signal: AbortSignal,
  facts: Partial<KernelFacts> = {},
): Promise<Recorder> {
  return Recorder.start({
    library: build.library,
    entry: candidate.entry,
    device,
    kernels: kernelFacts(build, ptx).map((kernel) => ({ ...kernel, ...facts })),
    signal,
    timeoutMs: hostTimeoutMs,
  });
}

/** What the recorder must know of each kernel: parameters from the PTX, the rest from ptxas. */
function kernelFacts(build: ArchInput["build"], ptx: string): KernelFacts[] {
  const { kernels } = requireReadable(ptx, build.arch);
  return build.kernels.flatMap((resources) => {
    const kernel = kernels.get(resources.name);
    if (!kernel) return [];
    return {
      name: resources.name,
      param_bytes: kernel.params.map(({ bytes }) => bytes),
      param_offsets: kernel.params.map(({ offset }) => offset),
      registers_per_thread: resources.registers_per_thread,
      static_shared_bytes: resources.static_shared_bytes,
      local_bytes: resources.local_bytes,
      max_threads: resources.max_threads,
    };
  });
}

function requireReadable(ptx: string, arch: string): PtxModule {
  try {
    return parsePtx(ptx);
  } catch (error) {
    if (!(error instanceof PtxError)) throw error;
    throw new ToolError(
      "ptx_unsupported",
      `The interpreter cannot read the PTX for ${arch}: ${error.message}.`,
      "Write that line without the instruction or directive that is named, or validate another arch.",
      { cause: error },
    );
  }
}

/** Per case what the archs before made of it: with effort full there are hundreds of thousands. */
function byIndex(executed: readonly ExecutedCase[]): Map<number, ExecutedCase[]> {
  const found = new Map<number, ExecutedCase[]>();
  for (const one of executed) {
    const same = found.get(one.index);
    if (same) same.push(one);
    else found.set(one.index, [one]);
  }
  return found;
}

/** The outcome of the same case on another arch, where code and launches were the same. */
function findEarlier(earlier: readonly ExecutedCase[], digest: string): CaseOutcome | undefined {
  const same = earlier.find(
    ({ outcome }) => "launch_digest" in outcome && outcome.launch_digest === digest,
  );
  if (!same) return undefined;
  const { outcome } = same;
  return outcome.state === "measured" ? { ...outcome, reused: true } : outcome;
}

function withDigest(outcome: CaseOutcome, digest: string | undefined): CaseOutcome {
  return "launch_digest" in outcome ? { ...outcome, launch_digest: digest ?? "" } : outcome;
}
