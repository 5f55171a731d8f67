import type { KernelCase } from "../kernel/cases.ts";
import { mix32 } from "../kernel/inputs.ts";
import { captureProblem } from "../record/stream-order.ts";
import { wrongIn } from "./case-failure.ts";
import { acceptedLaunches, hostFault } from "./host-fault.ts";
import type { CaseOutcome, Executed, FaultReport, Measurement } from "./outcome.ts";
import type { ReasonCode } from "./reasons.ts";
import type { Recorded, Recording } from "./recording.ts";

/** The buffers of a case in one of two places, on an executor whose device keeps its state. */
export interface CallStage {
  /** Writes the inputs that `seed` draws, and poison to the outputs. Returns the entry point's struct. */
  draw(place: 0 | 1, seed: number): Promise<Uint8Array>;
  /** Does what was recorded; `replayed`: as a graph that was captured from it, where there are graphs. */
  perform(recorded: Recorded, replayed: boolean): Promise<FaultReport | undefined>;
  /** Against the inputs of the last `draw`. */
  measure(): Promise<Measurement>;
  /** The output rows as they are, to be compared bit by bit. */
  output(): Promise<Uint8Array>;
}

/**
 * The fault of a series whose first call is wrong already. Where a case is wrong too, that one tells
 * more; where all are right, calls before the series were answered otherwise.
 */
export const firstCallWrong = "first_call_wrong";
/** The fault of a series in which few elements are wrong: cases tell more about it, if one has it too. */
export const inaccurateCall = "inaccurate_call";

/** Calls of the entry point before the last one: some cheats give up after a warm-up of 10. */
const laterCalls = 9;

/**
 * Calls the entry point again and again: the same inputs twice, new inputs at the same addresses,
 * the first inputs at other addresses, more new ones, and a replay of what the first call
 * recorded. Every output is measured. A fault names the way in which a later call is wrong; a
 * kernel that is wrong in the first call is judged elsewhere.
 */
export async function judgeCalls(
  one: KernelCase,
  stage: CallStage,
  record: (args: Uint8Array) => Promise<Recording>,
): Promise<CaseOutcome> {
  const began = performance.now();
  const series = new Series(one, stage, record);
  const ending = await series.run();
  if (ending.state === "not_recorded") return ending.recording;
  if (ending.state === "not_executed") return ending;
  const executed: Executed = {
    launches: acceptedLaunches(series.first?.operations ?? []),
    thread_instructions: 0,
    milliseconds: performance.now() - began,
    launch_digest: "",
  };
  if (ending.state === "faulted") return { state: "faulted", fault: ending.fault, ...executed };
  return { state: "measured", measurement: ending.measurement, reused: false, ...executed };
}

type Call =
  | { state: "right"; measurement: Measurement; output: Uint8Array }
  | { state: "wrong"; why: string; reason?: ReasonCode }
  | { state: "inaccurate"; why: string }
  | NotExecuted
  | { state: "not_recorded"; recording: Extract<Recording, { state: "not_recorded" }> };

/** A memory of other inputs spoils nearly all elements, inaccuracy a few: 1 in this many. */
const fewBad = 16;

/** The executor does not know what the code does: no verdict on these calls. */
interface NotExecuted {
  state: "not_executed";
  message: string;
}

type Ending =
  | { state: "right"; measurement: Measurement }
  | NotExecuted
  | { state: "faulted"; fault: FaultReport }
  | Extract<Call, { state: "not_recorded" }>;

/** A call that differs from the first in one way, and what it means where that one is wrong. */
interface LaterCall {
  place: 0 | 1;
  /** 0: the inputs of the first call. */
  inputs: number;
  what: string;
}

class Series {
  /** What the first call recorded. */
  first: Recorded | undefined;
  /** The last at the first addresses: a first call may allocate or initialise, as no later one does. */
  #last: Recorded | undefined;
  readonly #one: KernelCase;
  readonly #stage: CallStage;
  readonly #record: (args: Uint8Array) => Promise<Recording>;
  #calls = 0;

  constructor(one: KernelCase, stage: CallStage, record: (args: Uint8Array) => Promise<Recording>) {
    this.#one = one;
    this.#stage = stage;
    this.#record = record;
  }

  async run(): Promise<Ending> {
    const first = await this.#call(0, 0);
    if (first.state !== "right") return this.#asEnding(first);
    for (const later of laterCallList) {
      const call = await this.#call(later.place, later.inputs);
      if (call.state === "not_recorded" || call.state === "not_executed") return call;
      if (call.state === "inaccurate") return faulted(inaccurateCall, call.why);
      if (call.state === "wrong") {
        if (call.reason) return faulted(call.reason, call.why);
        return this.#explain(later, call.why);
      }
      if (later.inputs === 0 && Buffer.compare(call.output, first.output) !== 0) {
        return later.place === 0
          ? faulted("nondeterministic", `${later.what} gives other bits, all within the limits`)
          : faulted("address_dependent", `${later.what} gives other bits`);
      }
    }
    return this.#replay(first.measurement);
  }

  async #call(place: 0 | 1, inputs: number): Promise<Call> {
    this.#calls += 1;
    const args = await this.#stage.draw(place, this.#seed(inputs));
    const recording = await this.#record(args);
    if (recording.state === "known") throw new Error("a repeated call has no known outcome");
    if (recording.state === "not_recorded") return { state: "not_recorded", recording };
    if (recording.result !== 0) return { state: "wrong", why: `returns ${recording.result_name}` };
    const uncapturable = this.first && captureProblem(recording);
    if (uncapturable) return { state: "wrong", why: uncapturable, reason: "not_capturable" };
    this.first ??= recording;
    if (place === 0) this.#last = recording;
    const fault = hostFault(recording) ?? (await this.#stage.perform(recording, false));
    if (fault?.kind === "unsupported") return { state: "not_executed", message: fault.message };
    if (fault) return { state: "wrong", why: fault.message };
    if (acceptedLaunches(recording.operations).length === 0) {
      return { state: "wrong", why: "launches nothing" };
    }
    return this.#measured();
  }

  async #measured(): Promise<Call> {
    const measurement = await this.#stage.measure();
    const { bad_count, not_written_count, elements } = measurement;
    const besides = wrongIn(this.#one, measurement);
    if (besides) return { state: "wrong", why: besides.detail };
    if (bad_count === 0) {
      return { state: "right", measurement, output: await this.#stage.output() };
    }
    const what = not_written_count === bad_count ? "are not written" : "are wrong";
    const why = `${bad_count} of ${elements} elements ${what}`;
    return bad_count * fewBad < elements ? { state: "inaccurate", why } : { state: "wrong", why };
  }

  /** A result that is remembered shows by a call that nothing can be remembered for. */
  async #explain(later: LaterCall, why: string): Promise<Ending> {
    if (later.place === 1) {
      const back = await this.#call(0, this.#calls + 1);
      if (back.state === "not_recorded" || back.state === "not_executed") return back;
      const reason = back.state === "right" ? "address_dependent" : "later_calls_wrong";
      return faulted(reason, `call ${this.#calls - 1}, ${later.what}: ${why}`);
    }
    const fresh = await this.#call(1, this.#calls + 1);
    if (fresh.state === "not_recorded" || fresh.state === "not_executed") return fresh;
    const reason: ReasonCode = fresh.state === "right" ? "stale_result" : "later_calls_wrong";
    return faulted(reason, `call ${this.#calls - 1}, ${later.what}: ${why}`);
  }

  async #replay(measurement: Measurement): Promise<Ending> {
    await this.#stage.draw(0, this.#seed(laterCalls + 1));
    const what = "a replay of an earlier call's launches with new inputs";
    const fault = await this.#stage.perform(this.#last as Recorded, true);
    if (fault?.kind === "unsupported") return { state: "not_executed", message: fault.message };
    if (fault) return faulted("stale_result", `${what}: ${fault.message}`);
    const replayed = await this.#measured();
    if (replayed.state === "inaccurate") return faulted(inaccurateCall, replayed.why);
    return replayed.state === "wrong"
      ? faulted("stale_result", `${what}: ${replayed.why}`)
      : { state: "right", measurement };
  }

  #asEnding(call: Exclude<Call, { state: "right" }>): Ending {
    if (call.state === "inaccurate") return faulted(inaccurateCall, call.why);
    if (call.state !== "wrong") return call;
    return { state: "faulted", fault: { kind: firstCallWrong, message: call.why } };
  }

  #seed(inputs: number): number {
    return inputs === 0 ? this.#one.seed : mix32(this.#one.seed + inputs);
  }
}

const laterCallList: readonly LaterCall[] = [
  { place: 0, inputs: 0, what: "the same inputs once more" },
  { place: 0, inputs: 1, what: "new inputs at the same addresses" },
  { place: 1, inputs: 0, what: "the first inputs at other addresses" },
  ...Array.from({ length: laterCalls - 1 }, (_, index) => ({
    place: 0 as const,
    inputs: index + 2,
    what: "new inputs at the same addresses",
  })),
];

function faulted(kind: ReasonCode | typeof inaccurateCall, message: string): Ending {
  return { state: "faulted", fault: { kind, message } };
}
