import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readMachineCode } from "../../tools/build/machine-code.ts";
import { type KernelResources, kernelResources } from "../../tools/build/resources.ts";
import { buildWarnings, kernelDoubts } from "../../tools/build/warnings.ts";
import { fixtures } from "./compiler.ts";

/** What was recorded of fixtures/build/code/kernels.cu. */
function recordedKernels(arch: string): KernelResources[] {
  const read = (name: string) => readFileSync(path.join(fixtures, "code", arch, name), "utf8");
  const machine_code = readMachineCode(read("machine-code.json"));
  const names = new Map(
    [...machine_code.keys()].map((name) => [name, name.replace(/^_Z\d+(\w+?)P.*/u, "$1()")]),
  );
  names.set("_Z13uses_bfloat16P13__nv_bfloat16PKS_", "uses_bfloat16(__nv_bfloat16*)");
  return kernelResources({
    arch,
    assembler_output: read("assembler.txt"),
    ptx: read("entries.ptx"),
    machine_code,
    names,
  });
}

function named(arch: string, name: string): KernelResources {
  const found = recordedKernels(arch).find((one) => one.demangled.startsWith(`${name}(`));
  if (!found) throw new Error(`${name} was not recorded`);
  return found;
}

test("every kernel has its resources, under its name", () => {
  expect(recordedKernels("sm_90").map((one) => one.demangled)).toEqual([
    "divides_each()",
    "divides_per_row()",
    "indexed_at_run_time()",
    "scalar_store()",
    "spilling()",
    "uses_bfloat16(__nv_bfloat16*)",
    "vectorised()",
  ]);
});

test("widths of loads and stores and their cache hints come from the machine code", () => {
  const kernel = named("sm_90", "vectorised");
  expect(kernel.global_loads).toEqual([{ bits: 128, count: 1 }]);
  expect(kernel.global_stores).toEqual([{ bits: 128, count: 1 }]);
  expect(kernel.cache_hints).toEqual([
    { name: "load EF", count: 1 },
    { name: "store EF", count: 1 },
  ]);
  expect(named("sm_90", "scalar_store").global_store_bits).toEqual([32]);
  expect(named("sm_75", "uses_bfloat16").global_load_bits).toEqual([16]);
});

test("shuffles, barriers, special functions, shared memory and registers are counted", () => {
  expect(named("sm_90", "divides_per_row").shuffles).toBe(5);
  const bfloat16 = named("sm_90", "uses_bfloat16");
  expect(bfloat16).toMatchObject({
    barriers: 1,
    static_shared_bytes: 256,
    registers_per_thread: 12,
    special_functions: [{ name: "RSQ", count: 1 }],
  });
});

test("spills and arrays in local memory are told apart", () => {
  const spilling = named("sm_90", "spilling");
  expect(spilling).toMatchObject({
    spill_store_bytes: 564,
    spill_load_bytes: 668,
    registers_per_thread: 64,
  });
  const indexed = named("sm_90", "indexed_at_run_time");
  expect(indexed).toMatchObject({ spill_store_bytes: 0, stack_frame_bytes: 128 });
  expect(indexed.local_accesses).toBeGreaterThan(0);
});

test("occupancy holds for the launch bounds, or for the largest block that fits", () => {
  expect(named("sm_90", "vectorised").occupancy).toEqual({
    threads_per_block: 256,
    blocks_per_sm: 8,
    warps_per_sm: 64,
    occupancy_pct: 100,
    limited_by: "threads",
    device: "H100",
  });
  expect(named("sm_90", "scalar_store").max_threads).toBe(1024);
});

test("a division of every element is told from one of every row", () => {
  for (const arch of ["sm_75", "sm_90"]) {
    expect(named(arch, "divides_each").slow_path_calls_in_loops).toBe(1);
    expect(named(arch, "divides_per_row").slow_path_calls_in_loops).toBe(0);
    expect(named(arch, "divides_per_row").slow_path_calls).toEqual([{ name: "div", count: 1 }]);
  }
});

test("each fault is warned of once, with its kernel, and sound kernels are not named", () => {
  const archs = ["sm_75", "sm_90"].map((arch) => ({ arch, kernels: recordedKernels(arch) }));
  const warnings = buildWarnings(archs.flatMap(kernelDoubts));
  expect(warnings.map(({ code, message }) => [code, message])).toEqual([
    ["spills", expect.stringMatching(/^On sm_75 and sm_90: spilling \(\d+ bytes\)/u)],
    ["local_memory", expect.stringMatching(/indexed_at_run_time \(128 bytes, 24 instructions\)/u)],
    ["narrow_accesses", "On sm_75 and sm_90: scalar_store (loads 128 bits at once, stores 32)."],
    ["slow_path_division", "On sm_75 and sm_90: divides_each (1 in a loop over elements)."],
    ["emulated_bf16", expect.stringMatching(/^On sm_75: uses_bfloat16/u)],
  ]);
});

test("scalar kernels are doubted only where nothing in the library is vectorised", () => {
  const scalar = recordedKernels("sm_90").filter((one) => /divides_each/u.test(one.demangled));
  const [doubt] = kernelDoubts({ arch: "sm_90", kernels: scalar });
  expect(doubt).toMatchObject({ code: "narrow_accesses" });
  const vectorised = [...scalar, named("sm_90", "vectorised")];
  const codes = kernelDoubts({ arch: "sm_90", kernels: vectorised }).map((one) => one.code);
  expect(codes).not.toContain("narrow_accesses");
});

test("more than 16 kernels an arch are warned of", () => {
  const [one] = recordedKernels("sm_90");
  if (!one) throw new Error("nothing was recorded");
  const doubts = (count: number) =>
    kernelDoubts({ arch: "sm_90", kernels: Array.from({ length: count }, () => one) });
  expect(doubts(17)[0]?.code).toBe("too_many_instantiations");
  expect(doubts(16).map(({ code }) => code)).not.toContain("too_many_instantiations");
});
