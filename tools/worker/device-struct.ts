/** Structs that device code takes by value or leaves in memory: natural alignment, tail padded. */
export const structTypes = {
  uint32_t: 4,
  int32_t: 4,
  uint64_t: 8,
  int64_t: 8,
  double: 8,
} as const;

export interface StructField {
  name: string;
  type: keyof typeof structTypes;
}

/** Fields of a struct within a struct are named "x_layout.row_stride". */
export type StructValues = Record<string, number | bigint>;

/**
 * The bytes of a struct. Every field needs a value: one that is forgotten is our bug.
 */
export function encodeStruct(fields: readonly StructField[], values: StructValues): Uint8Array {
  const { offsets, bytes } = structLayout(fields);
  const blob = new Uint8Array(bytes);
  const view = new DataView(blob.buffer);
  for (const { name, type } of fields) {
    const value = values[name];
    const offset = offsets.get(name);
    if (value === undefined || offset === undefined) throw new Error(`no value for field ${name}`);
    if (type === "double") view.setFloat64(offset, Number(value), true);
    else if (structTypes[type] === 4) view.setUint32(offset, Number(value), true);
    else view.setBigUint64(offset, BigInt.asUintN(64, BigInt(value)), true);
  }
  return blob;
}

export function structLayout(fields: readonly StructField[]): {
  offsets: ReadonlyMap<string, number>;
  bytes: number;
} {
  const offsets = new Map<string, number>();
  let end = 0;
  let alignment = 1;
  for (const { name, type } of fields) {
    const bytes = structTypes[type];
    end = Math.ceil(end / bytes) * bytes;
    offsets.set(name, end);
    end += bytes;
    alignment = Math.max(alignment, bytes);
  }
  return { offsets, bytes: Math.ceil(end / alignment) * alignment };
}
