import { type KernelCase, listCases, type Rounding } from "../../kernel/cases.ts";
import type { Dtype } from "../../kernel/dtypes.ts";
import { shortened } from "../../text.ts";
import type { Called } from "../../worker/callable.ts";
import { type PreparedCall, prepareCall } from "./call.ts";
import type { CallableCandidate } from "./candidate.ts";
import { judgeCall } from "./judge-call.ts";
import type { CallableSession } from "./session.ts";

/**
 * Finds what nobody has declared, by one call a dtype: which dtypes are taken, what comes back,
 * which rounding order the values are nearest to. A wrong function stays wrong under every choice.
 * Returns what was found that narrows the judgement, as lines for not_checked.
 */
export async function probe(session: CallableSession, explicit: boolean): Promise<string[]> {
  const { dtypes } = session.candidate.supports;
  const taken: Dtype[] = [];
  const lines: string[] = [];
  let shown: { prepared: PreparedCall; called: Called } | undefined;
  for (const dtype of byUsefulness(dtypes)) {
    const prepared = prepareCall(session.candidate, probeCase(session.candidate, dtype), {
      slot: "probe",
      fresh: true,
    });
    const { judged, called } = await session.callRaw(prepared);
    if (judged.outcome.state === "refused") {
      lines.push(shortened(`${dtype}: the function gives ${judged.outcome.result_name}`, 240));
      continue;
    }
    taken.push(dtype);
    if (called && !called.error) shown ??= { prepared, called };
  }
  // Where every dtype is refused, the cases must show it.
  const kept = explicit || taken.length === 0 ? dtypes : dtypes.filter((d) => taken.includes(d));
  const narrowed = { ...session.candidate.supports, dtypes: kept };
  session.candidate = { ...session.candidate, supports: narrowed };
  if (shown) {
    session.candidate = withForm(session.candidate, shown);
    session.candidate = withSemantics(session.candidate, shown);
  } else if (session.candidate.result === "probed") {
    session.candidate = { ...session.candidate, result: "returned" };
  }
  return kept.length < dtypes.length ? lines : [];
}

/** In float32 the rounding orders are hardly apart: half precision first. */
function byUsefulness(dtypes: readonly Dtype[]): Dtype[] {
  return [...dtypes].sort((a, b) => Number(a === "float32") - Number(b === "float32"));
}

function probeCase(candidate: CallableCandidate, dtype: Dtype): KernelCase {
  const [first] = listCases({
    operator: candidate.operator,
    supports: { ...candidate.supports, dtypes: [dtype], layouts: ["contiguous"] },
    form: candidate.form,
    effort: "quick",
    shapes: [{ rows: 8, hidden_size: 1024 }],
    promotes: false,
    ...(candidate.eps === undefined ? {} : { eps: candidate.eps }),
  });
  const { eps } = candidate;
  const ordinary = { inputs: "std_1", weight_values: "spread", eps: Math.fround(eps ?? 1e-6) };
  return { ...(first as KernelCase), ...ordinary, dtype, out_dtype: dtype } as KernelCase;
}

/** What one call shows of the form: nothing came back, so it wrote over x; two came back. */
function withForm(
  candidate: CallableCandidate,
  { prepared, called }: { prepared: PreparedCall; called: Called },
): CallableCandidate {
  const changed = (name: string) => {
    const index = prepared.request.buffers.findIndex((each) => each.name === name);
    const sent = prepared.request.buffers[index]?.content;
    const after = called.buffers[index];
    return sent !== undefined && after !== undefined && Buffer.compare(sent, after) !== 0;
  };
  const returnsSum = candidate.result_words.includes("residual");
  const withSum = {
    ...candidate,
    writes_residual: !returnsSum && candidate.operator === "add_rmsnorm" && changed("residual"),
  };
  if (candidate.result !== "probed") return withSum;
  const nothing = called.results[0]?.type === "builtins.NoneType";
  if (nothing && changed("x")) {
    return { ...withSum, result: "in_place", form: { ...candidate.form, in_place: true } };
  }
  const two = called.several && called.results.length > 1 && candidate.operator === "add_rmsnorm";
  const result_words = two && !withSum.writes_residual ? ["out", "residual"] : ["out"];
  return { ...withSum, result: "returned", result_words };
}

/** The choice that the values shown are nearest to. */
function withSemantics(
  candidate: CallableCandidate,
  { prepared, called }: { prepared: PreparedCall; called: Called },
): CallableCandidate {
  const roundings: readonly Rounding[] =
    candidate.operator === "layernorm" ? ["single"] : ["single", "llama"];
  const sums = candidate.operator === "add_rmsnorm" ? [true, false] : [true];
  const choices = roundings.flatMap((rounding) =>
    sums.map((rounded_sum) => ({ rounding, rounded_sum })),
  );
  const distances = choices.map((choice) => {
    const one = { ...prepared.one, ...choice, in_place: candidate.form.in_place };
    const { outcome } = judgeCall(candidate, { ...prepared, one }, called, 0);
    if (outcome.state !== "measured") return Number.POSITIVE_INFINITY;
    return outcome.measurement.bad_count * 1e6 + outcome.measurement.beyond;
  });
  const nearest = choices[distances.indexOf(Math.min(...distances))];
  if (!nearest) return candidate;
  return {
    ...candidate,
    supports: { ...candidate.supports, rounding: [nearest.rounding] },
    form: { ...candidate.form, rounded_sum: nearest.rounded_sum },
  };
}
