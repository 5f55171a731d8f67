import { randomInt } from "node:crypto";
import { caseName, type KernelCase } from "../../kernel/cases.ts";
import { mix32 } from "../../kernel/inputs.ts";
import { plural, shortened } from "../../text.ts";
import type { ToolContext, Warning } from "../../tool.ts";
import { type ExecutedCase, type Failure, wrongIn } from "../case-failure.ts";
import type { ReasonCode } from "../reasons.ts";
import { judgeBehaviours } from "./behaviours.ts";
import { prepareCall } from "./call.ts";
import type { CallableCandidate } from "./candidate.ts";
import { judgeFilesDigest } from "./integrity.ts";
import { probe } from "./probe.ts";
import { type CallableOptions, CallableSession } from "./session.ts";

export type { CallableOptions } from "./session.ts";

export interface CallableRun {
  /** With what probing found: dtypes, rounding, in place. */
  candidate: CallableCandidate;
  executed: ExecutedCase[];
  /** What no single case shows: later calls, streams, tampering. */
  failures: Failure[];
  warnings: Warning[];
  isolation: string;
  not_checked: string[];
  executed_on: "cpu_torch" | "gpu_torch";
  device: string;
  /** The inputs were redrawn with it. */
  seed: number;
}

/** Elements of a case whose bytes go through a pipe to the process and back. */
const mostElements = 2 ** 26;

/**
 * Calls a Python function in a process of its own, once a case and again and again, and judges
 * from here what came back. Throws prerequisite_missing without torch, not_found and
 * invalid_argument where the function cannot be imported, and cancelled.
 */
export async function runCallable(
  candidate: CallableCandidate,
  cases: readonly KernelCase[] | ((judged: CallableCandidate) => readonly KernelCase[]),
  context: ToolContext,
  options: CallableOptions = {},
): Promise<CallableRun> {
  const before = judgeFilesDigest();
  const salt = options.salt ?? randomInt(2 ** 31);
  const session = await CallableSession.start(candidate, context, options);
  try {
    const narrowed = await probe(session, candidate.call.dtypes !== undefined);
    const listed = typeof cases === "function" ? cases(session.candidate) : cases;
    const { executed, left_out } = await runCases(session, listed, salt, context);
    const later = session.open
      ? await judgeBehaviours(session, salt)
      : { failures: [], not_checked: ["later calls, other addresses and streams"] };
    const failures = [
      ...unseenFaults(session, executed),
      ...withoutEchoes(later.failures, executed),
    ];
    // Where the system holds files, whoever changed them was not the candidate.
    if (!session.facts.isolation.files_held && judgeFilesDigest() !== before) {
      const detail = "files of the judge are not what they were before the candidate ran";
      failures.push(failureOf(session, "harness_tampered", detail));
    }
    return {
      ...aboutSession(session),
      executed,
      failures,
      not_checked: [...narrowed, ...left_out, ...later.not_checked, ...uncovered(session)],
      seed: salt,
    };
  } finally {
    await session.close();
  }
}

async function runCases(
  session: CallableSession,
  cases: readonly KernelCase[],
  salt: number,
  context: ToolContext,
): Promise<{ executed: ExecutedCase[]; left_out: string[] }> {
  const executed: ExecutedCase[] = [];
  const refused = new Map<string, number>();
  const tooLarge: string[] = [];
  for (const [index, listed] of cases.entries()) {
    const one = { ...listed, seed: mix32(listed.seed ^ salt) };
    context.progress({ message: caseName(one), done: index, total: cases.length });
    if (one.layout === "far_strided" || one.rows * one.hidden_size > mostElements) {
      tooLarge.push(caseName(one));
      continue;
    }
    const prepared = prepareCall(session.candidate, one, { slot: "cases", fresh: true });
    const { outcome } = await session.call(prepared);
    if (outcome.state === "refused" && !isPlain(one)) {
      const what = `${oddity(one)}: the function gives ${outcome.result_name}`;
      refused.set(what, (refused.get(what) ?? 0) + 1);
      continue;
    }
    const arch = archOf(session);
    executed.push({ arch, index, one, ...onOf(session), outcome, cached: false });
  }
  const left_out = [...refused]
    .slice(0, mostLines)
    .map(([what, count]) => shortened(`${what} (${plural(count, "case")})`, 240));
  if (refused.size > mostLines) {
    left_out.push(`${refused.size - mostLines} more kinds of refused cases`);
  }
  if (tooLarge.length > 0) {
    const count = plural(tooLarge.length, "case");
    left_out.push(`rows past 2^31 elements and very large inputs (${count}): sent through a pipe`);
  }
  return { executed, left_out };
}

const mostLines = 6;

/** What every norm must take; anything else it may refuse, which is no fault. */
function isPlain({ layout, rows, hidden_size }: KernelCase): boolean {
  return layout === "contiguous" && rows > 0 && hidden_size % 128 === 0;
}

function oddity({ layout, rows, hidden_size }: KernelCase): string {
  if (layout !== "contiguous") return `layout ${layout}`;
  return rows === 0 ? "no rows" : `hidden_size ${hidden_size}`;
}

/** What was seen at the import, while probing or in the census, and in no case. */
function unseenFaults(session: CallableSession, executed: readonly ExecutedCase[]): Failure[] {
  const seen = new Set(
    executed.map(({ outcome }) => {
      if (outcome.state === "faulted") return outcome.fault.kind;
      return outcome.state === "not_recorded" ? outcome.reason : undefined;
    }),
  );
  return session.faults
    .filter(({ kind }) => !seen.has(kind))
    .map(({ kind, message }) => failureOf(session, kind as ReasonCode, message));
}

/** Of the drawn shape that is wrong only news counts: listed cases may be wrong as well. */
function withoutEchoes(failures: readonly Failure[], executed: readonly ExecutedCase[]): Failure[] {
  const wrong = executed.some(({ one, outcome }) => {
    if (outcome.state !== "measured" || outcome.measurement.bad_count > 0) return true;
    return wrongIn(one, outcome.measurement) !== undefined;
  });
  return failures.filter(({ reason }) => reason !== "shape_specific" || !wrong);
}

function failureOf(session: CallableSession, reason: ReasonCode, detail: string): Failure {
  return {
    reason,
    detail,
    case_name: "the whole run",
    case_index: -1,
    special_inputs: false,
    arch: archOf(session),
  };
}

function archOf({ facts }: CallableSession): CallableRun["executed_on"] {
  return facts.device === "cuda" ? "gpu_torch" : "cpu_torch";
}

function onOf({ facts }: CallableSession): { on: "gpu" } | Record<string, never> {
  return facts.device === "cuda" ? { on: "gpu" } : {};
}

function aboutSession(session: CallableSession) {
  const { facts, candidate, warnings } = session;
  const { files, processes } = facts.isolation;
  const isolation =
    "Less isolated than compiled kernels: the Python function ran in a process of its own with torch and with its inputs, not with the expected values; " +
    `its results were judged outside of it. There: ${facts.network}; ${files}; ${processes}. ` +
    "What the user may read it may read, and what native code in it does to torch itself is not seen.";
  return {
    candidate,
    warnings,
    isolation,
    executed_on: archOf(session),
    device: `${facts.device_name}, torch ${facts.torch}`,
  };
}

function uncovered({ candidate, facts, forgiven }: CallableSession): string[] {
  const lines = ["races and uninitialised reads inside of kernels: validate the .cu for these"];
  if (candidate.own) {
    // The operators of one profiled call stand for all: torch tells the function that it is profiled.
    lines.push(
      "which of torch's operators run in calls without a profiler: a function can ask whether one is on",
    );
  }
  if (facts.device === "cpu")
    lines.push("the GPU: torch sees none, so the function ran on the CPU");
  if (forgiven > 0) {
    lines.push(
      `rows with an infinity: ${forgiven} of them are NaN as a whole, as torch's are on CUDA`,
    );
  }
  if (candidate.operator === "add_rmsnorm" && !sumIsSeen(candidate)) {
    lines.push("the residual sum: the function neither returns it nor writes it over residual");
  }
  return lines;
}

function sumIsSeen({ result_words, writes_residual }: CallableCandidate): boolean {
  return writes_residual || result_words.includes("residual");
}
