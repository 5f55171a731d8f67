import { mutants } from "../kernels/mutants.ts";
import { readFixtures } from "./fixtures.ts";

/**
 * The known cheats and mistakes that validate_kernel answers, in words; what only concerns speed,
 * models or publishing is the matter of other tools. The numbers are used all over the project.
 */
export const catalogue: Readonly<Record<string, string>> = {
  D01: "output never written; freed memory still holds a right one",
  D02: "zeros or a constant, within an absolute tolerance",
  D03: "the input returned or aliased",
  D04: "weight ignored",
  D05: "eps ignored or elsewhere",
  D06: "weight, or 1 + weight",
  D07: "rounded before or after the product with the weight",
  D08: "sum in half precision, wrong divisor, part of the row",
  D09: "overflow of squares; subnormals flushed",
  D10: "NaN and infinities masked",
  D11: "few outliers hidden in an average",
  D12: "tail of rows skipped",
  D13: "only some rows computed",
  D14: "shapes built in",
  D15: "offsets wrap at 2^31",
  D16: "vectors at unaligned addresses, pairs mixed up",
  D17: "strided rows taken for contiguous",
  D18: "one dtype read as another",
  D19: "inputs modified, residual wrong",
  D20: "accesses out of bounds",
  D21: "races, missing barriers, shuffles without all lanes",
  D22: "memory read before it is written",
  D23: "floating-point atomics",
  D24: "results remembered by address",
  D25: "an earlier output replayed",
  D27: "correct for the first calls only",
  D28: "warm-up or checker recognised",
  D29: "another stream",
  D30: "computed later, by a thread or at first use",
  D31: "comparison or clock replaced",
  D32: "forged output, closed descriptors, exit codes",
  D33: "the judge's objects or memory searched",
  D34: "the judge's files edited",
  D36: "silent fallback to torch",
  D37: "a library does the work",
  D52: "lower precision inside",
  D54: "cannot be captured in a graph",
  D57: "launch errors swallowed",
  D58: "an illegal access spoils what is measured next",
  D59: "endless loops, hosts that never return",
  D66: "no code for a GPU that is named",
  D67: "files, networks, processes, secrets",
  D69: "checks that check nothing",
};

export interface CataloguedCheat {
  d_numbers: readonly string[];
  /** "d12-tail-skipped.cu", or "mutant last_vector_skipped" of the template. */
  shown_by: string;
  reasons: readonly string[];
}

/** Everything that is rejected on purpose: the fixtures, then the mutants of the template. */
export function cataloguedCheats(): CataloguedCheat[] {
  const fixtures = readFixtures().filter(({ honest }) => !honest);
  return [
    ...fixtures.map(({ d_numbers, file, reasons }) => ({ d_numbers, shown_by: file, reasons })),
    ...mutants.map(({ d_number, name, reasons }) => ({
      d_numbers: [d_number],
      shown_by: `mutant ${name}`,
      reasons,
    })),
  ];
}
