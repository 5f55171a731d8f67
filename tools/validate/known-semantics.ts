import { dtypeFacts } from "../kernel/dtypes.ts";
import { isOrdinary } from "../kernel/inputs.ts";
import { type ModelSemantics, modelSemantics } from "../kernel/model-semantics.ts";
import { listed, shortened } from "../text.ts";
import type { ExecutedCase } from "./case-failure.ts";
import type { Measurement } from "./outcome.ts";

/**
 * Whose results these are, at most 200 characters: for right values the library modules whose bits
 * they have and in which share of all elements; for wrong ones what they are nearest to, where a
 * known fault explains them. Empty where nothing can be said.
 */
export function knownSemantics(executed: readonly ExecutedCase[]): string {
  const measured = executed.flatMap(({ one, check, outcome }): Seen[] => {
    const asked = (check ?? "values") === "values" && one.rows > 0;
    return asked && outcome.state === "measured" ? [{ one, measurement: outcome.measurement }] : [];
  });
  const wrong = measured.filter(
    ({ one, measurement }) => isWrong(measurement) && isOrdinary(one.inputs),
  );
  const text = wrong.length > 0 ? nearest(wrong) : bitwise(measured);
  return shortened(text, mostCharacters);
}

const mostCharacters = 200;

interface Seen {
  one: ExecutedCase["one"];
  measurement: Measurement;
}

function isWrong({ bad_count, elements, beyond, diagnosis }: Measurement): boolean {
  // A single rounding more may stay within the limits of each element: then the share tells.
  return bad_count > 0 || (diagnosis?.resembles !== undefined && beyond > elements / 100);
}

/** What most of the wrong cases resemble, if it is most of all of them. */
function nearest(wrong: readonly Seen[]): string {
  const counts = new Map<string, number>();
  for (const { measurement } of wrong) {
    const resembled = measurement.diagnosis?.resembles ?? "";
    counts.set(resembled, (counts.get(resembled) ?? 0) + 1);
  }
  const [first] = [...counts].sort((a, b) => b[1] - a[1]);
  const question = first && questions[first[0]];
  return question ? `nearest to ${question}` : "";
}

/** By `Diagnosis.resembles`. */
const questions: Record<string, string> = {
  "weight_offset 1": "weight_offset 1: is this Gemma?",
  "weight_offset 0": "weight_offset 0: is this Llama's norm, not Gemma's?",
  "rounding llama": "rounding llama: is this transformers' LlamaRMSNorm?",
  "rounding single": "rounding single: is this torch.nn.RMSNorm, or Gemma?",
  "no weight": "a norm without weight: is this LTX-Video's norm1?",
};

function bitwise(measured: readonly Seen[]): string {
  const parts = modelSemantics.flatMap((model) => {
    const share = shareOf(measured.filter(({ one }) => isOf(one, model)));
    return share === undefined ? [] : [`${model.name} (${model.words}) in ${percent(share)}`];
  });
  if (parts.length > 0) return `bitwise ${listed(parts)} of 16-bit elements`;
  const [first] = measured;
  const model = first && modelSemantics.find((each) => isOf(first.one, each));
  if (!model) return "";
  const worst = Math.max(...measured.map(({ measurement }) => measurement.max_ulp));
  return `as ${model.name}, within ${Number(worst.toPrecision(2))} ulp of float32`;
}

function isOf(one: ExecutedCase["one"], model: ModelSemantics): boolean {
  // Without a weight there is no offset, and the orders are the same: it is torch.nn.RMSNorm's.
  const rounding = one.weight === "none" ? "single" : one.rounding;
  return (
    one.operator === model.operator &&
    rounding === model.rounding &&
    one.weight_offset === model.weight_offset &&
    (model.rounded_sum === undefined || one.rounded_sum === model.rounded_sum)
  );
}

/** The share of 16-bit elements that are bitwise right, of ordinary inputs; undefined without any. */
function shareOf(measured: readonly Seen[]): number | undefined {
  const counted = measured.filter(
    ({ one }) => dtypeFacts[one.out_dtype].bytes === 2 && isOrdinary(one.inputs),
  );
  const sum = (value: (measurement: Measurement) => number) =>
    counted.reduce((total, { measurement }) => total + value(measurement), 0);
  const elements = sum((measurement) => measurement.elements);
  return elements === 0 ? undefined : sum((measurement) => measurement.exact_count) / elements;
}

/** Never rounded up to 100 %: "99.998 %". */
function percent(share: number): string {
  if (share === 1) return "100 %";
  const digits = share > 0.999 ? 3 : 1;
  const scale = 10 ** digits;
  return `${Math.floor(share * 100 * scale) / scale} %`;
}
