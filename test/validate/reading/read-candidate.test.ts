import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type ArchBuild, compile } from "../../../tools/build/compile.ts";
import { readSources } from "../../../tools/build/sources.ts";
import { requireDevice } from "../../../tools/gpu/devices.ts";
import { rmsnormFields } from "../../../tools/kernel/operators.ts";
import { parsePtx } from "../../../tools/ptx/index.ts";
import { Recorder } from "../../../tools/record/recorder.ts";
import { captureProblem, streamOrder } from "../../../tools/record/stream-order.ts";
import {
  type ReadingInput,
  readCandidate,
  readingCodes,
  readings,
} from "../../../tools/validate/reading/read-candidate.ts";
import { reasonCodes } from "../../../tools/validate/reasons.ts";
import { recordOnly } from "../../../tools/validate/record-only.ts";
import { toolContext } from "../../build/compiler.ts";
import { compilerOrSkip, makeWorkspace } from "../../helpers/run-tool.ts";
import { kernelCase } from "../cases.ts";

const compiler = await compilerOrSkip("reading of a whole candidate");
const root = path.join(import.meta.dirname, "sources");
const { workspace, remove } = makeWorkspace("reading-candidate");
afterAll(remove);

test("every reading says what it means and what to do, and reasons are of the list", () => {
  expect(new Set(readingCodes).size).toBe(Object.keys(readings).length);
  for (const one of Object.values(readings)) {
    expect(one.means.length * one.hint.length).toBeGreaterThan(0);
    if ("reason" in one) expect(reasonCodes).toContain(one.reason);
  }
});

describe.skipIf(!compiler)("one candidate", () => {
  let build: ArchBuild;
  let input: ReadingInput;
  beforeAll(async () => {
    if (!compiler) return;
    const source = { main: path.join(root, "norm.cu"), include_folders: [], defines: {}, root };
    const { builds, diagnostics } = await compile(
      ...([source, ["sm_80"] as const, compiler, toolContext(workspace)] as const),
    );
    expect(diagnostics).toEqual([]);
    build = builds[0] as ArchBuild;
    const { files } = await readSources(source);
    input = {
      ptx: readFileSync(build.ptx, "utf8"),
      library: build.library,
      entry: "rmsnorm",
      sources: files.map((one) => one.path),
      root,
    };
  }, 120_000);

  test("an honest norm has no reading at all", () => {
    expect(readCandidate(input)).toEqual([]);
  });

  test("each entry point is read for itself, each kernel for all", () => {
    expect(readCandidate({ ...input, entry: "rmsnorm_with_socket" })).toMatchObject([
      {
        code: "network_access",
        certain: true,
        reason: "forbidden_access",
        source: expect.stringMatching(/^norm\.cu:\d+$/u),
      },
    ]);
    const ptx = input.ptx.replace("fma.rn.f32", "fma.rn.ftz.f32");
    expect(readCandidate({ ...input, ptx }).map(({ code }) => code)).toEqual(["fast_math"]);
    expect(readCandidate({ ...input, ptx, launched: new Set(["another"]) })).toEqual([]);
    const archs = { declared_archs: ["sm_75", "sm_80"], built_archs: ["sm_80"] };
    expect(readCandidate({ ...input, ...archs }).map(({ code }) => code)).toEqual(["arch_missing"]);
  });

  test("a call with 70000 rows is recorded without any memory", async () => {
    const { kernels } = parsePtx(input.ptx);
    const recorder = await Recorder.start({
      library: build.library,
      entry: "rmsnorm",
      device: requireDevice("A100"),
      kernels: build.kernels.map((one) => ({
        ...one,
        param_bytes: kernels.get(one.name)?.params.map(({ bytes }) => bytes) ?? [],
        param_offsets: kernels.get(one.name)?.params.map(({ offset }) => offset) ?? [],
      })),
      signal: new AbortController().signal,
      timeoutMs: 5000,
    });
    try {
      const fits = await recordOnly(recorder, kernelCase({ rows: 65535 }), rmsnormFields);
      expect(fits.operations.map(({ kind }) => kind)).toEqual(["launch"]);
      expect([streamOrder(fits), captureProblem(fits)]).toEqual([undefined, undefined]);
      // Rows are in grid.y, which ends at 65535.
      const large = await recordOnly(recorder, kernelCase({ rows: 70000 }), rmsnormFields);
      expect(large.operations).toMatchObject([{ kind: "refused_launch", grid: [1, 70000, 1] }]);
    } finally {
      await recorder.close();
    }
  });
});
