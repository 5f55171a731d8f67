import { RecordingFailure } from "../record/failures.ts";
import type { Recorder } from "../record/recorder.ts";
import type { ArchInput } from "./arch-input.ts";
import type { Candidate } from "./candidate.ts";
import { patientRecord } from "./patient-record.ts";
import type { Recording } from "./recording.ts";
import { startRecorder } from "./start-recorder.ts";
import type { Check } from "./work.ts";

type Record = ReturnType<typeof patientRecord>;
type Started = { recorder: Recorder; record: Record } | { error: unknown };

/** Repeated calls begin with host code that has counted none; on a second GPU it has seen none. */
const purposes: { [Item in Check]: "cases" | "calls" | "second_gpu" } = {
  values: "cases",
  memory: "cases",
  calls: "calls",
  second_gpu: "second_gpu",
};

/** The processes in which one arch's host code runs, each started when it is first needed. */
export class Recorders {
  readonly #candidate: Candidate;
  readonly #run: ArchInput;
  readonly #signal: AbortSignal;
  readonly #started = new Map<string, Promise<Started>>();

  constructor(candidate: Candidate, run: ArchInput, signal: AbortSignal) {
    this.#candidate = candidate;
    this.#run = run;
    this.#signal = signal;
  }

  /** The one for cases. Throws what Recorder.start throws. */
  async cases(): Promise<Recorder> {
    const started = await this.#start("cases");
    if ("error" in started) throw started.error;
    return started.recorder;
  }

  /** Records a call for an item with that check. */
  async record(check: Check, ...call: Parameters<Record>): Promise<Recording> {
    const started = await this.#start(purposes[check]);
    return "error" in started ? failedStart(started.error) : started.record(...call);
  }

  async close(): Promise<void> {
    const all = await Promise.all(this.#started.values());
    await Promise.all(all.map((one) => ("error" in one ? undefined : one.recorder.close())));
  }

  #start(purpose: string): Promise<Started> {
    const known = this.#started.get(purpose);
    if (known) return known;
    const { gpu } = this.#run;
    const arena = purpose === "second_gpu" ? gpu?.second_arena : undefined;
    const run = gpu && arena ? { ...this.#run, gpu: { ...gpu, arena } } : this.#run;
    const started = startRecorder(this.#candidate, run, this.#signal).then(
      (recorder) => ({ recorder, record: patientRecord(recorder, this.#candidate.takes_stream) }),
      // Not a rejection that nobody waits for: whoever records is told.
      (error: unknown) => ({ error }),
    );
    this.#started.set(purpose, started);
    return started;
  }
}

function failedStart(error: unknown): Recording {
  if (!(error instanceof RecordingFailure) || !error.reason) throw error;
  const { code, message, hint, reason } = error;
  return { state: "not_recorded", code, message, hint, reason };
}
