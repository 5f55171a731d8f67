import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { SanitizerTool } from "../../../tools/validate/sanitizers/command.ts";
import {
  countRecords,
  mergeFindings,
  readReport,
  type SanitizerFinding,
} from "../../../tools/validate/sanitizers/report.ts";

const folder = path.resolve(import.meta.dirname, "../../fixtures/validate/sanitizers");
const source = readFileSync(path.join(folder, "kernels.cu"), "utf8").split("\n");
/** What compute-sanitizer 2025.3.1 said of kernels.cu on an NVIDIA H200, driver 580.159.04 (record.py). */
const recorded = readdirSync(path.join(folder, "recorded"));

function findings(tool: SanitizerTool, kernel: string): SanitizerFinding[] {
  const file = path.join(folder, "recorded", `${tool}.${kernel}.xml`);
  return mergeFindings(readReport(readFileSync(file, "utf8"), tool));
}

/** The line of kernels.cu that a finding names, as text. */
function lineOf(finding: SanitizerFinding | undefined): string {
  expect(finding?.source_file).toMatch(/kernels\.cu$/u);
  return source[(finding?.source_line ?? 0) - 1]?.trim() ?? "";
}

describe("what a sanitizer reports becomes a finding at the line of the source", () => {
  test.each([
    ["memcheck", "writes_past_the_end", "out_of_bounds", "out[threadIdx.x + 4] = x[threadIdx.x];"],
    [
      "memcheck",
      "reads_before_the_start",
      "out_of_bounds",
      "out[threadIdx.x] = x[static_cast<int>(threadIdx.x) - 1];",
    ],
    [
      "memcheck",
      "reads_misaligned",
      "misaligned",
      "const float4 four = *reinterpret_cast<const float4*>(x + threadIdx.x * 4 + 1);",
    ],
    [
      "memcheck",
      "shared_past_the_end",
      "out_of_bounds",
      "partial[threadIdx.x + n / 2] = x[threadIdx.x];",
    ],
    ["memcheck", "null_pointer", "out_of_bounds", "nowhere[threadIdx.x] = x[threadIdx.x];"],
    [
      "memcheck",
      "_Z16calls_a_functionIfEvPT_PKS0_i",
      "out_of_bounds",
      "out[threadIdx.x + 4] = value;",
    ],
    [
      "initcheck",
      "reads_unwritten_output",
      "uninitialised_global",
      "out[threadIdx.x] += x[threadIdx.x];",
    ],
    ["synccheck", "diverges_at_a_barrier", "divergent_barrier", "__syncthreads();"],
  ] as const)("%s of %s: %s", (tool, kernel, kind, line) => {
    const found = findings(tool, kernel);
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ tool, kind, level: "error" });
    expect(lineOf(found[0])).toBe(line);
    expect(found[0]?.message).toContain(`${tool}: `);
  });

  test("a race names both lines, and inside of a warp it is a warning", () => {
    const [across] = findings("racecheck", "races_across_warps");
    expect(across).toMatchObject({ kind: "shared_race", level: "error", times: 256 });
    expect(lineOf(across)).toBe("partial[threadIdx.x] = x[threadIdx.x];");
    expect(source[(across?.other?.source_line ?? 0) - 1]).toContain("partial[63 - threadIdx.x]");
    expect(across?.message).toMatch(
      /write in races_across_warps at \S+kernels\.cu:\d+ races across warps with the read at \S+kernels\.cu:\d+/u,
    );
    expect(findings("racecheck", "races_inside_a_warp")).toMatchObject([
      { kind: "intra_warp_race", level: "warning" },
    ]);
  });

  test("a trap is reported, though the device tells its place too late", () => {
    const [found] = findings("memcheck", "traps");
    expect(found).toMatchObject({
      kind: "trap",
      level: "error",
      kernel: "traps",
      thread: [5, 0, 0],
    });
    expect(found?.message).toContain("Trace/breakpoint trap");
  });

  test("a fault in an inlined header of the toolkit is at the line that calls it", () => {
    const [found] = findings("synccheck", "leaves_a_lane_out");
    expect(found).toMatchObject({ kind: "missing_lanes", level: "error" });
    expect(lineOf(found)).toContain("__syncwarp(");
  });

  test("an access names its thread, its block and its size", () => {
    expect(findings("memcheck", "writes_past_the_end")[0]).toMatchObject({
      thread: [60, 0, 0],
      block: [0, 0, 0],
      times: 4,
      message: expect.stringMatching(
        /Invalid __global__ write of size 4 bytes is out of bounds .*thread \(60,0,0\)/u,
      ),
    });
  });
});

test.each(["memcheck", "racecheck", "initcheck", "synccheck"] as const)(
  "%s says nothing of an honest kernel",
  (tool) => {
    expect(findings(tool, "honest")).toEqual([]);
  },
);

test.each(["honest_early_return", "stores_and_returns_early", "honest_absent_lane"])(
  "synccheck has nothing against %s: lanes that left are not waited for, absent ones may be named",
  (kernel) => {
    expect(findings("synccheck", kernel)).toEqual([]);
  },
);

test("the log has as many records as the report, so that its growth places them", () => {
  const reports = recorded.filter((name) => name.endsWith(".xml"));
  expect(reports.length).toBeGreaterThan(10);
  for (const name of reports) {
    const tool = name.split(".")[0] as SanitizerTool;
    const read = (file: string) => readFileSync(path.join(folder, "recorded", file), "utf8");
    const all = readReport(read(name), tool);
    expect([name, countRecords(read(name.replace(".xml", ".txt")))]).toEqual([
      name,
      { records: all.length, errors: all.filter(({ level }) => level === "error").length },
    ]);
  }
});

test("a report that was cut off gives the records that are whole", () => {
  const file = path.join(folder, "recorded", "memcheck.writes_past_the_end.xml");
  const whole = readFileSync(file, "utf8");
  const cut = whole.slice(0, whole.lastIndexOf("<where>"));
  expect(readReport(whole, "memcheck")).toHaveLength(4);
  expect(readReport(cut, "memcheck")).toHaveLength(3);
  expect(readReport("", "memcheck")).toEqual([]);
});

test("what the sanitizer says of itself is no record", () => {
  const log = `========= COMPUTE-SANITIZER
========= Error: Target application terminated before first instrumented API call
========= ERROR SUMMARY: 0 errors
`;
  expect(countRecords(log)).toEqual({ records: 0, errors: 0 });
});
