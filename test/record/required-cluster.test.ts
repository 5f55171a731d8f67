import { expect, test } from "vitest";
import { requiredClusters } from "../../tools/record/required-cluster.ts";

test("the clusters that kernels demand are read from their PTX", () => {
  // The heads that nvcc 13.0 writes for __cluster_dims__(2, 1, 1) and for a kernel without.
  const ptx = `
.visible .entry _Z3twoPf(
	.param .u64 .ptr .align 1 _Z3twoPf_param_0
)
.explicitcluster
.reqnctapercluster 2, 1, 1
{
	ret;
}
.visible .entry _Z3onePf(
	.param .u64 .ptr .align 1 _Z3onePf_param_0
)
.maxntid 256
{
	ret;
}
`;
  expect([...requiredClusters(ptx)]).toEqual([["_Z3twoPf", [2, 1, 1]]]);
});
