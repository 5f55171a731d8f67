import { expect, test } from "vitest";
import { readHiddenSizes } from "../../../tools/validate/reading/hidden-sizes.ts";
import { withoutComments } from "../../../tools/validate/reading/source-text.ts";

const read = (code: string) =>
  readHiddenSizes([{ name: "norm.cu", path: "/norm.cu", code: withoutComments(code) }]);

test.each([
  [
    "a comparison and nothing after it",
    `int launch(int hidden_size) {
  if (hidden_size == 4096) {
    norm<4096><<<rows, 256>>>(x);
  }
  return 0;
}`,
    2,
    /: 4096$/u,
  ],
  [
    "a chain that ends in an error",
    `int launch(Args a) {
  if (a.hidden_size == 1024) { go<1024><<<1, 32>>>(a); return 0; }
  else if (a.hidden_size == 2048) { go<2048><<<1, 32>>>(a); return 0; }
  return cudaErrorInvalidValue;
}`,
    2,
    /: 1024, 2048$/u,
  ],
  [
    "a switch whose default is an error",
    `int launch(int cols) {
  switch (cols) {
    case 768: norm<768><<<1, 32>>>(x); break;
    case 4096: norm<4096><<<1, 32>>>(x); break;
    default: return cudaErrorNotSupported;
  }
  return cudaGetLastError();
}`,
    2,
    /: 768, 4096$/u,
  ],
] as const)("%s is a table of shapes", (_, code, line, message) => {
  expect(read(code)).toMatchObject([
    {
      code: "fixed_hidden_size",
      certain: false,
      source: `norm.cu:${line}`,
      message: expect.stringMatching(message),
    },
  ]);
});

test.each([
  [
    "a special case before a general kernel",
    `int launch(int hidden_size) {
  if (hidden_size == 4096) {
    norm<4096><<<rows, 256>>>(x);
    return 0;
  }
  norm_any<<<rows, 256>>>(x, hidden_size);
  return 0;
}`,
  ],
  [
    "a chain with an else that launches",
    `void launch(int64_t hidden_size) {
  if (hidden_size == 4096) { row<4096><<<1, 32>>>(x); }
  else { row<0><<<1, 32>>>(x); }
}`,
  ],
  [
    "a switch with a general default",
    `void launch(int n_cols) {
  switch (n_cols) {
    case 1024: return launch_fixed<1024>(x);
    default: return launch_any(x, n_cols);
  }
}`,
  ],
  ["small numbers", "void f(int dim) { if (dim == 1) return; }"],
  [
    "comments",
    "// if (hidden_size == 4096)\nvoid f() {} /* switch (hidden_size) { case 4096: } */",
  ],
  ["vector widths", "switch (vec_size) { case 128: a(); }"],
  ["no size at all", "if (status == 4096) return;"],
])("%s is honest", (_, code) => {
  expect(read(code)).toEqual([]);
});
