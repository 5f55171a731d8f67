import type { KernelCase, Layout, Rounding, WeightForm } from "../../tools/kernel/cases.ts";
import { type Dtype, dtypeNames } from "../../tools/kernel/dtypes.ts";
import {
  type InputRecipe,
  inputRecipes,
  mix32,
  type WeightValues,
  weightValues,
} from "../../tools/kernel/inputs.ts";
import { type OperatorName, operatorNames } from "../../tools/kernel/operators.ts";
import { pairwise } from "../../tools/kernel/pairwise.ts";
import { kernelCase } from "../validate/cases.ts";

const layouts: readonly Layout[] = ["contiguous", "strided", "grouped", "unaligned", "far_strided"];
/** A warp a row, with and without a rest, and a block a row. Rows: up to all kinds of "mixed". */
const shapes = ["13x1", "13x33", "5x128", "2x520", "0x40"] as const;

const crowded: readonly unknown[] = shapes.filter((shape) => shape !== "5x128");

/** Every two values of two factors meet in at least one case. */
export function judgeCases(): KernelCase[] {
  const tuples = pairwise(
    [
      { name: "inputs", values: inputRecipes },
      { name: "layout", values: layouts },
      { name: "shape", values: shapes },
      { name: "operator", values: operatorNames },
      { name: "dtype", values: dtypeNames },
      { name: "weight", values: ["none", "same", "float32"] },
      { name: "weight_values", values: weightValues },
      { name: "weight_offset", values: [0, 1] },
      { name: "rounding", values: ["llama", "single"] },
      { name: "promoted", values: [0, 1] },
      { name: "with_rstd", values: [0, 1] },
      { name: "rounded_sum", values: [0, 1] },
      { name: "in_place", values: [0, 1] },
      { name: "eps", values: [0, 1e-6, 1e-2] },
    ],
    0x4a,
    (a, b) => {
      const values = [a.value, b.value];
      // Of rows that are gigabytes apart a few will do.
      if (values.includes("far_strided") && values.some((value) => crowded.includes(value))) {
        return "forbidden";
      }
      // The drawing of values knows nothing of where they are put.
      const names = [a.name, b.name];
      return names.includes("inputs") && !names.includes("dtype") ? "optional" : "needed";
    },
  );
  return tuples.map((tuple, index) => {
    const [rows = 0, hidden_size = 0] = String(tuple.shape).split("x").map(Number);
    const dtype = tuple.dtype as Dtype;
    const operator = tuple.operator as OperatorName;
    const in_place = tuple.in_place === 1;
    const promoted = tuple.promoted === 1 && tuple.weight === "float32" && !in_place;
    return kernelCase({
      operator,
      dtype,
      rows,
      hidden_size,
      in_place,
      rounding: operator === "layernorm" ? "single" : (tuple.rounding as Rounding),
      weight: tuple.weight as WeightForm,
      weight_values: tuple.weight_values as WeightValues,
      weight_offset: tuple.weight === "none" ? 0 : Number(tuple.weight_offset),
      eps: Math.fround(Number(tuple.eps)),
      out_dtype: promoted ? "float32" : dtype,
      layout: tuple.layout as Layout,
      inputs: tuple.inputs as InputRecipe,
      with_rstd: tuple.with_rstd === 1,
      rounded_sum: tuple.rounded_sum === 1,
      with_bias: operator === "layernorm" && tuple.with_rstd === 1,
      with_mean: operator === "layernorm" && tuple.rounded_sum === 1,
      seed: mix32(index),
    });
  });
}

/** Narrow and wide rows, every operator, every layout with gaps, every kind of row. */
export const baseCases: readonly KernelCase[] = [
  kernelCase({ with_rstd: true }),
  kernelCase({
    inputs: "mixed",
    rows: 13,
    hidden_size: 33,
    layout: "grouped",
    dtype: "float16",
    out_dtype: "float16",
  }),
  kernelCase({
    dtype: "bfloat16",
    weight: "float32",
    out_dtype: "float32",
    layout: "unaligned",
    hidden_size: 520,
    rows: 3,
  }),
  kernelCase({ operator: "add_rmsnorm", rounded_sum: false, layout: "strided", with_rstd: true }),
  kernelCase({
    operator: "layernorm",
    dtype: "float32",
    out_dtype: "float32",
    rounding: "single",
    with_bias: true,
    with_mean: true,
    with_rstd: true,
  }),
  kernelCase({
    in_place: true,
    dtype: "float16",
    out_dtype: "float16",
    weight: "none",
    inputs: "subnormal",
  }),
  kernelCase({ layout: "far_strided", rounding: "single", inputs: "large" }),
];
