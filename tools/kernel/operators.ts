/**
 * The truth about each operator's C entry point: the fields of its argument struct, in order.
 * `cuda-templates/common/args.cuh` holds the same structs; a test holds their offsets against these.
 */
export const fieldTypes = {
  uint32: { bytes: 4 },
  int32: { bytes: 4 },
  int64: { bytes: 8 },
  float32: { bytes: 4 },
  pointer: { bytes: 8 },
} as const;

export type FieldType = keyof typeof fieldTypes;

export interface ArgumentField {
  name: string;
  type: FieldType;
}

/** Numbers shared by host code in C, the judge and the worker. */
export const dtypeCodes = { bfloat16: 0, float16: 1, float32: 2 } as const;
export const roundingCodes = { llama: 0, single: 1 } as const;

/** Operators that validate_kernel has a reference for. Templates exist for those in `create_kernel`. */
export const operatorNames = ["rmsnorm", "add_rmsnorm", "layernorm"] as const;
export type OperatorName = (typeof operatorNames)[number];

export const rmsnormFields = [
  { name: "size", type: "uint32" },
  { name: "out", type: "pointer" },
  { name: "x", type: "pointer" },
  { name: "weight", type: "pointer" },
  { name: "rstd", type: "pointer" },
  { name: "rows", type: "int64" },
  { name: "hidden_size", type: "int64" },
  { name: "x_row_stride", type: "int64" },
  { name: "out_row_stride", type: "int64" },
  { name: "rows_per_group", type: "int64" },
  { name: "x_group_stride", type: "int64" },
  { name: "out_group_stride", type: "int64" },
  { name: "eps", type: "float32" },
  { name: "weight_offset", type: "float32" },
  { name: "dtype", type: "int32" },
  { name: "weight_dtype", type: "int32" },
  { name: "out_dtype", type: "int32" },
  { name: "rounding", type: "int32" },
] as const satisfies readonly ArgumentField[];

/** The C struct as the System V and AAPCS64 ABIs lay it out: natural alignment, tail padded. */
export function layoutOf(fields: readonly ArgumentField[]): {
  offsets: Record<string, number>;
  bytes: number;
} {
  const offsets: Record<string, number> = {};
  let end = 0;
  let alignment = 1;
  for (const field of fields) {
    const { bytes } = fieldTypes[field.type];
    end = Math.ceil(end / bytes) * bytes;
    offsets[field.name] = end;
    end += bytes;
    alignment = Math.max(alignment, bytes);
  }
  return { offsets, bytes: Math.ceil(end / alignment) * alignment };
}

/**
 * The bytes of one argument struct: `values` by field name (pointers and int64 as bigint or
 * number); fields left out are zero, `size` is filled in.
 */
export function encodeArguments(
  fields: readonly ArgumentField[],
  values: Record<string, number | bigint>,
): Uint8Array {
  const { offsets, bytes } = layoutOf(fields);
  const blob = new Uint8Array(bytes);
  const view = new DataView(blob.buffer);
  for (const { name, type } of fields) {
    const value = name === "size" && values.size === undefined ? bytes : (values[name] ?? 0);
    const offset = offsets[name] as number;
    if (type === "float32") view.setFloat32(offset, Number(value), true);
    else if (type === "uint32" || type === "int32") view.setInt32(offset, Number(value), true);
    else view.setBigInt64(offset, BigInt.asIntN(64, BigInt(value)), true);
  }
  return blob;
}
