import { userCache } from "../paths.ts";
import { RecordingFailure } from "../record/failures.ts";
import { type Recorder, renderIsolation } from "../record/recorder.ts";
import type { ArchInput } from "./arch-input.ts";
import type { Candidate } from "./candidate.ts";
import { inInterpreter } from "./interpreter/case-pool.ts";
import { launchDigest } from "./launch-digest.ts";
import type { CaseOutcome } from "./outcome.ts";
import { OutcomeStore } from "./outcome-store.ts";
import type { ReasonCode } from "./reasons.ts";
import { Recorders } from "./recorders.ts";
import { checkManyRows, checkRefusals, checkRefusedLaunch } from "./refusals.ts";
import { startRecorder } from "./start-recorder.ts";
import type { ExecutedCase, Failure } from "./verdict.ts";
import type { Executor, WorkItem } from "./work.ts";

export interface ArchResult {
  executed: ExecutedCase[];
  failures: Failure[];
  /** What the host code was kept from, in one sentence. */
  isolation: string;
}

/**
 * All work of one arch: from the store where it was done before, from `earlier` where another
 * arch's code and launches are the same, else executed.
 */
export async function runArch(
  candidate: Candidate,
  run: ArchInput,
  items: readonly WorkItem[],
  earlier: readonly ExecutedCase[],
  signal: AbortSignal,
  onItem: (index: number) => void,
): Promise<ArchResult> {
  const { arch } = run.build;
  const stores = storesOf(candidate, run);
  const storeOf = (item: WorkItem) => stores[placeOf(run, item)];
  const outcomes: (CaseOutcome | undefined)[] = items.map((item) => storeOf(item).find(item));
  outcomes.forEach((outcome, index) => {
    if (outcome) onItem(index);
  });
  const cached = outcomes.map((outcome) => outcome !== undefined);
  const recorders = new Recorders(candidate, run, signal);
  const digestOf = launchDigest(run.ptx);
  const earlierOf = byName(earlier, run);
  const executeAll = (place: Place, execute: Executor) => {
    const open = items
      .map((_, index) => index)
      .filter((index) => !outcomes[index] && placeOf(run, items[index] as WorkItem) === place);
    const digests: string[] = [];
    return execute({
      items: open.map((index) => items[index] as WorkItem),
      signal,
      record: (position, args) => {
        const item = items[open[position] as number] as WorkItem;
        const isRepeated = item.check === "calls" || item.check === "second_gpu";
        return recorders.record(item.check, args, (call) => {
          if (isRepeated) return undefined;
          const digest = digestOf(call);
          digests[position] = digest;
          return findEarlier(earlierOf.get(itemKey(item, place)) ?? [], digest);
        });
      },
      onOutcome(position, outcome) {
        const index = open[position] as number;
        const kept = withDigest(outcome, digests[position]);
        outcomes[index] = kept;
        storeOf(items[index] as WorkItem).add(items[index] as WorkItem, kept);
        onItem(index);
      },
    });
  };
  try {
    const recorder = await recorders.cases();
    const failures = candidate.declared ? await allRefusals(candidate, run, recorder, signal) : [];
    const { ptx } = run;
    await Promise.all([
      run.gpu && executeAll("gpu", run.gpu.execute),
      executeAll("interpreter", inInterpreter({ ptx, fields: candidate.fields })),
    ]);
    const executed = items.map(
      ({ one, check }, index): ExecutedCase => ({
        arch,
        index,
        one,
        check,
        on: placeOf(run, items[index] as WorkItem),
        code: run.gpu?.code,
        outcome: outcomes[index] as CaseOutcome,
        cached: cached[index] ?? false,
      }),
    );
    return { executed, failures, isolation: renderIsolation(recorder.isolation) };
  } catch (error) {
    const failure = loadFailure(error, arch);
    if (!failure) throw error;
    return { executed: [], failures: [failure], isolation: "" };
  } finally {
    await recorders.close();
  }
}

/** A library that does not let itself be loaded is a finding where a reason names it. */
function loadFailure(error: unknown, arch: string): Failure | undefined {
  if (!(error instanceof RecordingFailure) || !error.reason) return undefined;
  return {
    reason: error.reason as ReasonCode,
    detail: error.message,
    case_name: "loading the library",
    case_index: -100,
    special_inputs: false,
    arch,
  };
}

type Place = "gpu" | "interpreter";

/** Races and orders are the interpreter's to find; everything else the GPU's, where there is one. */
function placeOf({ gpu }: ArchInput, { check }: WorkItem): Place {
  return gpu && check !== "memory" ? "gpu" : "interpreter";
}

function storesOf(candidate: Candidate, { build, device, gpu }: ArchInput) {
  const subject = [build.build_id, device, candidate.entry, candidate.fields];
  return {
    interpreter: new OutcomeStore(userCache(), subject),
    gpu: new OutcomeStore(userCache(), [...subject, gpu?.identity, gpu?.code]),
  };
}

async function allRefusals(
  candidate: Candidate,
  run: ArchInput,
  recorder: Recorder,
  signal: AbortSignal,
): Promise<Failure[]> {
  const { arch } = run.build;
  const failures = await checkRefusals(recorder, candidate.fields, arch);
  failures.push(...(await checkManyRows(recorder, candidate, arch)));
  const refusing = await startRecorder(candidate, run, signal, { max_threads: 1 });
  try {
    return [...failures, ...(await checkRefusedLaunch(refusing, candidate.fields, arch))];
  } finally {
    await refusing.close();
  }
}

/** Machine code of one arch says nothing of another's; the same PTX, interpreted or translated, does. */
function byName(earlier: readonly ExecutedCase[], { gpu }: ArchInput): Map<string, ExecutedCase[]> {
  const found = new Map<string, ExecutedCase[]>();
  for (const one of earlier) {
    if (one.on === "gpu" && (gpu?.code !== "ptx_jit" || one.code !== "ptx_jit")) continue;
    const key = itemKey(one, one.on ?? "interpreter");
    const group = found.get(key);
    if (group) group.push(one);
    else found.set(key, [one]);
  }
  return found;
}

function itemKey({ one, check }: { one: WorkItem["one"]; check?: WorkItem["check"] }, on: Place) {
  return JSON.stringify([one, check, on]);
}

/** The outcome of the same item on another arch, where code and launches were the same. */
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
