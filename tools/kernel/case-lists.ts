import type { CaseOptions, Effort, Shape } from "./cases.ts";
import { type InputRecipe, inputRecipes, weightValues } from "./inputs.ts";
import type { Factor, FactorValue, PairRule } from "./pairwise.ts";

/** What the pairwise list of a validation is made of. */
export interface CaseList {
  factors: readonly Factor[];
  /** The shape with as many rows as the element limits allow, and one row at least. */
  cut(shape: Shape): Shape;
  most_elements: number;
}

interface EffortList {
  hidden_sizes: readonly number[];
  /** No rows at all is a case of its own: in a pair it would cover nothing. */
  rows: readonly number[];
  inputs: readonly InputRecipe[];
  eps: readonly number[];
  most_elements: number;
}

/** Sizes for each way that a launcher may go: narrow, a warp, a block, any shape. */
const quickHiddenSizes = [3, 128, 4096, 4097];

/**
 * Hidden sizes of models, and around them what breaks kernels: 1, primes, one less and one more
 * than whole vectors, wider than the registers of a block hold (16384 and more). Rows: one, a
 * few, one more than a whole number of waves on an H200 (132 SMs), more than gridDim.y takes.
 */
const effortLists: Record<Effort, EffortList> = {
  quick: {
    hidden_sizes: quickHiddenSizes,
    rows: [1, 31],
    inputs: ["std_1", "std_1e-2", "mixed", "zeros", "large"],
    eps: [1e-6, 1e-5],
    most_elements: 2 ** 17,
  },
  default: {
    hidden_sizes: [1, 3, 64, 127, 128, 512, 2048, 2880, 4096, 4097, 8192],
    rows: [1, 2, 31, 133],
    inputs: inputRecipes,
    eps: [1e-6, 1e-5, 0, 1e-12, 1e-8, 1e-2],
    most_elements: 2 ** 15,
  },
  full: {
    hidden_sizes: [
      1, 2, 3, 7, 64, 127, 128, 129, 256, 1536, 2048, 2880, 3072, 4095, 4096, 4097, 5120, 7168,
      8192, 16384, 65536, 262144,
    ],
    rows: [1, 2, 31, 133, 1057, 65537, 300000],
    inputs: inputRecipes,
    eps: [1e-6, 1e-5, 0, 1e-12, 1e-8, 1e-2],
    most_elements: 2 ** 26,
  },
};

/** What a mean that is taken away does to infinities and overflow, every kernel answers otherwise. */
const layernormInputs: readonly InputRecipe[] = ["std_1", "std_1e-2", "nans"];
const layernormEps = [1e-6, 1e-5];

export function caseListOf(options: CaseOptions): CaseList {
  const { operator, supports, form, effort, shapes, eps } = options;
  const list = effortLists[effort];
  const centred = operator === "layernorm";
  const most_elements = Math.min(
    options.most_elements ?? list.most_elements,
    supports.max_elements ?? Number.POSITIVE_INFINITY,
  );
  const shapeFactors: Factor[] = shapes
    ? [{ name: "shape", values: shapes.map((_, index) => index) }]
    : [
        { name: "hidden_size", values: list.hidden_sizes },
        { name: "rows", values: list.rows },
      ];
  const placed = form.in_place ? ["yes"] : supports.in_place ? ["no", "yes"] : ["no"];
  // Without a weight both mean nothing: a value of its own keeps such tuples from covering others.
  const withNone = (values: readonly FactorValue[]) => [
    ...(supports.weight.some((each) => each !== "none") ? values : []),
    ...(supports.weight.includes("none") ? ["none"] : []),
  ];
  return {
    factors: [
      ...shapeFactors,
      { name: "inputs", values: centred ? layernormInputs : list.inputs },
      { name: "layout", values: supports.layouts },
      { name: "dtype", values: supports.dtypes },
      { name: "weight", values: supports.weight },
      { name: "rounding", values: supports.rounding },
      { name: "weight_offset", values: withNone(supports.weight_offset) },
      { name: "weight_values", values: withNone(weightValues) },
      { name: "eps", values: eps === undefined ? (centred ? layernormEps : list.eps) : [eps] },
      { name: "in_place", values: placed },
    ],
    most_elements,
    cut: ({ rows, hidden_size }) => ({
      rows: Math.min(rows, Math.max(1, Math.floor(most_elements / hidden_size))),
      hidden_size,
    }),
  };
}

/** Which pairs must meet, and which must not. */
export function ruleOf({ effort }: CaseOptions): PairRule {
  return (a, b) => {
    const values: Record<string, FactorValue> = { [a.name]: a.value, [b.name]: b.value };
    const { hidden_size, rows, inputs, eps } = values;
    const ofWeight = [values.weight, values.weight_values, values.weight_offset];
    const without = ofWeight.filter((value) => value === "none").length;
    if (without === 1 && ofWeight.filter((value) => value !== undefined).length === 2) {
      return "forbidden";
    }
    // The squares of the smallest numbers are 0 in float32: what then is left without eps, the
    // order of an honest kernel's operations decides.
    if (eps === 0 && (inputs === "subnormal" || inputs === "mixed")) return "forbidden";
    // It has a row of everything only where there are rows.
    if (inputs === "mixed" && (rows === 1 || rows === 2)) return "forbidden";
    if (effort === "default" && hidden_size !== undefined && inputs !== undefined) {
      const often = inputs === "std_1" || inputs === "std_1e-2" || inputs === "mixed";
      return often || quickHiddenSizes.includes(Number(hidden_size)) ? "needed" : "optional";
    }
    return "needed";
  };
}
