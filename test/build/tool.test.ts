import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { chooseArchs } from "../../tools/build/build.ts";
import { buildKernel } from "../../tools/build/tool.ts";
import { compilerOrReason, temporaryFolder, toolContext } from "./compiler.ts";

const compiler = await compilerOrReason();
const folder = temporaryFolder();
const project = path.join(folder, "kernels", "scale");

const buildToml = `[general]
name = "scale"
version = 1
license = "Apache-2.0"
backends = ["cuda"]
[torch]
src = []
[kernel.scale]
backend = "cuda"
src = ["scale_cuda/scale.cu", "scale_cuda/factor.cuh"]
`;
const kernelYaml = `schema: 1
operator: rmsnorm
archs: [sm_80]
supports: {dtypes: [float32], rounding: [single], weight: [none], weight_offset: [0], layouts: [contiguous], in_place: false, max_elements: 1000}
sites: []
tune: {}
`;
const cuda = `#include "factor.cuh"
__global__ void __launch_bounds__(256) scale(float4* out) {
  float4 v = out[threadIdx.x];
  v.x *= kFactor;
  out[threadIdx.x] = v;
}
extern "C" int rmsnorm(void* out, cudaStream_t stream) {
  scale<<<1, 256, 0, stream>>>((float4*)out);
  return cudaGetLastError();
}
`;

beforeEach(() => {
  rmSync(project, { recursive: true, force: true });
  mkdirSync(path.join(project, "scale_cuda"), { recursive: true });
  write("build.toml", buildToml);
  write("kernel.yaml", kernelYaml);
  write("scale_cuda/scale.cu", cuda);
  write("scale_cuda/factor.cuh", "constexpr float kFactor = 3.0f;\n");
});

function write(name: string, text: string): void {
  writeFileSync(path.join(project, name), text);
}

describe.skipIf(typeof compiler === "string")("build_kernel", { timeout: 120_000 }, () => {
  async function call(args: Record<string, unknown> = {}) {
    // Named, since the test has a user's cache of its own.
    const cuda_home = typeof compiler === "string" ? undefined : compiler.root;
    const parsed = buildKernel.input.parse({ kernel: "kernels/scale", cuda_home, ...args });
    const result = await buildKernel.run(parsed, toolContext(folder));
    return buildKernel.output.parse(result);
  }

  test("compiles for the project's archs and says what to do next", async () => {
    const result = await call();
    expect(result).toMatchObject({
      summary: expect.stringMatching(/^scale builds for sm_80: 1 kernel, compiled in /u),
      status: "done",
      verdict: "passed",
      cached: false,
      kernels: [{ kernel: "scale", global_load_bits: [128], global_store_bits: [128] }],
      diagnostics: [],
      warnings: [],
      next: [{ tool: "validate_kernel" }],
    });
    expect(JSON.parse(result.next[0]?.arguments ?? "")).toMatchObject({ kernel: "kernels/scale" });
    const library = path.join(result.builds_folder, result.build_ids[0] ?? "", "library.so");
    expect(existsSync(library)).toBe(true);
    const table = path.join(folder, result.artifacts[0]?.path ?? "");
    expect(JSON.parse(readFileSync(table, "utf8"))[0].kernels[0].name).toBe("_Z5scaleP6float4");
    const again = await call();
    expect(again).toMatchObject({ cached: true, changes: [] });
    expect(again.summary).toContain("nothing had changed");
  });

  test("says what an edit has changed", async () => {
    await call();
    write("scale_cuda/scale.cu", cuda.replace("v.x *= kFactor", "v.x = v.y / v.z"));
    const result = await call();
    expect(result.changes.map((one) => one.what)).toContain("instructions");
    expect(result.summary).toMatch(/Since the last build: scale on sm_80: registers \d+ to \d+/u);
    expect(buildKernel.render(result)).toContain("since the last build:");
  });

  test("a mistake is a failed verdict with the place, an excerpt and the call to repeat", async () => {
    write("scale_cuda/factor.cuh", "constexpr float kFaktor = 3.0f;\n");
    const result = await call({ archs: ["sm_80", "sm_90"] });
    expect(result).toMatchObject({
      verdict: "failed",
      cached: false,
      build_ids: [],
      diagnostic_count: 1,
      diagnostics: [{ file: "scale_cuda/scale.cu", line: 4, archs: ["sm_80", "sm_90"] }],
      next: [{ tool: "build_kernel", why: expect.stringContaining("scale_cuda/scale.cu:4") }],
    });
    expect(result.summary).toBe(
      'scale does not compile for sm_80 and sm_90: 1 error, the first in scale_cuda/scale.cu:4: identifier "kFactor" is undefined.',
    );
    const text = buildKernel.render(result);
    expect(text).toContain('scale_cuda/scale.cu:4:10: error: identifier "kFactor" is undefined');
    expect(text).toContain("> 4 |   v.x *= kFactor;");
  });

  test("a folder outside of the workspace is refused", async () => {
    await expect(call({ kernel: "../elsewhere" })).rejects.toMatchObject({
      code: "path_outside_workspace",
    });
  });

  test("a toolkit that is none is refused by its folder", async () => {
    await expect(call({ cuda_home: folder })).rejects.toMatchObject({
      code: "compiler_unusable",
      message: expect.stringContaining(folder),
    });
  });
});

test("archs come from the call, else the project, else the GPUs here, else the usual ones", async () => {
  const knows = { archs: ["sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120"] };
  const here = async () => ["sm_90", "sm_52"];
  expect(await chooseArchs(["sm_86"], ["sm_80"], knows, here)).toEqual(["sm_86"]);
  expect(await chooseArchs(undefined, ["sm_80"], knows, here)).toEqual(["sm_80"]);
  expect(await chooseArchs(undefined, [], knows, here)).toEqual(["sm_90"]);
  expect(await chooseArchs(undefined, [], knows, async () => [])).toEqual(knows.archs);
});

test("arguments that are not known are refused by the schema's bounds", () => {
  const bad = [{ kernel: "" }, { kernel: "k", archs: [] }, { kernel: "k", archs: ["90"] }];
  for (const args of bad) expect(buildKernel.input.safeParse(args).success).toBe(false);
});
