import { expect, test } from "vitest";
import { bitsOf, roundTo, valueFromBits } from "../../tools/kernel/dtypes.ts";
import { kindOfRow } from "../../tools/kernel/inputs.ts";
import { layoutOfCase, rowStart } from "../../tools/kernel/layout.ts";
import type { RowInputs } from "../../tools/kernel/reference.ts";
import { kernelCase } from "./cases.ts";
import { measured, notWritten, type Pretence } from "./pretend.ts";

const base = kernelCase();
const reasonOf = (pretence: Pretence, change: Parameters<typeof kernelCase>[0] = {}) =>
  measured(kernelCase(change), pretence).diagnosis?.reason;
const natureOf = (pretence: Pretence, change: Parameters<typeof kernelCase>[0] = {}) =>
  measured(kernelCase(change), pretence).diagnosis?.nature;

test.each([
  [{ ignore_weight: true }, "weight_ignored"],
  [{ ignore_rstd: true, ignore_weight: true }, "input_returned"],
  [{ ignore_rstd: true }, "input_returned"],
  [{ ignore_eps: true }, "eps_ignored"],
  [{ eps: 1e-6 }, "eps_ignored"],
  [{ eps_place: "floor" }, "eps_ignored"],
  [{ divisor_offset: -1 }, "wrong_divisor"],
  [{ weight_offset: 1 }, "weight_offset_wrong"],
  [{ sum_without_last: 8 }, "incomplete_sum"],
  [{ swap_rounding: true }, "rounding_order"],
] as const)("a kernel that deviates by %j is diagnosed as %s", (deviation, reason) => {
  expect(reasonOf({ deviation })).toBe(reason);
});

test("eps outside of the square root is told from eps that is missing", () => {
  const one = { eps: Math.fround(1e-2) };
  expect(natureOf({ deviation: { eps_place: "outside" } }, one)).toMatch(/outside of the square/u);
  expect(natureOf({ deviation: { ignore_eps: true } }, one)).toMatch(/is ignored$/u);
});

test("an eps that is carried in half precision is named with its value there", () => {
  const eps = Math.fround(1e-6);
  const half = roundTo(eps, "float16");
  const one = { eps, dtype: "float32", out_dtype: "float32", inputs: "std_1e-4" } as const;
  expect(natureOf({ deviation: { eps: half } }, one)).toBe(
    "eps 0.000001 is carried in float16 (0.000001013)",
  );
});

test("1 + weight that is rounded to bfloat16 is a wrong weight_offset, near 0 above all", () => {
  const one = { weight_offset: 1, weight_values: "near_zero", rounding: "single" } as const;
  const found = measured(kernelCase(one), { deviation: { round_weight_sum: true } });
  expect(found.bad_count).toBeGreaterThan(100);
  expect(found.diagnosis?.reason).toBe("weight_offset_wrong");
  expect(found.diagnosis?.nature).toMatch(/is rounded to bfloat16/u);
});

test.each([
  [{ hidden_size: 100 }, 28, "128, the next power of two"],
  [{ hidden_size: 130 }, 6, "136, hidden_size padded"],
  [{ hidden_size: 130 }, -2, "128, hidden_size cut to whole vectors"],
])("%j divided by %i more is named as it is", (one, divisor_offset, words) => {
  expect(natureOf({ deviation: { divisor_offset } }, one)).toBe(
    `the mean square is divided by ${words}`,
  );
});

test("rows scaled by a slightly wrong rstd point at a half-precision sum", () => {
  const scaled: Pretence = {
    spoil: (values, row) =>
      values.forEach((value, column) => {
        values[column] = value * (1 + 0.01 * (row + 1));
      }),
  };
  expect(reasonOf(scaled)).toBe("low_precision_sum");
});

test("a tail that is never written is told from whole rows, and these from all of them", () => {
  const tail = measured(base, { spoil: (values) => values.fill(notWritten, 120) });
  expect(tail.diagnosis).toEqual({
    reason: "tail_not_written",
    nature: "the last 8 columns of each row are never written",
  });
  expect(tail.pattern).toBe("every row, columns 120 to 127 (the tail)");
  expect(tail.first_bad).toMatchObject({ row: 0, column: 120, not_written: true });
  const rows = measured(base, {
    spoil: (values, row) => {
      if (row === 4) values.fill(notWritten);
    },
  });
  expect(rows.diagnosis).toEqual({
    reason: "rows_not_written",
    nature: "1 of 5 rows are never written",
  });
  expect(rows.pattern).toBe("row 4, whole");
  expect(reasonOf({ spoil: (values) => values.fill(notWritten) })).toBe("not_written");
  const some = (values: Float64Array, row: number) => values.fill(notWritten, 0, 20 * row);
  expect(reasonOf({ spoil: some })).toBe("not_written");
});

test.each([0, 1, -3.5])("an output that is %d everywhere is constant", (constant) => {
  expect(reasonOf({ spoil: (values) => values.fill(constant) })).toBe("constant_output");
});

test("one element a row that is far off is an outlier, all elements somewhat off are not", () => {
  const one = { hidden_size: 1024 };
  const far: Pretence = {
    spoil: (values) => {
      values[100] = (values[100] as number) * 8 + 1;
    },
  };
  expect(reasonOf(far, one)).toBe("outliers");
  const noisy: Pretence = {
    spoil: (values) =>
      values.forEach((value, column) => {
        values[column] = value * (1 + ((column * 7919) % 13) / 64);
      }),
  };
  expect(reasonOf(noisy, one)).toBe("wrong_values");
});

const contiguous = (row: number, { first_element }: { first_element: number }) =>
  first_element + row * base.hidden_size;

/** What lies at those addresses of x: rows, and the poison between them. */
function asIfContiguous(one: ReturnType<typeof kernelCase>): Pretence["inputs"] {
  const { x } = layoutOfCase(one);
  return (row, right): RowInputs => {
    const buffer = new Float64Array(x.buffer_bytes / 2).fill(Number.NaN);
    for (let each = 0; each < one.rows; each += 1) buffer.set(right(each).x, rowStart(x, each));
    const first = contiguous(row, x);
    return { ...right(row), x: buffer.slice(first, first + one.hidden_size) };
  };
}

test.each(["strided", "grouped"] as const)(
  "rows of a %s matrix that are read or written as if contiguous are named",
  (layout) => {
    const one = kernelCase({ layout, rows: 9 });
    const inputs = asIfContiguous(one) as NonNullable<Pretence["inputs"]>;
    const reads = measured(one, { inputs }).diagnosis;
    expect(reads?.reason).toBe("strides_ignored");
    expect(reads?.nature).toMatch(/x is read as if rows were contiguous/u);
  },
);

test("an output that is written as if contiguous is named, before its gaps and missing rows are", () => {
  const one = kernelCase({ layout: "strided" });
  expect(measured(one, { start: contiguous }).diagnosis).toEqual({
    reason: "strides_ignored",
    nature: "out is written as if rows were contiguous",
  });
  const inputs = asIfContiguous(one) as NonNullable<Pretence["inputs"]>;
  expect(measured(one, { start: contiguous, inputs }).diagnosis?.reason).toBe("strides_ignored");
});

test("a float32 weight that is read as bfloat16 is a misread dtype", () => {
  const inputs: Pretence["inputs"] = (row, right) => {
    const { weight, ...rest } = right(row);
    const bytes = new Uint16Array(Float32Array.from(weight ?? []).buffer);
    const halves = bytes.slice(0, weight?.length ?? 0);
    const misread = Float64Array.from(halves, (bits) => valueFromBits(bits, "bfloat16"));
    return { ...rest, weight: misread };
  };
  expect(measured(kernelCase({ weight: "float32" }), { inputs }).diagnosis).toEqual({
    reason: "dtype_misread",
    nature: "the float32 weight is read as bfloat16",
  });
});

test("float16 that is taken for bfloat16 throughout is a misread dtype", () => {
  const misread = (values: Float64Array) =>
    values.map((value) => valueFromBits(bitsOf(value, "float16"), "bfloat16"));
  const found = measured(kernelCase({ dtype: "float16", out_dtype: "float16", inputs: "std_1" }), {
    taken: { dtype: "bfloat16", out_dtype: "bfloat16" },
    inputs: (row, right) => {
      const { x, weight, ...rest } = right(row);
      return { ...rest, x: misread(x), weight: weight && misread(weight) };
    },
  });
  expect(found.diagnosis).toEqual({
    reason: "dtype_misread",
    nature: "float16 elements are read and written as bfloat16",
  });
});

test("a promoted output that is written as bfloat16 is a misread dtype", () => {
  const one = kernelCase({ weight: "float32", out_dtype: "float32", layout: "contiguous" });
  const found = measured(one, { taken: { out_dtype: "bfloat16" } });
  expect(found.diagnosis?.nature).toBe("out is written as bfloat16 where it is float32");
});

const clamp = (values: Float64Array) =>
  values.forEach((value, column) => {
    if (Number.isNaN(value)) values[column] = 0;
  });

test.each(["nans", "infinities", "mixed"] as const)(
  "NaN that are clamped away in %s are a fault in the special values",
  (inputs) => {
    expect(reasonOf({ spoil: clamp }, { inputs, rows: 12 })).toBe("special_values");
  },
);

test("a row with NaN that spoils its neighbour is a fault in the special values", () => {
  const spoil = (values: Float64Array, row: number) => {
    if (row === 1) values.fill(Number.NaN);
  };
  expect(natureOf({ spoil }, { inputs: "nans" })).toBe(
    "a row with NaN or infinities spoils another row",
  );
});

test("zeros of a row of zeros without eps are what some other eps gives", () => {
  expect(reasonOf({ spoil: clamp }, { inputs: "zeros", eps: 0 })).toBe("eps_ignored");
});

test("squares that overflow in half precision are an overflow", () => {
  const one = { dtype: "float16", out_dtype: "float16" } as const;
  const zeros = (values: Float64Array) => values.fill(0);
  expect(reasonOf({ spoil: zeros }, { ...one, inputs: "large" })).toBe("overflow");
  const huge = (values: Float64Array, row: number) => {
    if (kindOfRow("max_finite", row) !== "ordinary") values.fill(0);
  };
  expect(reasonOf({ spoil: huge }, { ...one, inputs: "max_finite" })).toBe("overflow");
});

test("subnormal inputs that give zeros are flushed", () => {
  const one = { dtype: "float16", out_dtype: "float16", inputs: "subnormal" } as const;
  expect(reasonOf({ spoil: (values) => values.fill(0) }, one)).toBe("subnormals_flushed");
});

test("an honest kernel whose sum differs in its last bits is not looked at", () => {
  const found = measured(base, {
    spoil: (values) =>
      values.forEach((value, column) => {
        values[column] = value * (1 + 2 ** -24);
      }),
  });
  expect(found).toMatchObject({ bad_count: 0, diagnosis: undefined });
});
