import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { runLocally } from "../../tools/executors/local.ts";
import { layoutOf, rmsnormFields } from "../../tools/kernel/operators.ts";
import { readProject } from "../../tools/kernel/project.ts";
import { packageData } from "../../tools/paths.ts";
import { findHostCompiler } from "../../tools/toolchain/host-compiler.ts";
import { compileDevice, requireNvcc, testWithNvcc } from "./nvcc.ts";

const template = readProject(packageData("cuda-templates", "rmsnorm"));
const folder = mkdtempSync(path.join(tmpdir(), "kernelwright-template-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Kernels of three dtypes; 16 is what the edit loop allows. */
const kernelCount = 15;

testWithNvcc.each(template.archs)(
  "%s: 15 kernels without a spill, a stack frame or a warning",
  async (arch) => {
    const cubin = path.join(folder, `${arch}.cubin`);
    const said = await compileDevice(template, arch, cubin);
    const { stdout } = await runLocally([requireNvcc().cuobjdump, "-res-usage", cubin], {
      timeoutMs: 30_000,
    });
    expect(stdout.match(/REG:\d+ STACK:0 .*LOCAL:0/gu)).toHaveLength(kernelCount);
    expect(
      said.match(/0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads/gu),
    ).toHaveLength(kernelCount);
  },
);

testWithNvcc.each([
  ["the least of each", 0],
  ["the most of each", -1],
])("tunable launch parameters compile without a spill: %s", async (_, which) => {
  const flags = Object.entries(template.tune).map(
    ([name, values]) => `-DTUNE_${name.toUpperCase()}=${values.at(which)}`,
  );
  const said = await compileDevice(template, "sm_90", path.join(folder, "tuned.cubin"), { flags });
  expect(said).not.toMatch(/[1-9]\d* bytes (?:stack frame|spill)/u);
});

testWithNvcc.each(["sm_75", "sm_90", "sm_120"])(
  "%s: the PTX leaves no rounding to ptxas, so that a GPU and an interpreter agree on every bit",
  async (arch) => {
    const file = path.join(folder, `${arch}.ptx`);
    await compileDevice(template, arch, file, { ptx: true });
    const opcodes = new Set(
      readFileSync(file, "utf8")
        .match(/^\s+(?:@!?%p\d+ )?[a-z][a-z0-9_.]*(?=\s)/gmu)
        ?.map((line) => line.trim().replace(/^@\S+ /u, "")),
    );
    const float = [...opcodes].filter((opcode) => /\.(?:f16x?2?|bf16x?2?|f32|f64)\b/u.test(opcode));
    const arithmetic = float.filter((opcode) => !/^(?:mov|ld|st|shfl|selp|setp)\./u.test(opcode));
    expect(arithmetic).toContain("fma.rn.f32");
    // float16 to float32 is exact and takes no rounding.
    const unrounded = arithmetic.filter(
      (opcode) => !/\.rn\./u.test(opcode) && opcode !== "cvt.f32.f16",
    );
    expect(unrounded).toEqual([]);
    expect([...opcodes].filter((opcode) => /approx|ftz|\.full/u.test(opcode))).toEqual([]);
  },
);

const host = await findHostCompiler();

(host ? test : test.skip)(
  "the argument struct has the offsets of the field table (needs a C++ compiler)",
  async () => {
    if (!host) return;
    const { offsets, bytes } = layoutOf(rmsnormFields);
    const source = [
      '#include "common/args.cuh"',
      "#include <stddef.h>",
      `static_assert(sizeof(rmsnorm_args) == ${bytes}, "size");`,
      ...Object.entries(offsets).map(
        ([field, offset]) =>
          `static_assert(offsetof(rmsnorm_args, ${field}) == ${offset}, "${field}");`,
      ),
      'static_assert(DTYPE_BFLOAT16 == 0 && DTYPE_FLOAT16 == 1 && DTYPE_FLOAT32 == 2, "dtypes");',
      'static_assert(ROUNDING_LLAMA == 0 && ROUNDING_SINGLE == 1, "rounding");',
    ].join("\n");
    const result = await runLocally(
      [
        host.cxx,
        "-std=c++17",
        "-fsyntax-only",
        "-x",
        "c++",
        `-I${packageData("cuda-templates")}`,
        "-",
      ],
      { input: source, timeoutMs: 30_000 },
    );
    expect(result.stderr).toBe("");
  },
);
