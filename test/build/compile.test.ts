import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { beforeEach, describe, expect, test } from "vitest";
import { buildFolder } from "../../tools/build/cache.ts";
import { type BuildSource, compile } from "../../tools/build/compile.ts";
import { userCache } from "../../tools/paths.ts";
import { compilerOrReason, fixtures, temporaryFolder, toolContext } from "./compiler.ts";

const compiler = await compilerOrReason();
const folder = temporaryFolder();
const root = path.join(folder, "sources");

const header = (factor: number) =>
  `#pragma once\ntemplate <typename T>\n__device__ T scaled(T value) { return value * T(${factor}); }\n`;
const main = `#include "scaled.cuh"
namespace {
__global__ void __launch_bounds__(128) scale(float* out) { out[threadIdx.x] = scaled(out[threadIdx.x]); }
}
extern "C" int scale_all(void* out, cudaStream_t stream) {
  scale<<<1, 128, 0, stream>>>((float*)out);
  return cudaGetLastError();
}
`;

const source: BuildSource = {
  main: path.join(root, "main.cu"),
  include_folders: [path.join(root, "include")],
  defines: {},
  root,
};

beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(path.join(root, "include"), { recursive: true });
  writeFileSync(source.main, main);
  writeFileSync(path.join(root, "include", "scaled.cuh"), header(1.5));
  // ptxas writes the sources' modification times into the line table.
  for (const file of [source.main, path.join(root, "include", "scaled.cuh")]) {
    utimesSync(file, 1_700_000_000, 1_700_000_000);
  }
});

describe.skipIf(typeof compiler === "string")("compile", { timeout: 120_000 }, () => {
  function compileNow(archs = ["sm_90"], own: Partial<BuildSource> = {}, signal?: AbortSignal) {
    if (typeof compiler === "string") throw new Error(compiler);
    const context = toolContext(folder, signal);
    return compile({ ...source, ...own }, archs, compiler, context);
  }

  test("makes one library an arch, with its machine code and PTX, and finds it again", async () => {
    const first = await compileNow(["sm_80", "sm_90"]);
    expect(first).toMatchObject({ passed: true, diagnostics: [] });
    expect(first.builds.map(({ arch, cached }) => [arch, cached])).toEqual([
      ["sm_80", false],
      ["sm_90", false],
    ]);
    for (const build of first.builds) {
      expect(readFileSync(build.ptx, "utf8")).toContain(`.target ${build.arch}`);
      expect(readFileSync(build.library).includes("scale_all")).toBe(true);
      expect(build.kernels).toMatchObject([{ max_threads: 128, global_load_bits: [32] }]);
      expect(build.kernels[0]?.demangled).toBe("(anonymous namespace)::scale(float*)");
      expect(readdirSync(build.folder).filter((name) => !name.startsWith("."))).toEqual([
        "build.json",
        "kernel.cubin",
        "kernel.ptx",
        "library.so",
      ]);
    }
    const second = await compileNow(["sm_90", "sm_80"]);
    expect(second.builds.map((one) => one.cached)).toEqual([true, true]);
    expect(second.builds[0]).toEqual({ ...first.builds[1], cached: true });
    expect(second.compile_ms).toBeLessThan(1000);
  });

  test("an edited header makes another build, and undoing the edit finds the old one", async () => {
    const before = (await compileNow()).builds[0];
    writeFileSync(path.join(root, "include", "scaled.cuh"), header(2.5));
    const edited = (await compileNow()).builds[0];
    expect(edited).toMatchObject({ cached: false });
    expect(edited?.build_id).not.toBe(before?.build_id);
    writeFileSync(path.join(root, "include", "scaled.cuh"), header(1.5));
    expect((await compileNow()).builds[0]).toMatchObject({
      cached: true,
      build_id: before?.build_id,
    });
  });

  test("the same inputs give the same bytes, without a path of a temporary folder", async () => {
    const [build] = (await compileNow()).builds;
    const bytes = () => readFileSync(path.join(buildFolder(build?.build_id ?? ""), "library.so"));
    const first = bytes();
    rmSync(userCache("builds"), { recursive: true });
    await compileNow();
    expect(bytes().equals(first)).toBe(true);
    expect(first.includes("/keep/")).toBe(false);
    expect(first.includes("tmpxft")).toBe(false);
  });

  test("a header that only a macro names is never served from the cache", async () => {
    writeFileSync(source.main, main.replace('"scaled.cuh"', "HEADER"));
    const own = { defines: { HEADER: '"scaled.cuh"' } };
    expect((await compileNow(["sm_90"], own)).builds[0]).toMatchObject({ cached: false });
    expect((await compileNow(["sm_90"], own)).builds[0]).toMatchObject({ cached: false });
  });

  test("sources that change while they are compiled are compiled again", async () => {
    const file = path.join(root, "include", "scaled.cuh");
    writeFileSync(source.main, `${main}// never compiled before\n`);
    const editing = setTimeout(() => writeFileSync(file, header(3.5)), 300);
    const [build] = (await compileNow()).builds;
    clearTimeout(editing);
    // 0f40600000 is 3.5 as PTX writes it.
    expect(readFileSync(build?.ptx ?? "", "utf8")).toContain("0f40600000");
    writeFileSync(file, header(1.5));
    const [before] = (await compileNow()).builds;
    expect(readFileSync(before?.ptx ?? "", "utf8")).toContain("0f3FC00000");
  });

  test("sources that do not compile are a result, with each error once", async () => {
    writeFileSync(source.main, main.replace("scaled(out", "scald(out"));
    const result = await compileNow(["sm_80", "sm_90"]);
    expect(result).toMatchObject({
      passed: false,
      builds: [],
      diagnostics: [{ file: "main.cu", line: 3, archs: ["sm_80", "sm_90"] }],
    });
  });

  test("an error on one arch leaves the other's build", async () => {
    writeFileSync(source.main, `#if __CUDA_ARCH__ == 750\n#error "no"\n#endif\n${main}`);
    const result = await compileNow(["sm_75", "sm_90"]);
    expect(result.passed).toBe(false);
    expect(result.builds.map((one) => one.arch)).toEqual(["sm_90"]);
    expect(result.diagnostics).toMatchObject([{ message: '#error "no"', archs: ["sm_75"] }]);
  });

  test("a source without a kernel does not pass, and says what to do", async () => {
    writeFileSync(source.main, 'extern "C" int nothing() { return 0; }\n');
    expect(await compileNow()).toMatchObject({
      passed: false,
      diagnostics: [{ file: "main.cu", hint: expect.stringContaining("__global__") }],
    });
  });

  test("an arch that the compiler does not know is refused, naming those it knows", async () => {
    await expect(compileNow(["sm_70"])).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/cannot compile for sm_70; it knows sm_75, /u),
    });
    await expect(compileNow(["sm_80a"])).rejects.toMatchObject({ code: "invalid_argument" });
  });

  test("cancelling ends the compiler at once and leaves nothing behind", async () => {
    const stop = new AbortController();
    setTimeout(() => stop.abort(), 250);
    const started = Date.now();
    writeFileSync(source.main, `${main}// cancelled\n`);
    await expect(compileNow(["sm_80", "sm_90"], {}, stop.signal)).rejects.toMatchObject({
      code: "cancelled",
    });
    expect(Date.now() - started).toBeLessThan(5000);
    await expect(compileNow(["sm_90"], {}, AbortSignal.abort())).rejects.toMatchObject({
      code: "cancelled",
    });
    const left = existsSync(userCache("builds")) ? readdirSync(userCache("builds")) : [];
    expect(left.filter((name) => name.startsWith("."))).toEqual([]);
  });

  test("folders with blanks, quotes and letters of other languages are no trouble", async () => {
    const odd = path.join(folder, "größe 'x' & y");
    mkdirSync(odd, { recursive: true });
    writeFileSync(path.join(odd, "main.cu"), main);
    writeFileSync(path.join(odd, "scaled.cuh"), header(1));
    const own = { main: path.join(odd, "main.cu"), include_folders: [odd], root: odd };
    expect(await compileNow(["sm_90"], own)).toMatchObject({ passed: true, diagnostics: [] });
  });

  test("kernels without a fault are built without a warning, others are diagnosed as recorded", async () => {
    const code = path.join(fixtures, "code");
    const own = { main: path.join(code, "kernels.cu"), include_folders: [code], root: code };
    const [build] = (await compileNow(["sm_90"], own)).builds;
    const spilling = build?.kernels.find((one) => one.demangled.startsWith("spilling("));
    expect(spilling?.spill_store_bytes).toBeGreaterThan(0);
    expect(build?.kernels).toHaveLength(7);
  });
});
