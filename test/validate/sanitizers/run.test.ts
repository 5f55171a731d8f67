import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { RecordedOperation } from "../../../tools/record/recorder.ts";
import {
  runSanitizers,
  type SanitizerCase,
  type SanitizerInput,
} from "../../../tools/validate/sanitizers/run.ts";
import {
  fakeDriver,
  fakeModule,
  removeFakeDrivers,
  whyNoFakeDriver,
} from "../../worker/fake-driver.ts";

removeFakeDrivers();

const recorded = path.resolve(import.meta.dirname, "../../fixtures/validate/sanitizers/recorded");
let folder = "";
let image = "";

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "kw-sanitizers-"));
  image = path.join(folder, "candidate.ptx");
  writeFileSync(image, fakeModule("fake_store", "fake_copy", "fake_trap", "fake_hang").bytes);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/**
 * A compute-sanitizer that runs the command on the stand-in driver, and reports what the real one was
 * recorded with for that tool and kernel: what it found is in the log from the start.
 */
function standIn(found: Record<string, string> = {}): SanitizerInput["sanitizer"] {
  const program = path.join(
    folder,
    `compute-sanitizer-${Object.keys(found).join("-") || "honest"}`,
  );
  const cases = Object.entries(found).map(([tool, kernel]) => `${tool}) KERNEL=${kernel} ;;`);
  writeFileSync(
    program,
    `#!/bin/sh
KERNEL=honest
while [ $# -gt 0 ]; do
  case "$1" in
  --tool) TOOL=$2; case $TOOL in ${cases.join(" ")} esac; shift 2 ;;
  --save) REPORT=$2; shift 2 ;;
  --log-file) LOG=$2; shift 2 ;;
  --xml) shift ;;
  --*) shift 2 ;;
  *) break ;;
  esac
done
echo $TOOL >> "${folder}/tools.txt"
cp "${recorded}/$TOOL.$KERNEL.txt" "$LOG"
LD_LIBRARY_PATH="${fakeDriver()}" "$@"
cp "${recorded}/$TOOL.$KERNEL.xml" "$REPORT"
echo $TOOL >> "${folder}/ended.txt"
`,
  );
  chmodSync(program, 0o755);
  return { program, version: "2025.3.1.0", found_by: "PATH" };
}

function run(input: Partial<SanitizerInput>) {
  return runSanitizers({
    sanitizer: standIn(),
    python: "python3",
    image,
    cases: [storeCase("first")],
    signal: new AbortController().signal,
    timeoutMs: 60_000,
    ...input,
  });
}

/** Host code that stores one word at the start of `out`. */
function storeCase(label: string, kernel = "fake_store", seen: bigint[] = []): SanitizerCase {
  return {
    label,
    buffers: [
      { label: "x", bytes: 64, content: new Uint8Array(64).fill(7) },
      { label: "out", bytes: 60 },
    ],
    async record(addresses) {
      const [x, out] = [addresses.get("x") ?? 0n, addresses.get("out") ?? 0n];
      seen.push(x, out);
      const values =
        kernel === "fake_copy" ? [u64(out), u64(x)] : [u64(out), Uint8Array.of(1, 0, 0, 0)];
      return [launch(kernel, kernel === "fake_trap" || kernel === "fake_hang" ? [] : values)];
    },
  };
}

function launch(kernel: string, params: Uint8Array[]): RecordedOperation {
  return {
    kind: "launch",
    kernel,
    grid: [1, 1, 1],
    block: [32, 1, 1],
    dynamic_shared_bytes: 0,
    params,
    stream: 0n,
    attributes: { cooperative: false, programmatic_stream_serialization: false, hints: [] },
  };
}

function u64(value: bigint): Uint8Array {
  return new Uint8Array(BigUint64Array.of(value).buffer);
}

describe.skipIf(whyNoFakeDriver !== "")(`sanitizers over the runner ${whyNoFakeDriver}`, () => {
  test("an honest kernel passes all four tools, each with addresses of its own", async () => {
    const seen: bigint[] = [];
    const result = await run({ cases: [storeCase("first", "fake_copy", seen)] });
    expect(result.findings).toEqual([]);
    expect(result.not_run).toEqual([]);
    expect(readFileSync(path.join(folder, "tools.txt"), "utf8").trim().split("\n")).toEqual([
      "memcheck",
      "racecheck",
      "initcheck",
      "synccheck",
    ]);
    expect(seen).toHaveLength(8);
  });

  test("a finding names its case and its launch, and the cases after it are not looked at", async () => {
    const sanitizer = standIn({ memcheck: "writes_past_the_end" });
    const cases = [storeCase("1x16 float32"), storeCase("2x16 float32")];
    const result = await run({ sanitizer, cases, tools: ["memcheck"] });
    expect(result.findings).toMatchObject([
      { kind: "out_of_bounds", case_label: "1x16 float32", kernel: "fake_store", times: 4 },
    ]);
    expect(result.not_run).toEqual([
      "memcheck: stopped at 1x16 float32; not looked at: 1 case after it",
    ]);
  });

  test("a warning does not stop the tool", async () => {
    const sanitizer = standIn({ racecheck: "races_inside_a_warp" });
    const cases = [storeCase("first"), storeCase("second")];
    const result = await run({ sanitizer, cases, tools: ["racecheck"] });
    expect(result.findings).toMatchObject([{ kind: "intra_warp_race", level: "warning" }]);
    expect(result.not_run).toEqual([]);
  });

  test("a kernel that takes the context along is named, and is no pass", async () => {
    const result = await run({
      cases: [storeCase("traps", "fake_trap"), storeCase("later")],
      tools: ["synccheck"],
    });
    expect(result.findings).toEqual([]);
    expect(result.not_run).toEqual([
      expect.stringMatching(/^synccheck: traps: trap: .*; not looked at: 1 case after it$/u),
    ]);
  });

  test("host code that cannot be recorded, or allocates, is not run", async () => {
    const refuses: SanitizerCase = {
      ...storeCase("refuses"),
      record: async () => ({ not_recorded: "it returned cudaErrorNotSupported" }),
    };
    const allocates: SanitizerCase = {
      ...storeCase("allocates"),
      record: async () => [{ kind: "alloc", address: 4096n, bytes: 8, stream: 0n }],
    };
    const tools = ["memcheck"] as const;
    expect((await run({ cases: [refuses], tools })).not_run).toEqual([
      "memcheck: refuses: it returned cudaErrorNotSupported",
    ]);
    expect((await run({ cases: [allocates], tools })).not_run[0]).toContain(
      "allocates device memory",
    );
  });

  test("the sanitizer has ended by the time that a recorder's own error comes out", async () => {
    const ended = path.join(folder, "ended.txt");
    rmSync(ended, { force: true });
    const broken: SanitizerCase = {
      ...storeCase("broken"),
      record: () => Promise.reject(new Error("the recorder is broken")),
    };
    await expect(run({ cases: [broken], tools: ["memcheck"] })).rejects.toThrow("is broken");
    expect(readFileSync(ended, "utf8")).toBe("memcheck\n");
  });

  test("a sanitizer that cannot start its target says so in its own words", async () => {
    const program = path.join(folder, "broken");
    writeFileSync(
      program,
      `#!/bin/sh
while [ "$1" != --log-file ]; do shift; done
echo "========= Error: Device not supported. Please refer to the release notes" > "$2"
exit 1
`,
    );
    chmodSync(program, 0o755);
    const sanitizer = { program, version: "1", found_by: "PATH" } as const;
    const { not_run, findings } = await run({ sanitizer, tools: ["memcheck"] });
    expect(findings).toEqual([]);
    expect(not_run.join("\n")).toContain("the runner did not start");
    expect(not_run.join("\n")).toContain("Error: Device not supported");
  });

  test("the time limit holds for all tools together, and nothing is left behind", async () => {
    const began = performance.now();
    const result = await run({
      sanitizer: standIn(),
      cases: [storeCase("hangs", "fake_hang")],
      timeoutMs: 1500,
    });
    expect(performance.now() - began).toBeLessThan(8000);
    expect(result.not_run).toEqual(
      ["memcheck", "racecheck", "initcheck", "synccheck"].map(
        (tool) => `${tool}: the 1500 ms for the sanitizers were over`,
      ),
    );
  });

  test("a cancelled call ends the sanitizer and throws", async () => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 300);
    const call = run({ cases: [storeCase("hangs", "fake_hang")], signal: controller.signal });
    await expect(call).rejects.toMatchObject({ code: "cancelled" });
  });
});
