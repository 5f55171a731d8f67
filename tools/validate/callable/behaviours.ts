import { caseName, type KernelCase, listCases } from "../../kernel/cases.ts";
import { dtypeFacts } from "../../kernel/dtypes.ts";
import { mix32 } from "../../kernel/inputs.ts";
import { type Failure, wrongIn } from "../case-failure.ts";
import type { ReasonCode } from "../reasons.ts";
import { type PreparedCall, prepareCall } from "./call.ts";
import { guardBytes } from "./host-buffers.ts";
import type { JudgedCall } from "./judge-call.ts";
import { judgeCensus } from "./library.ts";
import type { CallableSession } from "./session.ts";

/** Calls with new inputs after the first ones, each looked at. */
const laterCalls = 12;

/**
 * The function called again and again with one shape, drawn from `salt`: the same inputs, new ones
 * at the same addresses, nearly the same ones, the same ones at other addresses, another stream,
 * and an older result looked at once more. Returns what is wrong with a later call where the first
 * one is right, and lines about what could not be looked at.
 */
export async function judgeBehaviours(
  session: CallableSession,
  salt: number,
): Promise<{ failures: Failure[]; not_checked: string[] }> {
  const series = new Series(session, drawnCase(session, salt), salt);
  const failure = await series.run();
  const failures = failure ? [failure] : [];
  return { failures: [...failures, ...series.others], not_checked: series.not_checked };
}

/** A shape that nobody can have built in; plain otherwise. */
function drawnCase({ candidate }: CallableSession, salt: number): KernelCase {
  const dtype = candidate.supports.dtypes[0] ?? "float32";
  const [first] = listCases({
    operator: candidate.operator,
    supports: { ...candidate.supports, dtypes: [dtype], layouts: ["contiguous"] },
    form: candidate.form,
    effort: "quick",
    shapes: [{ rows: 3 + (mix32(salt) % 38), hidden_size: 128 * (1 + (mix32(salt ^ 1) % 16)) }],
    promotes: false,
    ...(candidate.eps === undefined ? {} : { eps: candidate.eps }),
  });
  const eps = Math.fround(candidate.eps ?? 1e-6);
  return { ...(first as KernelCase), inputs: "std_1", weight_values: "spread", eps, drawn: true };
}

type Step = { judged: JudgedCall; prepared: PreparedCall };

class Series {
  readonly others: Failure[] = [];
  readonly not_checked: string[] = [];
  readonly #session: CallableSession;
  readonly #one: KernelCase;
  readonly #salt: number;

  constructor(session: CallableSession, one: KernelCase, salt: number) {
    this.#session = session;
    this.#one = one;
    this.#salt = salt;
  }

  async run(): Promise<Failure | undefined> {
    const first = await this.#call(0, { slot: "a", fresh: true });
    if (!isRight(first)) return this.#aboutFirst(first);
    await this.#census(first);
    return (
      (await this.#sameAgain(first)) ??
      (await this.#newContent(first)) ??
      (await this.#otherAddress(first)) ??
      (await this.#later()) ??
      (await this.#streams())
    );
  }

  /** Wrong at a drawn shape: where listed ones are right, the sizes are built in; run.ts decides. */
  #aboutFirst({ judged }: Step): Failure | undefined {
    const { outcome } = judged;
    if (outcome.state === "not_executed" || outcome.state === "not_recorded") {
      this.not_checked.push(
        "later calls, other addresses and streams: the process was lost before",
      );
      return undefined;
    }
    const detail =
      outcome.state === "refused"
        ? `the function gives ${outcome.result_name}`
        : "the values are wrong";
    return this.#failure("shape_specific", `at a shape drawn for this run ${detail}`);
  }

  async #census({ prepared }: Step): Promise<void> {
    const census = await this.#session.census(prepared);
    if (!census || census.error) {
      const why = census?.error ? `${census.error.type}: ${census.error.message}` : "it ended";
      this.not_checked.push(`which of torch's operators the function runs: ${why}`);
      return;
    }
    const { candidate, claims } = this.#session;
    const { failure, warnings } = judgeCensus(candidate, claims, census);
    this.#session.warnings.push(...warnings);
    if (failure) this.others.push(this.#failure(failure.reason, failure.detail));
  }

  async #sameAgain(first: Step): Promise<Failure | undefined> {
    const again = await this.#call(0, { slot: "a", fresh: false });
    if (!isRight(again)) return this.#wrong(again, "the second call with the same inputs");
    if (sameBits(first, again)) return undefined;
    return this.#failure("nondeterministic", "the second call with the same inputs has other bits");
  }

  async #newContent(first: Step): Promise<Failure | undefined> {
    const other = await this.#call(1, { slot: "a", fresh: false });
    const what = "a call with new inputs at the same addresses";
    if (!isRight(other)) return this.#wrong(other, what, first);
    if (this.#one.operator !== "rmsnorm") return undefined;
    // One element's sign turned: exactly that element of the result turns its sign with it.
    const turned = await this.#call(1, { slot: "a", fresh: false, turned: true });
    const expected = turnSign(other.judged.output as Buffer, this.#one);
    if (turned.judged.output && Buffer.compare(turned.judged.output, expected) === 0)
      return undefined;
    const almost = "a call whose inputs differ in one element's sign";
    if (sameBits(other, turned)) {
      return this.#failure("stale_result", `${almost} gives the result of the call before`);
    }
    return isRight(turned) ? undefined : this.#wrong(turned, almost, other);
  }

  async #otherAddress(first: Step): Promise<Failure | undefined> {
    const moved = await this.#call(0, { slot: "b", fresh: true });
    if (sameBits(first, moved)) return undefined;
    const detail = "the first inputs at other addresses give another result";
    if (isRight(moved)) return this.#failure("address_dependent", `${detail}: other bits`);
    return this.#wrong(
      moved,
      "the first inputs at other addresses",
      undefined,
      "address_dependent",
    );
  }

  async #later(): Promise<Failure | undefined> {
    const kept = await this.#call(2, { slot: "b", fresh: false });
    for (let call = 3; call < 3 + laterCalls; call += 1) {
      const step = await this.#call(call, { slot: "a", fresh: false });
      if (!isRight(step)) return this.#wrong(step, `call ${call + 3} with this shape`);
    }
    const { candidate } = this.#session;
    if (candidate.result !== "returned" || !isRight(kept)) return undefined;
    const now = await this.#session.recall(kept.prepared);
    if (!now?.output || Buffer.compare(now.output, kept.judged.output as Buffer) === 0) {
      return undefined;
    }
    const detail = "a later call overwrites the tensor that an earlier one returned";
    return this.#failure("later_calls_wrong", detail);
  }

  /** The inputs are still on their way when the function is called, in its own stream. */
  async #streams(): Promise<Failure | undefined> {
    if (this.#session.facts.device === "cpu") {
      this.not_checked.push("streams and delayed inputs: torch has no GPU here");
      return undefined;
    }
    for (const stream of ["current", "side"] as const) {
      const step = await this.#call(40 + stream.length, { slot: "a", fresh: false, stream });
      const what = `on the ${stream} stream, whose inputs come late`;
      if (!isRight(step)) return this.#wrongStream(step, `a call ${what}`);
      const late = await this.#session.recall(step.prepared);
      if (late?.output && Buffer.compare(late.output, step.judged.output as Buffer) !== 0) {
        const detail = `the result of a call ${what}, changes after the stream is done`;
        return this.#failure("wrong_stream", detail);
      }
    }
    return undefined;
  }

  /** Old inputs were read, or an output that was not there yet: work went around the stream. */
  #wrongStream(step: Step, what: string): Failure {
    const { outcome } = step.judged;
    const values = outcome.state === "faulted" && outcome.fault.kind === "stale_result";
    if (outcome.state !== "measured" && !values) return this.#wrong(step, what);
    return this.#failure("wrong_stream", `${what}, has the result of what was there before them`);
  }

  async #call(
    inputs: number,
    options: {
      slot: string;
      fresh: boolean;
      turned?: boolean;
      stream?: "current" | "side";
    },
  ): Promise<Step> {
    const { slot, fresh, turned, stream } = options;
    const seed = mix32(this.#salt + 0x51ed * (inputs + 1));
    const prepared = prepareCall(this.#session.candidate, this.#one, { slot, fresh, seed });
    if (turned) turnInput(prepared);
    const request = stream ? { ...prepared.request, stream, delayed: true } : prepared.request;
    const judged = await this.#session.call({ ...prepared, request });
    return { judged, prepared };
  }

  #wrong(
    { judged, prepared }: Step,
    what: string,
    before?: Step,
    otherwise: ReasonCode = "later_calls_wrong",
  ): Failure {
    const { outcome, output } = judged;
    if (outcome.state === "faulted") {
      return this.#failure(outcome.fault.kind as ReasonCode, `${what}: ${outcome.fault.message}`);
    }
    if (outcome.state === "not_recorded" || outcome.state === "not_executed") {
      const reason = "reason" in outcome ? (outcome.reason as ReasonCode) : undefined;
      return this.#failure(reason ?? "host_code_failed", `${what}: ${outcome.message}`);
    }
    if (outcome.state === "refused") {
      return this.#failure("later_calls_wrong", `${what} gives ${outcome.result_name}`);
    }
    const { bad_count, elements } = outcome.measurement;
    const old = before?.judged.output;
    const stale = old !== undefined && output !== undefined && Buffer.compare(old, output) === 0;
    if (stale) return this.#failure("stale_result", `${what} gives the old result`);
    const beside = bad_count > 0 ? undefined : wrongIn(prepared.one, outcome.measurement)?.detail;
    const found = beside ? `: ${beside}` : ` has ${bad_count} of ${elements} elements wrong`;
    return this.#failure(otherwise, `${what}${found}`);
  }

  #failure(reason: ReasonCode, detail: string): Failure {
    return {
      reason,
      detail,
      case_name: caseName(this.#one),
      case_index: -10 - this.others.length,
      special_inputs: false,
      arch: this.#session.facts.device === "cuda" ? "gpu_torch" : "cpu_torch",
    };
  }
}

/** Right as a listed case is: its rstd, mean, residual and inputs too, not only its elements. */
function isRight({ judged: { outcome }, prepared }: Step): boolean {
  if (outcome.state !== "measured" || outcome.measurement.bad_count > 0) return false;
  return wrongIn(prepared.one, outcome.measurement) === undefined;
}

function sameBits(a: Step, b: Step): boolean {
  const [one, other] = [a.judged.output, b.judged.output];
  return one !== undefined && other !== undefined && Buffer.compare(one, other) === 0;
}

/** An element in the last row, off its middle. */
function turnedElement({ rows, hidden_size }: KernelCase): number {
  return (rows - 1) * hidden_size + Math.floor(hidden_size * 0.6);
}

/** The case is contiguous and starts at the buffer's begin. */
function turnInput({ one, request }: PreparedCall): void {
  const x = request.buffers.find(({ name }) => name === "x");
  if (x) turnAt(x.content, guardBytes, one);
}

function turnSign(output: Buffer, one: KernelCase): Buffer {
  const copy = Buffer.from(output);
  turnAt(copy, 0, one);
  return copy;
}

function turnAt(bytes: Uint8Array, start: number, one: KernelCase): void {
  const size = dtypeFacts[one.dtype].bytes;
  const last = start + turnedElement(one) * size + size - 1;
  bytes[last] = (bytes[last] ?? 0) ^ 0x80;
}
