import path from "node:path";
import { expect, test } from "vitest";
import { listCases } from "../../../tools/kernel/cases.ts";
import type { Dtype } from "../../../tools/kernel/dtypes.ts";
import type { ToolContext } from "../../../tools/tool.ts";
import { findTorchPython } from "../../../tools/toolchain/torch.ts";
import { requireCallable } from "../../../tools/validate/callable/candidate.ts";
import { type CallableOptions, runCallable } from "../../../tools/validate/callable/run.ts";
import { judge } from "../../../tools/validate/verdict.ts";

// Real functions on real tensors, on the GPU where torch sees one: each test imports torch once.
const workspace = path.join(import.meta.dirname, "candidates");
const python = (await findTorchPython(workspace))?.python;
if (!python) console.warn("SKIPPED Python callables: no Python here has torch");
const withTorch = test.skipIf(!python);
/** Importing torch takes 3 s on an idle machine, and half a minute on a busy one. */
const patience = 180_000;

async function run(
  kernel: string,
  signature?: string,
  options: CallableOptions = {},
  dtypes: readonly Dtype[] | null = ["bfloat16"],
) {
  const context: ToolContext = {
    workspace,
    signal: new AbortController().signal,
    progress: () => {},
    mayInstallCompiler: false,
  };
  const args = { kernel, ...(dtypes ? { dtypes } : {}), ...(signature ? { signature } : {}) };
  const result = await runCallable(
    requireCallable(args, workspace),
    ({ operator, supports, form, promotes }) => {
      const shapes = [
        { rows: 2, hidden_size: 128 },
        { rows: 5, hidden_size: 1024 },
      ];
      return listCases({ operator, supports, form, promotes, effort: "quick", shapes });
    },
    context,
    { time_limit_ms: 60_000, salt: 7, ...options },
  );
  const failures = [...judge(result.executed).failures, ...result.failures];
  return { ...result, reasons: [...new Set(failures.map(({ reason }) => reason))] };
}

withTorch(
  "torch's own rms_norm passes, with its rounding found and its isolation told",
  async () => {
    const signature = "rms_norm(x, (hidden_size,), weight, eps)";
    const result = await run("torch.nn.functional:rms_norm", signature);
    expect(result.reasons).toEqual([]);
    expect(result.executed.length).toBeGreaterThan(10);
    expect(result.candidate.supports.rounding).toEqual(["single"]);
    expect(result.isolation).toContain("Less isolated");
    expect(result.warnings).toEqual([]);
  },
  patience,
);

withTorch.each([
  ["honest.py:llama", undefined, "returned"],
  ["honest.py:into", "into(out, x, weight, eps)", "out"],
  ["honest.py:add_in_place", "add_in_place(x, residual, weight, eps)", "in_place"],
])(
  "%s passes, and what it gives back is found",
  async (kernel, signature, form) => {
    const result = await run(kernel, signature);
    expect(result.reasons).toEqual([]);
    expect(result.candidate.result).toBe(form);
  },
  patience,
);

withTorch(
  "a layout that is refused by an exception is not checked, and said to be",
  async () => {
    const result = await run("honest.py:contiguous_only");
    expect(result.reasons).toEqual([]);
    expect(result.not_checked.join()).toMatch(/layout strided: .*x must be contiguous/u);
  },
  patience,
);

withTorch.each([
  ["cheats.py:remembers_by_pointer", "stale_result"],
  ["cheats.py:remembers_by_fingerprint", "stale_result"],
  ["cheats.py:gives_up_later", "later_calls_wrong"],
  ["cheats.py:one_buffer", "later_calls_wrong"],
  ["cheats.py:random_bits", "nondeterministic"],
  ["cheats.py:late_thread", "harness_tampered"],
  ["cheats.py:thread_unseen", "harness_tampered"],
  ["cheats.py:patches_operator", "harness_tampered"],
  ["cheats.py:edits_file", "harness_tampered"],
  ["cheats.py:calls_home", "forbidden_access"],
  ["cheats.py:forges", "result_forged"],
  ["cheats.py:exits", "host_code_failed"],
  ["pretends.py:norm", "library_call"],
  ["falls_back.py:norm", "library_call"],
])(
  "%s is rejected as %s",
  async (kernel, reason) => {
    expect((await run(kernel)).reasons).toEqual([reason]);
  },
  patience,
);

withTorch(
  "an rstd that is wrong in later calls only is found, where the values stay right",
  async () => {
    const result = await run(
      "cheats.py:rstd_wrong_later",
      "out, rstd = rstd_wrong_later(x, weight, eps)",
    );
    expect(result.failures.map(({ detail }) => detail).join()).toMatch(
      /call \d+ .*rstd is off by/u,
    );
    expect(result.reasons).toEqual(["later_calls_wrong"]);
  },
  patience,
);

withTorch(
  "refusals past the first kinds are counted, and no line is long",
  async () => {
    const result = await run("cheats.py:refuses_many");
    expect(result.not_checked.join("\n")).toMatch(/\d+ more kinds of refused cases/u);
    expect(result.not_checked.join("\n")).toContain("a function can ask whether one is on");
    const narrowed = await run("cheats.py:refuses_float32", undefined, {}, null);
    expect(narrowed.not_checked.join("\n")).toContain("float32: the function gives an exception");
    for (const line of [...result.not_checked, ...narrowed.not_checked]) {
      expect(line.length).toBeLessThanOrEqual(240);
    }
  },
  patience,
);

withTorch(
  "a function that hangs is called once, and the rest is not checked",
  async () => {
    const result = await run("cheats.py:hangs", undefined, { time_limit_ms: 10_000 });
    expect(result.reasons).toEqual(["endless_loop"]);
    expect(result.executed.every(({ outcome }) => outcome.state === "not_executed")).toBe(true);
  },
  patience,
);

withTorch(
  "a function that is not there is the caller's mistake",
  async () => {
    await expect(run("honest.py:nothing")).rejects.toMatchObject({ code: "not_found" });
  },
  patience,
);
