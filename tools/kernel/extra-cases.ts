import type { CaseList } from "./case-lists.ts";
import type { CaseOptions, KernelCase, Shape } from "./cases.ts";
import { dtypeFacts } from "./dtypes.ts";
import { mix32 } from "./inputs.ts";

/** Wider than the registers of a block hold, in every dtype. */
const wideHiddenSize = 16392;
/** One row of many elements, and more rows than gridDim.y and gridDim.z take. */
const extremeShapes: readonly Shape[] = [
  { rows: 1, hidden_size: 262144 },
  { rows: 65537, hidden_size: 8 },
];
/** Past 2^31 elements by one row of them. */
const densePast: Shape = { rows: 524289, hidden_size: 4096 };

/** The cases that need no partner: empty, very wide, very long, and offsets past 2^31 elements. */
export function singleCases(options: CaseOptions, list: CaseList, base: KernelCase): KernelCase[] {
  const { supports, shapes, effort } = options;
  const cases: KernelCase[] = [];
  if (!shapes) {
    cases.push({ ...base, rows: 0 }, { ...base, rows: 0, hidden_size: 4097 });
    if (effort !== "quick") {
      const ordered = supports.dtypes.map((dtype) => ({ ...base, dtype, out_dtype: dtype }));
      cases.push(...ordered.map((one) => ({ ...one, hidden_size: wideHiddenSize })));
      cases.push(...extremeShapes.map((shape) => ({ ...base, ...shape })));
    }
  }
  if (effort !== "quick" && supports.layouts.includes("strided")) {
    cases.push(...farCases(list, base, shapes));
  }
  if (options.dense_past_2_31) cases.push(denseCase(options, base));
  const most = supports.max_elements ?? Number.POSITIVE_INFINITY;
  return cases.filter(({ rows, hidden_size }) => rows * hidden_size <= most);
}

/**
 * Cases of shapes that are drawn, log-uniform in both sizes within the element limit: every other
 * hidden size is a multiple of 8, or every one of `multiple_of`. The rest is drawn from what is
 * supported; inputs are ordinary, so that only the shape is special.
 */
export function drawnCases(
  { drawn, supports, form, eps }: CaseOptions,
  { factors, cut, most_elements }: CaseList,
  base: KernelCase,
): KernelCase[] {
  if (!drawn) return [];
  const widest = Math.min(most_elements, drawn.multiple_of ? 8192 : 65536);
  return Array.from({ length: drawn.count }, (_, index) => {
    const hash = (what: number) => mix32(mix32(drawn.seed ^ (index + 1)) + what);
    const logUniform = (what: number, most: number) =>
      Math.floor(2 ** ((hash(what) / 2 ** 32) * Math.log2(most + 1)));
    const pick = <Value>(what: number, values: readonly Value[], otherwise: Value): Value =>
      values[hash(what) % values.length] ?? otherwise;
    const step = drawn.multiple_of ?? (index % 2 === 0 ? 8 : 1);
    const hidden_size = unlisted(Math.ceil(logUniform(1, widest) / step) * step, step, factors);
    const rows = logUniform(2, Math.max(1, Math.floor(most_elements / hidden_size)));
    const dtype = pick(3, supports.dtypes, base.dtype);
    const weight = pick(4, supports.weight, base.weight);
    const inputs = pick(5, ["std_1", "std_1e-2"] as const, base.inputs);
    const epsValues = factors.find(({ name }) => name === "eps")?.values ?? [];
    return {
      ...base,
      ...cut({ rows, hidden_size }),
      dtype,
      out_dtype: dtype,
      weight,
      weight_offset: weight === "none" ? 0 : pick(6, supports.weight_offset, 0),
      layout: pick(7, supports.layouts, base.layout),
      rounding: pick(8, supports.rounding, base.rounding),
      eps: Math.fround(eps ?? Number(pick(9, epsValues, base.eps))),
      inputs,
      in_place: form.in_place,
      drawn: true,
    };
  });
}

/** The next size that no list has: a kernel that knows the listed ones must not get by. */
function unlisted(size: number, step: number, factors: CaseList["factors"]): number {
  const listed = factors.find(({ name }) => name === "hidden_size")?.values ?? [];
  let found = size;
  while (listed.includes(found)) found += step;
  return found;
}

/** Four rows so far apart that the last ones start past 2^31 and 2^32 elements. */
function farCases(
  list: CaseList,
  base: KernelCase,
  shapes: readonly Shape[] | undefined,
): KernelCase[] {
  const sizes = shapes
    ? [...new Set(shapes.map((shape) => shape.hidden_size))].slice(0, 2)
    : [128, 4096];
  return sizes.map((hidden_size) => ({
    ...base,
    ...list.cut({ rows: 4, hidden_size }),
    rows: 4,
    layout: "far_strided",
  }));
}

/** In the narrowest dtype that is supported. */
function denseCase({ supports }: CaseOptions, base: KernelCase): KernelCase {
  const dtype =
    supports.dtypes.find((each) => dtypeFacts[each].bytes === 2) ??
    supports.dtypes[0] ??
    base.dtype;
  return { ...base, ...densePast, dtype, out_dtype: dtype };
}
