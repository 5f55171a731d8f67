import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { requireCandidate } from "../../tools/validate/candidate.ts";
import { validateKernel } from "../../tools/validate/tool.ts";
import { compilerOrSkip, makeWorkspace, runTool } from "../helpers/run-tool.ts";

const compiler = await compilerOrSkip("single .cu files");
const { workspace, remove } = makeWorkspace("single-file");
afterAll(remove);

const norms = readFileSync(path.join(import.meta.dirname, "../fixtures/validate/norms.cu"), "utf8");

/** The fixture in the workspace; `macro` makes it wrong. */
function write(macro = ""): string {
  const name = macro === "" ? "norms.cu" : `${macro.replace(/\W/gu, "_")}.cu`;
  const define = macro === "" ? "" : `#define ${macro}\n`;
  writeFileSync(path.join(workspace, name), `${define}${norms}`);
  return name;
}

const rmsnorm =
  "rmsnorm_kernel<T><<<(rows + 31) / 32, 32, 0, stream>>>(out, x, weight, rows, hidden_size, eps)";
const addRmsnorm =
  "add_rmsnorm_kernel<T><<<rows, 1, 0, stream>>>(x, residual, weight, hidden_size, eps)";
const layernorm =
  "layernorm_kernel<<<rows, 1, 0, stream>>>(out, mean, rstd, x, weight, bias, hidden_size)";

const candidate = (args: { signature?: string; dtypes?: ["float32"]; eps?: number }) =>
  requireCandidate({ kernel: write(), ...args }, workspace);

test("the words of a signature say the operator, its buffers and its dtypes", () => {
  expect(candidate({ signature: rmsnorm })).toMatchObject({
    operator: "rmsnorm",
    supports: { dtypes: ["bfloat16", "float16", "float32"], weight: ["same"] },
    form: { rstd: "never", in_place: false },
    label: "norms.cu",
  });
  expect(candidate({ signature: addRmsnorm })).toMatchObject({
    operator: "add_rmsnorm",
    form: { in_place: true },
  });
  expect(candidate({ signature: layernorm, dtypes: ["float32"], eps: 1e-5 })).toMatchObject({
    operator: "layernorm",
    supports: { dtypes: ["float32"], layouts: ["contiguous"] },
    form: { rstd: "always", mean: true, bias: true },
    eps: 1e-5,
  });
  const strided = rmsnorm.replace("rows, hidden_size", "rows, x_row_stride");
  expect(candidate({ signature: strided }).supports.layouts).toEqual(["contiguous", "strided"]);
});

test.each([
  [{}, /which function is to be called/u],
  [{ signature: "main()" }, /does not call anything with x/u],
  [{ signature: "f(out, x, rows, hidden_size, eps)" }, /which element type it takes/u],
  [{ signature: "f<T>(out, x, rows, hidden_size)" }, /passes no eps/u],
  [{ signature: "f<T>(out, x, eps)", eps: 1e-6 }, /takes eps from the judge/u],
])("a file with %j is refused with the words that help", (args, message) => {
  expect(() => candidate(args)).toThrow(message);
});

interface FileArguments {
  signature: string;
  dtypes?: ("bfloat16" | "float32")[];
  eps?: number;
}

function validate(macro: string, args: FileArguments) {
  const shapes = ["5x128", "2x96"];
  return runTool(validateKernel, workspace, { kernel: write(macro), shapes, ...args });
}

const layernormArgs: FileArguments = { signature: layernorm, dtypes: ["float32"], eps: 1e-5 };

test.skipIf(!compiler).each([
  ["rmsnorm", { signature: rmsnorm }],
  ["add_rmsnorm", { signature: addRmsnorm }],
  ["layernorm", layernormArgs],
])("a right %s in a file of its own passes", async (operator, args) => {
  const result = await validate("", args);
  expect(result.failures).toEqual([]);
  expect(result).toMatchObject({ verdict: "passed", operator, kernel: "norms.cu" });
  // All three round once; the kernel that adds normalises the rounded sum.
  expect(result.semantics).toMatch(/^rounding single \(found by probing\)/u);
  expect(/ rounded sum/u.test(result.semantics)).toBe(operator === "add_rmsnorm");
});

test.skipIf(!compiler).each([
  ["EPS 0.0f", { signature: rmsnorm, dtypes: ["bfloat16" as const] }, "eps_ignored"],
  [
    "RESIDUAL_FORGOTTEN",
    { signature: addRmsnorm, dtypes: ["bfloat16" as const] },
    "residual_wrong",
  ],
  ["MEAN_OF_ONE_LESS", layernormArgs, "mean_wrong"],
])("with %s it is rejected", async (macro, args, reason) => {
  const result = await validate(macro, args);
  expect(result.verdict).toBe("failed");
  expect(result.failures[0]?.reason).toBe(reason);
  // The next step repeats the whole call.
  expect(JSON.parse(result.next[0]?.arguments ?? "")).toMatchObject(args);
});

test.skipIf(!compiler)("a layernorm without bias is judged without one", async () => {
  const signature = layernorm.replace("bias", "static_cast<const float*>(nullptr)");
  const result = await validate("", { ...layernormArgs, signature });
  expect(result).toMatchObject({ verdict: "passed", operator: "layernorm" });
});

test.skipIf(!compiler)("a shape without rows compares nothing, which is no pass", async () => {
  const args = {
    kernel: write(),
    signature: rmsnorm,
    shapes: ["0x128"],
    dtypes: ["bfloat16" as const],
  };
  const result = await runTool(validateKernel, workspace, args);
  expect(result.verdict).not.toBe("passed");
});

test("a shape that would take minutes, and one without columns, are refused", async () => {
  const call = (shape: string) =>
    runTool(validateKernel, workspace, { kernel: write(), signature: rmsnorm, shapes: [shape] });
  await expect(call("999999999x8192")).rejects.toThrow(/8191999991808 elements/u);
  await expect(call("1x0")).rejects.toThrow(/no columns/u);
});
