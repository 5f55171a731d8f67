import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runLocally } from "../../../tools/executors/local.ts";
import { findHostCompiler } from "../../../tools/toolchain/host-compiler.ts";
import { readHostCalls } from "../../../tools/validate/reading/host-calls.ts";
import { readSourceTexts } from "../../../tools/validate/reading/source-text.ts";
import { makeWorkspace } from "../../helpers/run-tool.ts";

const host = await findHostCompiler();
if (!host) console.warn("SKIPPED reading of host code: no C++ compiler on this machine");

const folder = path.join(import.meta.dirname, "sources");
const source = path.join(folder, "host_calls.cpp");
const { workspace, remove } = makeWorkspace("reading");
afterAll(remove);

async function compile(name: string, ...flags: string[]): Promise<Buffer> {
  const library = path.join(workspace, name);
  const cxx = host?.cxx ?? "";
  const result = await runLocally(
    [cxx, "-shared", "-fPIC", "-O1", "-std=c++17", "-z", "lazy", ...flags, "-o", library, source],
    { timeoutMs: 60_000 },
  );
  expect(result.stderr).not.toMatch(/error/u);
  return readFileSync(library);
}

describe.skipIf(!host || process.arch !== "x64")("what host code reaches for", () => {
  let library: Buffer;
  const sources = readSourceTexts([source], folder);
  const read = (entry: string) => readHostCalls(library, entry, sources);
  beforeAll(async () => {
    library = await compile("host.so");
  }, 60_000);

  /** What the table of function pointers, which every entry point may use, perhaps leads to. */
  const perhaps = ["network_access", "process_access"];

  test.each([
    ["calls_cublas", "library_call", "library_call", "cublasGemmEx", /^host_calls\.cpp:\d+$/u],
    [
      "calls_torch",
      "library_call",
      "library_call",
      "_ZN2at8rms_normEPKv",
      /^host_calls\.cpp:\d+$/u,
    ],
    ["opens_socket", "network_access", "forbidden_access", "socket", /^host_calls\.cpp:\d+$/u],
    ["starts_program", "process_access", "forbidden_access", "system", /^host_calls\.cpp:\d+$/u],
    ["forks", "process_access", "forbidden_access", "fork", /^host_calls\.cpp:\d+$/u],
  ] as const)("%s is certain, with its line", (entry, code, reason, symbol, place) => {
    const certain = read(entry).filter((one) => one.certain);
    expect(certain).toMatchObject([{ code, reason, message: expect.stringContaining(symbol) }]);
    expect(certain[0]?.source).toMatch(place);
  });

  test.each([
    ["opens_file", "file_access", "fopen"],
    ["opens_stream", "file_access", "basic_ifstream"],
    ["loads_library", "dynamic_loading", "dlopen"],
    ["calls_kernel", "raw_system_call", "syscall"],
    ["reads_clock", "host_clock", "chrono"],
    ["starts_thread", "host_thread", "thread"],
    ["honest_tuning", "environment_read", "getenv"],
  ] as const)("%s is a warning", (entry, code, symbol) => {
    const found = read(entry).filter((one) => !perhaps.includes(one.code));
    expect(found).toMatchObject([
      { code, certain: false, message: expect.stringContaining(symbol) },
    ]);
    expect(found[0]).not.toHaveProperty("reason");
  });

  test("arithmetic, strings, and a program beside the entry point are not held against it", () => {
    expect(read("honest_arithmetic").map(({ code }) => code)).toEqual(perhaps);
    expect(read("honest_arithmetic").some(({ certain }) => certain)).toBe(false);
  });

  test("what only a table of functions leads to is not certain", () => {
    const found = read("through_table");
    expect(found.map(({ code, certain }) => [code, certain])).toEqual([
      ["network_access", false],
      ["process_access", false],
    ]);
  });

  test("a function that runs at loading is named, and what it does is certain", async () => {
    const found = readHostCalls(await compile("loading.so", "-DAT_LOADING"), "entry", sources);
    expect(found).toMatchObject([
      { code: "process_access", certain: true, message: expect.stringContaining("system") },
      { code: "runs_at_load", certain: false, message: expect.stringContaining("before_everyth") },
    ]);
    expect(found[1]?.source).toMatch(/^host_calls\.cpp:\d+$/u);
  }, 60_000);

  test("without symbols nothing is certain but what the loader sees", async () => {
    const stripped = readHostCalls(await compile("stripped.so", "-s"), "opens_socket", sources);
    expect(stripped.find(({ code }) => code === "network_access")).toMatchObject({ certain: true });
  }, 60_000);
});

test("inline assembly and counters of the processor are found in the text", () => {
  const text = (code: string) => [{ name: "a.cu", path: "/a.cu", code }];
  const nothing = Buffer.alloc(64);
  expect(
    readHostCalls(nothing, "entry", text('int f() {\n asm volatile("syscall" : "=a"(r)); }')),
  ).toMatchObject([{ code: "raw_system_call", certain: false, source: "a.cu:2" }]);
  expect(readHostCalls(nothing, "entry", text("long t = __rdtsc();"))).toMatchObject([
    { code: "host_clock", source: "a.cu:1" },
  ]);
  const honest = 'asm("cp.async.cg.shared.global [%0], [%1], 16;" :: "r"(a), "l"(b));';
  expect(readHostCalls(nothing, "entry", text(honest))).toEqual([]);
});
