import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runLocally } from "../../../tools/executors/local.ts";
import { readArchsWithoutCode } from "../../../tools/validate/reading/arch-without-code.ts";
import type { Reading } from "../../../tools/validate/reading/codes.ts";
import { readDeviceCalls } from "../../../tools/validate/reading/device-calls.ts";
import { readFastMath } from "../../../tools/validate/reading/fast-math.ts";
import { readMultiplyAdds } from "../../../tools/validate/reading/multiply-add.ts";
import type { Origin } from "../../../tools/validate/reading/places.ts";
import {
  type PtxFunction,
  readPtxFunctions,
} from "../../../tools/validate/reading/ptx-statements.ts";
import { readRowOffsets } from "../../../tools/validate/reading/row-offsets.ts";
import { compilerOrSkip, makeWorkspace } from "../../helpers/run-tool.ts";

const compiler = await compilerOrSkip("reading of kernels");
const folder = path.join(import.meta.dirname, "sources");
const source = path.join(folder, "kernels.cu");
const origin: Origin = { own: [source], root: folder };
const { workspace, remove } = makeWorkspace("reading-kernels");
afterAll(remove);

async function compile(arch: string, ...flags: string[]): Promise<string> {
  const ptx = path.join(workspace, `${arch}${flags.join("")}.ptx`);
  const result = await runLocally(
    [
      ...[compiler?.nvcc ?? "", "-ptx", "-lineinfo", "-std=c++17", `-arch=compute_${arch}`],
      ...[...flags, "-o", ptx, source],
    ],
    { timeoutMs: 120_000 },
  );
  expect(result.exit_code, result.stderr).toBe(0);
  return readFileSync(ptx, "utf8");
}

describe.skipIf(!compiler)("what PTX shows", () => {
  let plain: PtxFunction[];
  let fast: PtxFunction[];
  const texts = new Map<string, string>();
  beforeAll(async () => {
    for (const arch of ["75", "80"]) texts.set(arch, await compile(arch));
    plain = readPtxFunctions(texts.get("80") ?? "");
    fast = readPtxFunctions(await compile("80", "--use_fast_math"));
  }, 120_000);

  const all = [readRowOffsets, readFastMath, readMultiplyAdds, readDeviceCalls];
  const read = (kernel: string, functions = plain): Reading[] => {
    const chosen = functions.filter(
      ({ name }) =>
        name.includes(`${kernel.length}${kernel}P`) || name.includes(`${kernel.length}${kernel}f`),
    );
    expect(chosen).toHaveLength(1);
    return all.flatMap((one) => one(chosen, origin));
  };

  /** "out[row * hidden_size" of kernels.cu, as "kernels.cu:12". */
  const lineOf = (text: string) =>
    `kernels.cu:${
      readFileSync(source, "utf8")
        .split("\n")
        .findIndex((line) => line.includes(text)) + 1
    }`;

  test.each([
    ["offset_in_int", "offset_32_bit", "mad.lo.s32", "out[row * hidden_size + threadIdx.x]"],
    ["offset_in_unsigned", "offset_32_bit", "mul.lo.s32", "out[blockIdx.x * hidden_size + c] ="],
    ["offset_of_fixed_size", "offset_32_bit", "shl.b32", "out[blockIdx.x * 1024u"],
    ["offset_after_stride", "offset_32_bit", "mul.lo.s32", "= x + row * hidden_size;"],
    ["divides_approximately", "fast_math", "div.approx.f32", "__fdividef"],
    ["flushes_to_zero", "fast_math", "rsqrt.approx.ftz.f32", "rsqrt.approx.ftz"],
    ["fusable", "fusable_multiply_add", "mul.f32", '"f"(a), "f"(b), "f"(c));'],
    ["reads_clock", "device_clock", "mov.u64", "clock64()"],
    ["prints", "device_printf", "call", "printf("],
    ["allocates", "device_malloc", "call", "malloc(64)"],
    ["sums_atomically", "float_atomics", "add.f32", "void sums_atomically"],
    ["sums_in_shared", "float_atomics", "add.f32", "atomicAdd(&sum"],
  ] as const)("%s is %s, with its line", (kernel, code, opcode, text) => {
    const found = read(kernel);
    expect(found).toMatchObject([{ code, certain: false, source: lineOf(text) }]);
    expect(found[0]?.message).toContain(opcode);
  });

  test.each([
    "honest_offset",
    "honest_pointer",
    "honest_warp_per_row",
    "honest_tile_of_rows",
    "honest_thread_index",
    "honest_rsqrt",
    "honest_fused",
    "honest_separate",
    "honest_counter",
  ])("%s is not warned of", (kernel) => {
    expect(read(kernel)).toEqual([]);
  });

  test("--use_fast_math is seen in what is honest without it", () => {
    expect(read("honest_rsqrt", fast).map(({ code }) => code)).toEqual(["fast_math"]);
    expect(read("honest_separate", fast).map(({ code }) => code)).toEqual(["fast_math"]);
    expect(read("honest_offset", fast)).toEqual([]);
  });

  test("a kernel that is launched and empty for one arch alone is an arch without code", () => {
    const name = (kernel: string) => plain.find((one) => one.name.includes(kernel))?.name ?? "";
    const launch = (...kernels: string[]) =>
      ["75", "80"].map((arch) => ({
        arch: `sm_${arch}`,
        ptx: texts.get(arch) ?? "",
        launched: kernels.map(name),
      }));
    expect(readArchsWithoutCode(launch("only_newer"))).toMatchObject([
      {
        code: "arch_missing",
        certain: true,
        reason: "arch_missing",
        message: expect.stringMatching(/only_newer\w+ is empty for sm_75, and not for sm_80$/u),
      },
    ]);
    expect(readArchsWithoutCode(launch("honest_empty", "honest_offset"))).toEqual([]);
    expect(readArchsWithoutCode(launch())).toEqual([]);
  });
});
