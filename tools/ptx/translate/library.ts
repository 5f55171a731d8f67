import * as approximate from "../arithmetic/approximate.ts";
import * as bits64 from "../arithmetic/bits64.ts";
import * as convert from "../arithmetic/convert.ts";
import * as float32 from "../arithmetic/float32.ts";
import * as float64 from "../arithmetic/float64.ts";
import * as halves from "../arithmetic/halves.ts";
import * as int64 from "../arithmetic/int64.ts";
import * as integer32 from "../arithmetic/integer32.ts";
import * as packed from "../arithmetic/packed.ts";

/** Functions and values that generated code may name. Scratch views overlay each other to reinterpret bits. */
const scratch = new ArrayBuffer(8);

export const library: Readonly<Record<string, unknown>> = {
  ...approximate,
  ...bits64,
  ...convert,
  ...float32,
  ...float64,
  ...halves,
  ...int64,
  ...integer32,
  ...packed,
  fround: Math.fround,
  SI: new Int32Array(scratch),
  SF: new Float32Array(scratch),
  SD: new Float64Array(scratch),
};
