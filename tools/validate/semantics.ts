import { type KernelCase, listCases, type Rounding } from "../kernel/cases.ts";
import type { ToolContext } from "../tool.ts";
import type { ArchInput } from "./arch-input.ts";
import { runArch } from "./arch-run.ts";
import type { Candidate } from "./candidate.ts";

interface Semantics {
  rounding: Rounding;
  rounded_sum: boolean;
}

/**
 * A foreign kernel declares neither rounding order nor what becomes of a residual sum: the choice
 * that a small probe is nearest to is the one it is then judged by. A wrong kernel stays wrong
 * under every choice.
 */
export async function probeSemantics(
  candidate: Candidate,
  runs: readonly ArchInput[],
  context: ToolContext,
): Promise<Candidate> {
  const [run] = runs;
  const choices = choicesOf(candidate);
  const [only] = choices;
  if (!run || !only) return candidate;
  if (choices.length === 1) return withSemantics(candidate, only);
  const items = choices.map((choice) => ({
    one: probeCase(candidate, choice),
    check: "values" as const,
  }));
  const { executed } = await runArch(candidate, run, items, [], context.signal, () => {});
  const distances = executed.map(({ outcome }) =>
    outcome.state === "measured"
      ? outcome.measurement.bad_count * 1e6 + outcome.measurement.beyond
      : Number.POSITIVE_INFINITY,
  );
  return withSemantics(candidate, choices[distances.indexOf(Math.min(...distances))] ?? only);
}

function withSemantics(candidate: Candidate, { rounding, rounded_sum }: Semantics): Candidate {
  return {
    ...candidate,
    supports: { ...candidate.supports, rounding: [rounding] },
    form: { ...candidate.form, rounded_sum },
  };
}

function choicesOf(candidate: Candidate): Semantics[] {
  // With one rounding only, or no product with a weight after it, the orders are the same.
  const roundings: readonly Rounding[] =
    candidate.operator === "layernorm" ? ["single"] : ["single", "llama"];
  const sums = candidate.operator === "add_rmsnorm" ? [true, false] : [true];
  return roundings.flatMap((rounding) => sums.map((rounded_sum) => ({ rounding, rounded_sum })));
}

/** In float32 the rounding orders are hardly apart: the probe is in half precision if it can be. */
function probeCase(candidate: Candidate, choice: Semantics): KernelCase {
  const { dtypes } = candidate.supports;
  const dtype = dtypes.find((each) => each !== "float32") ?? "float32";
  const [first] = listCases({
    operator: candidate.operator,
    supports: {
      ...candidate.supports,
      dtypes: [dtype],
      layouts: ["contiguous"],
      rounding: [choice.rounding],
    },
    form: { ...candidate.form, rounded_sum: choice.rounded_sum },
    effort: "quick",
    shapes: [{ rows: 8, hidden_size: 1024 }],
    promotes: false,
    ...(candidate.eps === undefined ? {} : { eps: candidate.eps }),
  });
  return { ...(first as KernelCase), inputs: "std_1", weight_values: "spread" };
}
