import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { type CheatResults, cheatTable, honestSummary } from "./cheat-table.ts";

const folder = mkdtempSync(path.join(tmpdir(), "kernelwright-cheat-table-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const row = (fixture: string, verdict: string, reason: string): CheatResults["rows"][number] => ({
  fixture,
  expected: reason || "passed",
  verdict,
  reason,
  reasons: reason ? [reason] : [],
  message: "",
  as_expected: true,
  executed_on: "ptx_interpreter",
  devices: ["sm_80 as A100"],
  ms: 1000,
});

test("the table has what rejected each cheat, and says where nothing was run", () => {
  const results: CheatResults = {
    device: "sm_80 as A100",
    driver: "none",
    versions: {},
    date: "2026-11-22",
    rows: [
      row("d02-zeros.cu", "failed", "constant_output"),
      row("d02-zeros.honest.cu", "passed", ""),
      row("d12-tail-skipped.cu", "passed", ""),
    ],
  };
  writeFileSync(path.join(folder, "interpreter.json"), JSON.stringify(results));
  const lines = cheatTable(folder).split("\n");
  const lineOf = (fixture: string) => lines.find((line) => line.includes(`\`${fixture}\``));
  expect(lineOf("d02-zeros.cu")).toMatch(/\| not run \| `constant_output` \|$/u);
  // What passed is not said to be rejected.
  expect(lineOf("d12-tail-skipped.cu")).toMatch(/\| not run \| passed \|$/u);
  expect(lineOf("d13-sixteen-rows.cu")).toMatch(/\| not run \| not run \|$/u);
  expect(honestSummary(folder)).toBe("1 honest kernels without a GPU: 0 rejected (2026-11-22).");
});
