import { expect, test } from "vitest";
import { requireCallable } from "../../../tools/validate/callable/candidate.ts";
import { judgeCensus } from "../../../tools/validate/callable/library.ts";

const installed = requireCallable({ kernel: "nowhere_here:norm" }, import.meta.dirname);
const candidate = { ...installed, own: true };
const triton = [{ kind: "triton", file: "norm.py" }];
// As the profiler of torch 2.11 names them, on the CPU and on an H200.
const byTorch = {
  operators: ["aten::rms_norm", "aten::_fused_rms_norm", "aten::mean"],
  kernels: ["void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float>"],
};
const byItself = { operators: ["aten::empty", "aten::reshape"], kernels: ["rmsnorm_kernel"] };

test("a file that brings a kernel and lets torch do the work is rejected", () => {
  const { failure } = judgeCensus(candidate, triton, byTorch);
  expect(failure?.reason).toBe("library_call");
  expect(failure?.detail).toContain("aten::rms_norm");
});

test("a file whose own operator could not be imported is rejected where torch sums in its place", () => {
  const claims = [{ kind: "import of my_ops, which failed", file: "norm.py" }];
  const composed = { operators: ["aten::pow", "aten::mean", "aten::mul"], kernels: [] };
  expect(judgeCensus(candidate, claims, composed).failure?.reason).toBe("library_call");
});

test("a kernel that does the work itself is accepted without a word", () => {
  expect(judgeCensus(candidate, triton, byItself)).toEqual({ failure: undefined, warnings: [] });
});

test("a kernel of its own beside a sum of torch's is a warning", () => {
  const both = { operators: ["aten::sum"], kernels: ["rmsnorm_kernel"] };
  const { failure, warnings } = judgeCensus(candidate, triton, both);
  expect(failure).toBeUndefined();
  expect(warnings).toHaveLength(1);
});

test("a function plainly made of torch's operators is a warning, an installed library's is none", () => {
  const plain = judgeCensus(candidate, [], byTorch);
  expect(plain.failure).toBeUndefined();
  expect(plain.warnings[0]?.code).toBe("library_call");
  expect(judgeCensus(installed, triton, byTorch).warnings).toEqual([]);
});
