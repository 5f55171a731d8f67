import path from "node:path";
import { archNumber } from "./archs.ts";
import type { BuildSource } from "./sources.ts";

/**
 * Flags that decide what is built. -O1 is for host code: device code is optimised fully whatever it
 * says, and a launcher gains nothing from -O3 but 0.2 s of compiling. Code may contract a * b + c to one rounding (nvcc's default):
 * what must round twice, or once, says so with __fmul_rn, __fadd_rn and __fmaf_rn.
 * -z lazy lets the recorder name an unsupported runtime call at its first use, not at loading.
 */
export const compileFlags = [
  "-shared",
  "-cudart",
  "none",
  "-lineinfo",
  "-O1",
  "-std=c++17",
  "-Xcompiler",
  "-fPIC",
  "-Xlinker",
  "-z,lazy",
] as const;

/** One nvcc process: machine code and PTX of one arch in one library. Runs in `source.root`. */
export function compileCommand(
  nvcc: string,
  cxx: string,
  source: BuildSource,
  arch: string,
  output: { library: string; keep_folder: string },
): string[] {
  const number = archNumber(arch);
  return [
    nvcc,
    ...compileFlags,
    "-ccbin",
    cxx,
    "-gencode",
    `arch=compute_${number},code=[sm_${number},compute_${number}]`,
    ...sourceFlags(source),
    "-Xptxas",
    "-v",
    // Kept intermediate files have names without a process number: same inputs (modification times
    // included, which ptxas writes into the line table) give same bytes.
    // They also let machine code be read while the host code is still compiled.
    "--keep",
    "--keep-dir",
    output.keep_folder,
    relative(source.root, source.main),
    "-o",
    output.library,
  ];
}

/** The part of the command that a source brings along, in a form that belongs into a cache key. */
export function sourceFlags(source: BuildSource): string[] {
  const defines = Object.entries(source.defines).map(([name, value]) => `-D${name}=${value}`);
  const includes = source.include_folders.flatMap((folder) => [
    "-I",
    relative(source.root, folder),
  ]);
  return [...defines, ...includes];
}

function relative(root: string, file: string): string {
  return path.relative(root, file) || ".";
}
