import { createHash } from "node:crypto";
import { ToolError } from "../../errors.ts";
import type { ToolContext, Warning } from "../../tool.ts";
import { requireTorchPython } from "../../toolchain/torch.ts";
import { CallableHost, type Called, type HostFacts, type Loaded } from "../../worker/callable.ts";
import type { CaseOutcome, FaultReport } from "../outcome.ts";
import type { PreparedCall } from "./call.ts";
import type { CallableCandidate } from "./candidate.ts";
import { outcomeOfEnding } from "./ending.ts";
import { executedCall, type JudgedCall, judgeCall, losesContext } from "./judge-call.ts";
import { judgeTraces } from "./traces.ts";

export interface CallableOptions {
  /** Longest time of one call; left out: 30 s, of which Triton's compiler may need some. */
  time_limit_ms?: number;
  /** Left out: the first Python that has torch. */
  python?: string;
  force_cpu?: boolean;
  most_memory_bytes?: number;
  /** Draws the inputs of this run; left out: by chance. */
  salt?: number;
}

const defaultTimeLimitMs = 30_000;
/** A process that ended this often is not started again: nor after one that hung. */
const mostEndings = 2;
/** Wrong results that are looked at a second time, for what comes late. */
const mostSecondLooks = 8;

/** One candidate in a process that is kept warm, and started again after it was lost. */
export class CallableSession {
  candidate: CallableCandidate;
  readonly warnings: Warning[] = [];
  /** What was done that no function may do, and how the process ended; each once. */
  readonly faults: FaultReport[] = [];
  /** Rows with an infinity that came back as NaN. */
  forgiven = 0;
  claims: NonNullable<Loaded["claims"]> = [];
  readonly #context: ToolContext;
  readonly #options: CallableOptions & { python: string; time_limit_ms: number };
  #host: CallableHost | undefined;
  #facts: HostFacts | undefined;
  #givenUp: CaseOutcome | undefined;
  #endings = 0;
  #secondLooks = 0;
  /** Digests of right outputs: a wrong one that equals one of them was remembered. */
  readonly #outputs = new Set<string>();

  private constructor(
    candidate: CallableCandidate,
    context: ToolContext,
    options: CallableOptions & { python: string; time_limit_ms: number },
  ) {
    this.candidate = candidate;
    this.#context = context;
    this.#options = options;
  }

  /** Imports torch, then the candidate. Throws prerequisite_missing, not_found and cancelled. */
  static async start(
    candidate: CallableCandidate,
    context: ToolContext,
    options: CallableOptions,
  ): Promise<CallableSession> {
    const python =
      options.python ?? (await requireTorchPython(context.workspace, context.signal)).python;
    const time_limit_ms = options.time_limit_ms ?? defaultTimeLimitMs;
    const session = new CallableSession(candidate, context, { ...options, python, time_limit_ms });
    await session.#ready();
    return session;
  }

  /** Of the process that was started first. */
  get facts(): HostFacts {
    if (!this.#facts) throw new Error("the session has not started");
    return this.#facts;
  }

  /** False once no further call is made. */
  get open(): boolean {
    return this.#givenUp === undefined;
  }

  /** One call, judged. A lost process is an outcome, and is replaced. */
  async call(prepared: PreparedCall): Promise<JudgedCall> {
    return (await this.callRaw(prepared)).judged;
  }

  /** As `call`, with the reply itself where there is one. */
  async callRaw(prepared: PreparedCall): Promise<{ judged: JudgedCall; called?: Called }> {
    const host = await this.#ready();
    if (!host) return { judged: { outcome: this.#notCalled(), output: undefined } };
    const began = performance.now();
    const called = await host.call(prepared.request);
    if (called.state === "ended") {
      return { judged: { outcome: await this.#lost(called, "the call"), output: undefined } };
    }
    const milliseconds = performance.now() - began;
    const judged = judgeCall(this.candidate, prepared, called, milliseconds);
    this.forgiven += judged.forgiven ?? 0;
    const fault = this.#note(called);
    if (losesContext(called.error)) await this.#loseContext(judged.outcome);
    if (fault) {
      const executed = executedCall(this.candidate, milliseconds);
      return { judged: { ...judged, outcome: { state: "faulted", fault, ...executed } }, called };
    }
    return { judged: await this.#explained(prepared, judged), called };
  }

  /** An earlier call of the slot, as it is now; undefined where the process is gone. */
  async recall(prepared: PreparedCall): Promise<JudgedCall | undefined> {
    const called = await this.#host?.recall(prepared.request);
    if (called?.state === "ended") await this.#lost(called, "the time after a call");
    if (!called || called.state === "ended") return undefined;
    return judgeCall(this.candidate, prepared, called, 0);
  }

  async census(prepared: PreparedCall) {
    const census = await this.#host?.census(prepared.request);
    if (!census || !("state" in census)) return census;
    // The extra call is ours: that it ended is told, and counts for nothing else.
    await this.close();
    return undefined;
  }

  /** Ends the process. Safe to call twice; a call afterwards starts another. */
  async close(): Promise<void> {
    const gone = this.#host;
    this.#host = undefined;
    await gone?.close();
  }

  /** A process with the candidate in it; undefined where no further one is started. */
  async #ready(): Promise<CallableHost | undefined> {
    if (this.#givenUp) return undefined;
    if (this.#host) return this.#host;
    const { workspace, signal } = this.#context;
    const host = await CallableHost.start({ ...this.#options, workspace, signal });
    this.#host = host;
    this.#facts ??= host.facts;
    const { module, file, call_signature, own } = this.candidate;
    const loaded = await host.load({
      module,
      file,
      function: this.candidate.function,
      signature: call_signature.expression,
      signature_name: call_signature.name,
      own,
    });
    if (loaded.state === "ended") {
      await this.#lost(loaded, "the import");
      return this.#ready();
    }
    if (loaded.error) {
      await this.close();
      throw notImported(this.candidate.label, loaded.error);
    }
    this.claims = loaded.claims ?? [];
    this.#note(loaded);
    return host;
  }

  /** A fault on the GPU leaves a context that is of no use: the process is as good as gone. */
  async #loseContext(outcome: CaseOutcome): Promise<void> {
    await this.close();
    this.#endings += 1;
    if (outcome.state !== "faulted") return;
    this.#keep(outcome.fault);
    if (this.#endings < mostEndings) return;
    const { message } = outcome.fault;
    this.#givenUp = { state: "not_executed", message };
  }

  #note(traces: Called | Loaded): FaultReport | undefined {
    const { fault, warnings } = judgeTraces(traces, this.#context.workspace);
    const known = new Set(this.warnings.map(({ message }) => message));
    this.warnings.push(...warnings.filter(({ message }) => !known.has(message)));
    if (fault) this.#keep(fault);
    return fault;
  }

  async #lost(
    ending: Parameters<typeof outcomeOfEnding>[0],
    doing: string,
  ): Promise<Extract<CaseOutcome, { state: "not_recorded" }>> {
    // It may live on: a forged reply ends nothing by itself.
    await this.close();
    if (ending.cause === "cancelled") {
      throw new ToolError(
        "cancelled",
        "Cancelled while the function was being called.",
        "Make the same call again.",
      );
    }
    this.#endings += 1;
    const outcome = outcomeOfEnding(ending, doing, this.#options.time_limit_ms);
    this.#keep({ kind: outcome.reason, message: outcome.message });
    if (ending.cause === "timed_out" || this.#endings >= mostEndings) this.#givenUp = outcome;
    return outcome;
  }

  #keep(fault: FaultReport): void {
    if (!this.faults.some(({ kind }) => kind === fault.kind)) this.faults.push(fault);
  }

  /** The import itself did not end: that is every case's outcome; else nothing is said of the rest. */
  #notCalled(): CaseOutcome {
    const gone = this.#givenUp;
    const text = gone && "message" in gone ? gone.message : "";
    if (gone && text.includes("the import")) return gone;
    return { state: "not_executed", message: `not called, since earlier ${text}` };
  }

  /** A wrong result that was right once, or that becomes right later, says more than its values. */
  async #explained(prepared: PreparedCall, judged: JudgedCall): Promise<JudgedCall> {
    const { outcome, output } = judged;
    if (outcome.state !== "measured" || !output || output.length === 0) return judged;
    const digest = createHash("sha256").update(output).digest("hex");
    if (outcome.measurement.bad_count === 0) {
      this.#outputs.add(digest);
      return judged;
    }
    const { launches, thread_instructions, milliseconds, launch_digest } = outcome;
    const executed = { launches, thread_instructions, milliseconds, launch_digest };
    const faulted = (fault: FaultReport): JudgedCall => ({
      outcome: { state: "faulted", fault, ...executed },
      output,
    });
    if (this.#outputs.has(digest)) {
      const message = "the result is, bit by bit, that of an earlier call with other inputs";
      return faulted({ kind: "stale_result", message });
    }
    if (this.#secondLooks >= mostSecondLooks) return judged;
    this.#secondLooks += 1;
    const late = await this.recall(prepared);
    const came = late?.outcome.state === "measured" && late.outcome.measurement.bad_count === 0;
    if (!came) return judged;
    const message =
      "the result was not there when the call had returned and its stream was done; it came later";
    return faulted({ kind: "wrong_stream", message });
  }
}

function notImported(
  label: string,
  { type, message, where }: { type: string; message: string; where: string },
): ToolError {
  const at = where ? ` (${where})` : "";
  return new ToolError(
    type === "ModuleNotFoundError" || type === "AttributeError" ? "not_found" : "invalid_argument",
    `"${label}" cannot be imported: ${type}: ${message}${at}`,
    'Mend the import, or give "module:function" or "path/file.py:function" that the Python with torch can import.',
  );
}
