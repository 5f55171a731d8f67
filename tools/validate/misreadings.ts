import type { KernelCase } from "../kernel/cases.ts";
import { bitsOf, bitsView, type Dtype, dtypeFacts, valueFromBits } from "../kernel/dtypes.ts";
import { layoutOfCase, type MatrixLayout, rowStart } from "../kernel/layout.ts";
import type { RowInputs } from "../kernel/reference.ts";
import type { KnownFault, Reading } from "./known-faults.ts";
import type { Output } from "./output.ts";
import type { SeenRow } from "./seen-row.ts";

/** Right arithmetic on the wrong data: rows at other addresses, and bits of another dtype. */
export function misreadings(
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  output: Output,
): KnownFault[] {
  return [...strideFaults(one, inputs, output), ...dtypeFaults(one)];
}

interface Addressing {
  words: string;
  start(row: number): number;
}

/** Row addresses that ignore the strides of the arguments, or take those of the other matrix. */
function strideFaults(
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  output: Output,
): KnownFault[] {
  // Between far rows lie gigabytes that nobody fills: what a kernel reads there says nothing.
  if (one.layout === "contiguous" || one.layout === "far_strided" || one.rows < 2) return [];
  const { x, out } = layoutOfCase(one);
  const xWays = addressings(x, out, one.hidden_size, "out");
  const outWays = addressings(out, x, one.hidden_size, "x");
  return outWays.flatMap((write) =>
    xWays.flatMap((read): KnownFault[] => {
      if (!read.words && !write.words) return [];
      const words = [
        read.words && `x is read ${read.words}`,
        write.words && `out is written ${write.words}`,
      ];
      return [
        {
          reason: "strides_ignored",
          nature: words.filter(Boolean).join(", "),
          read: (seen) => ({
            one,
            inputs: { ...seen.inputs, x: rowAt(x, one, inputs, read.start(seen.row)) },
            got: valuesAt(one, output, write.start(seen.row)),
          }),
        },
      ];
    }),
  );
}

/** The declared way first, without words; then what differs from it. */
function addressings(
  own: MatrixLayout,
  other: MatrixLayout,
  hidden_size: number,
  otherName: string,
): Addressing[] {
  const { first_element } = own;
  const ways: Addressing[] = [
    { words: "", start: (row) => rowStart(own, row) },
    {
      words: "as if rows were contiguous",
      start: (row) => first_element + row * hidden_size,
    },
    {
      words: "with row_stride alone, without groups",
      start: (row) => first_element + row * own.row_stride,
    },
    {
      words: `with the strides of ${otherName}`,
      start: (row) => first_element + rowStart(other, row) - other.first_element,
    },
  ];
  const rows = Array.from({ length: 16 }, (_, row) => row);
  const key = ({ start }: Addressing) => rows.map(start).join(" ");
  return ways.filter((way, index) => ways.findIndex((each) => key(each) === key(way)) === index);
}

/** `hidden_size` elements of x's buffer; NaN where the poison between the rows lies. */
function rowAt(
  layout: MatrixLayout,
  one: KernelCase,
  inputs: (row: number) => RowInputs,
  start: number,
): Float64Array {
  const values = new Float64Array(one.hidden_size).fill(Number.NaN);
  let drawn: { row: number; x: Float64Array } | undefined;
  for (let column = 0; column < one.hidden_size; column += 1) {
    const at = placeOf(layout, start + column - layout.first_element);
    if (at.row >= one.rows || at.column >= one.hidden_size) continue;
    // Drawing a row may cost as much as all the rest: once for all columns that lie in it.
    if (drawn?.row !== at.row) drawn = { row: at.row, x: inputs(at.row).x };
    values[column] = drawn.x[at.column] as number;
  }
  return values;
}

/** Which row and column of the matrix lies that many elements after its first. */
function placeOf(layout: MatrixLayout, offset: number): { row: number; column: number } {
  const { row_stride, group_stride, rows_per_group } = layout;
  if (rows_per_group === 0) {
    return { row: Math.floor(offset / row_stride), column: offset % row_stride };
  }
  const group = Math.floor(offset / group_stride);
  const inGroup = Math.floor((offset % group_stride) / row_stride);
  // Between two groups lie rows of nobody.
  const column = inGroup < rows_per_group ? (offset % group_stride) % row_stride : Infinity;
  return { row: group * rows_per_group + inGroup, column };
}

function valuesAt(one: KernelCase, output: Output, first: number): Float64Array {
  const { bytes } = dtypeFacts[one.out_dtype];
  if ((first + one.hidden_size) * bytes > output.layout.buffer_bytes) {
    return new Float64Array(one.hidden_size).fill(Number.NaN);
  }
  const bits = bitsView(output.read(first, one.hidden_size), one.out_dtype);
  return Float64Array.from(bits, (each) => valueFromBits(each, one.out_dtype));
}

function dtypeFaults(one: KernelCase): KnownFault[] {
  const { dtype } = one;
  const faults: KnownFault[] = [];
  const add = (nature: string, read: (seen: SeenRow) => Reading | undefined) =>
    faults.push({ reason: "dtype_misread", nature, read });
  const narrow = (["bfloat16", "float16"] as const).filter((each) => each !== dtype);
  if (one.weight === "float32" && dtype !== "float32") {
    add(`the float32 weight is read as ${dtype}`, ({ inputs, got }) => ({
      one,
      inputs: { ...inputs, weight: reread(inputs.weight, "float32", dtype) },
      got: got.values,
    }));
  }
  if (one.out_dtype !== dtype) {
    // What another row's bytes are then, its neighbours have overwritten.
    add(`out is written as ${dtype} where it is ${one.out_dtype}`, ({ row, inputs, got }) =>
      row > 0
        ? undefined
        : { one: { ...one, out_dtype: dtype }, inputs, got: as(got.bits, dtype, got.bits.length) },
    );
  }
  for (const other of narrow) {
    const taken = {
      ...one,
      dtype: other,
      out_dtype: one.out_dtype === dtype ? other : one.out_dtype,
    };
    add(`${dtype} elements are read and written as ${other}`, ({ row, inputs, got }) => {
      // Elements of half the size: only the first row begins where it should.
      if (dtype === "float32" && row > 0) return undefined;
      const weightDtype = one.weight === "float32" ? "float32" : dtype;
      return {
        one: taken,
        inputs: {
          x: reread(inputs.x, dtype, other) as Float64Array,
          weight: weightDtype === dtype ? reread(inputs.weight, dtype, other) : inputs.weight,
          residual: reread(inputs.residual, dtype, other),
          bias: reread(inputs.bias, dtype, other),
        },
        got: one.out_dtype === dtype ? as(got.bits, other, got.bits.length) : got.values,
      };
    });
  }
  return faults;
}

/** As many elements of another dtype, no wider, from the bytes of these. */
function reread(
  values: Float64Array | undefined,
  from: Dtype,
  to: Dtype,
): Float64Array | undefined {
  if (!values) return undefined;
  const wide = dtypeFacts[from].bytes === 4;
  const used = wide ? values.subarray(0, Math.ceil(values.length / 2)) : values;
  const bits = Array.from(used, (value) => bitsOf(value, from));
  return as(wide ? Uint32Array.from(bits) : Uint16Array.from(bits), to, values.length);
}

/** The bytes as `count` elements of a dtype that is no wider. */
function as(bits: Uint16Array | Uint32Array, dtype: Dtype, count: number): Float64Array {
  const bytes = new Uint8Array(bits.buffer, bits.byteOffset, bits.byteLength);
  const elements = bitsView(bytes, dtype).subarray(0, count);
  return Float64Array.from(elements, (each) => valueFromBits(each, dtype));
}
