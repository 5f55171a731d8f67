import type { KernelCase } from "../kernel/cases.ts";
import { listed } from "../text.ts";

/** What a case may fail by, in the words of the glossary. */
const factors = {
  dtype: (one: KernelCase) => one.dtype,
  rounding: (one: KernelCase) => `rounding ${one.rounding}`,
  weight: (one: KernelCase) => `weight ${one.weight}`,
  weight_offset: (one: KernelCase) => `weight_offset ${one.weight_offset}`,
  layout: (one: KernelCase) => `layout ${one.layout}`,
  inputs: (one: KernelCase) => `inputs ${one.inputs}`,
  out_dtype: (one: KernelCase) =>
    one.out_dtype === one.dtype ? "out of x's dtype" : "promoted out",
  with_rstd: (one: KernelCase) => (one.with_rstd ? "rstd asked for" : "no rstd asked for"),
  hidden_size: (one: KernelCase) => `hidden_size ${one.hidden_size}`,
  rows: (one: KernelCase) => `rows ${one.rows}`,
} as const;

/**
 * What the failing cases have in common and the passing ones have not all: "only bfloat16, only
 * hidden_size 4097". Empty where they have nothing in common, or fewer than two fail.
 */
export function commonTraits(
  failing: readonly KernelCase[],
  passing: readonly KernelCase[],
): string {
  if (failing.length < 2) return "";
  const traits = Object.values(factors).flatMap((word) => {
    const words = new Set(failing.map(word));
    const [first] = words;
    if (words.size !== 1 || first === undefined) return [];
    return passing.some((one) => word(one) !== first) ? [`only ${first}`] : [];
  });
  return listed(traits);
}
