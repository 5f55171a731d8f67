import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import {
  type Diagnostic,
  mergeDiagnostics,
  readDiagnostics,
} from "../../tools/build/diagnostics.ts";
import { fixtures } from "./compiler.ts";

const root = path.join(fixtures, "mistakes");

async function recorded(name: string, arch = "sm_90"): Promise<Diagnostic[]> {
  const folder = path.join(root, "recorded", name);
  const output = readFileSync(path.join(folder, "output.txt"), "utf8");
  const demangle = async (names: string[]) => new Map(names.map((one) => [one, `<${one}>`]));
  return readDiagnostics(output, { arch, root, keep_folder: folder, demangle });
}

const compiles = [
  "host_warning",
  "launch_bounds",
  "recursion",
  "too_many_registers",
  "unused_variable",
];

test("every recorded failure has an error, and nothing else has one", async () => {
  for (const name of readdirSync(path.join(root, "recorded"))) {
    const errors = (await recorded(name)).filter((one) => one.severity === "error");
    expect(errors.length > 0, name).toBe(!compiles.includes(name));
  }
});

test("a mistake has file, line, column, message and the source around it", async () => {
  expect(await recorded("undefined_identifier")).toEqual([
    {
      severity: "error",
      message: 'identifier "factor" is undefined',
      file: "undefined_identifier.cu",
      line: 3,
      column: 32,
      excerpt: [
        "  2 |   const int i = blockIdx.x * blockDim.x + threadIdx.x;",
        "> 3 |   if (i < n) out[i] = out[i] * factor;",
        "  4 | }",
      ].join("\n"),
      archs: ["sm_90"],
    },
  ]);
});

test("a column that the preprocessor has moved is left out, not guessed", async () => {
  const [error] = await recorded("kernel_returns_value");
  expect(error).toMatchObject({
    line: 1,
    message: "a __global__ function must have a void return type",
  });
  expect(error?.column).toBeUndefined();
});

test("errors in a template name the header and fold the instantiations into notes", async () => {
  const errors = await recorded("template_instantiation");
  expect(errors.map(({ file, line }) => [file, line])).toEqual([
    ["in_header.cuh", 4],
    ["in_header.cuh", 4],
  ]);
  expect(errors[0]?.notes).toEqual([
    'instantiation of "T twice(T) [with T=float]" at line 4 of template_instantiation.cu',
    'instantiation of "void scale(T *) [with T=float]" at line 7 of template_instantiation.cu',
  ]);
  const [deep] = await recorded("deep_templates");
  expect(deep?.notes).toHaveLength(4);
  expect(deep?.notes?.[3]).toBe("and 8 more");
});

test("overloads that do not match are notes of one error, and the types are in its message", async () => {
  const errors = await recorded("overload");
  expect(errors).toHaveLength(1);
  expect(errors[0]?.message).toBe(
    'no instance of overloaded function "atomicAdd" matches the argument list; argument types are: (int *, __nv_bfloat16, int)',
  );
  expect(errors[0]?.column).toBe(3);
});

test("what ptxas says of a line of PTX is said of the line of the source", async () => {
  const [wide, ...others] = await recorded("wide_load");
  expect(others).toEqual([]);
  expect(wide).toMatchObject({ file: "wide_load.cu", line: 6 });
  expect(wide?.notes?.[0]).toMatch(/^in the PTX: ld\.global\.v8\.f32 /u);
  const [shared] = await recorded("shared_too_big");
  expect(shared).toMatchObject({ file: "shared_too_big.cu", line: 1 });
  expect(shared?.message).toContain("<_Z7too_bigPf>");
});

test("what the host compiler, the assembler and the linker say is read too", async () => {
  expect(await recorded("host_compiler_error")).toMatchObject([
    { file: "host_compiler_error.cu", line: 4, column: 46 },
  ]);
  expect(await recorded("assembler_error")).toMatchObject([
    { file: "assembler_error.cu", line: 3 },
  ]);
  const linker = await recorded("linker_error");
  expect(linker[0]?.message).toBe("undefined reference to `table'");
  expect(linker.some((one) => /ld returned|final link failed/u.test(one.message))).toBe(false);
});

test("a warning of host and device pass is one warning", async () => {
  const warnings = await recorded("host_warning");
  expect(warnings.map((one) => one.message)).toEqual([
    "integer conversion resulted in truncation",
    "overflow in conversion from 'int' to 'char' changes value from '300' to '','' [-Woverflow]",
  ]);
});

describe("hints", () => {
  test.each([
    ["half_operators", "__half2float"],
    ["needs_cpp20", "C++17"],
    ["cusparse_header", "Leave this header out"],
    ["missing_header", "build.toml"],
    ["shared_too_big", "cudaFuncSetAttribute"],
    ["shuffle_without_sync", "__shfl_down_sync"],
    ["extended_lambda", "functor"],
    ["memory_clock_rate", "cudaDeviceGetAttribute"],
    ["wide_load", "__CUDA_ARCH__ >= 1000"],
    ["host_function_in_kernel", "__device__"],
    ["unresolved_device_function", "without device linking"],
    ["kernel_returns_value", "Return void"],
    ["overload", "atomicAdd"],
    ["launch_bounds", "__launch_bounds__"],
    ["missing_semicolon", "line above"],
  ])("%s says what to do", async (name, words) => {
    const [first] = await recorded(name);
    expect(first?.hint).toContain(words);
  });

  test("nothing is invented for a message that is not known", async () => {
    const [first] = await recorded("static_assertion");
    expect(first?.hint).toBeUndefined();
  });
});

test("the same message of several archs is one diagnostic with all of them, errors first", async () => {
  const warning = await recorded("unused_variable", "sm_75");
  const all = [
    ...warning,
    ...(await recorded("only_old_arch", "sm_75")),
    ...(await recorded("unused_variable", "sm_90")),
  ];
  expect(mergeDiagnostics(all).map(({ severity, archs }) => [severity, archs])).toEqual([
    ["error", ["sm_75"]],
    ["warning", ["sm_75", "sm_90"]],
  ]);
});
