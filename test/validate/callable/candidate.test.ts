import { writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { isCallable, requireCallable } from "../../../tools/validate/callable/candidate.ts";
import { makeWorkspace } from "../../helpers/run-tool.ts";

const { workspace, remove } = makeWorkspace("callable-candidate");
afterAll(remove);
writeFileSync(path.join(workspace, "mine.py"), "def norm(x, weight, eps): return x\n");

describe("a callable", () => {
  test("is module:function or file.py:function, and nothing else", () => {
    expect(isCallable("torch.nn.functional:rms_norm")).toBe(true);
    expect(isCallable("kernels/my norm.py:norm")).toBe(true);
    expect(isCallable("liger:Norm.apply")).toBe(true);
    expect(isCallable("kernels/qwen3-rmsnorm")).toBe(false);
    expect(isCallable("kernel.cu")).toBe(false);
    expect(isCallable("C:/kernels/qwen3")).toBe(false);
  });

  test("of the workspace is its own, by file and by module name", () => {
    const byFile = requireCallable({ kernel: "mine.py:norm" }, workspace);
    expect(byFile).toMatchObject({ label: "mine.py:norm", module: "mine", own: true });
    expect(requireCallable({ kernel: "mine:norm" }, workspace).own).toBe(true);
    expect(requireCallable({ kernel: "torch:rms_norm" }, workspace).own).toBe(false);
  });

  test("without weight and with out is judged without one, and by what it writes", () => {
    const args = { kernel: "mine:norm", signature: "norm(out, x, eps)" };
    const candidate = requireCallable(args, workspace);
    expect(candidate.result).toBe("out");
    expect(candidate.supports.weight).toEqual(["none"]);
  });

  test.each([
    [{ kernel: "nothing.py:norm" }, "not_found"],
    [{ kernel: "../mine.py:norm" }, "path_outside_workspace"],
    [{ kernel: "mine:norm", include_folders: ["."] }, "invalid_argument"],
    [{ kernel: "mine:norm", eps: 1e-5 }, "invalid_argument"],
    [{ kernel: "mine:norm", signature: "norm(x, weight)" }, "invalid_argument"],
  ])("%j is refused with %s", (args, code) => {
    expect(() => requireCallable(args, workspace)).toThrow(expect.objectContaining({ code }));
  });
});
