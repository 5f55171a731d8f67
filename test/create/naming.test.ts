import { expect, test } from "vitest";
import { packageName, proposedName, requireKernelName } from "../../tools/create/naming.ts";

// kernel-builder's own test cases (kernel-builder/src/config/name.rs).
test.each(["my-kernel", "relu2d", "flash-attention", "a1", "ab", "my--kernel"])(
  "%s is a kernel name",
  (name) => {
    expect(requireKernelName(name)).toBe(name);
  },
);

test.each([
  ["my_kernel", "my-kernel"],
  ["MyKernel", "mykernel"],
  ["a", "a-rmsnorm"],
  ["my-kernel-", "my-kernel"],
  ["-my-kernel", "my-kernel"],
  ["1kernel", "kernel"],
  ["", "rmsnorm"],
  ["日本", "rmsnorm"],
  ["import", "import-rmsnorm"],
  ["../escape", "escape"],
  ["x".repeat(65), "x".repeat(64)],
])("%j is refused, and %s is proposed, which is a kernel name", (name, proposed) => {
  expect(() => requireKernelName(name)).toThrow(
    expect.objectContaining({
      code: "invalid_argument",
      hint: `Call create_kernel again with name: "${proposed}".`,
    }),
  );
  expect(requireKernelName(proposed)).toBe(proposed);
});

test("a proposal is a name whatever the text", () => {
  for (const text of ["--a--", "9", "A b/c.d", "-".repeat(100), `${"a".repeat(63)}-b`]) {
    expect(requireKernelName(proposedName(text))).toBe(proposedName(text));
  }
});

test("the Python package has underscores", () => {
  expect(packageName("qwen3-8b-rmsnorm")).toBe("qwen3_8b_rmsnorm");
});
