import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { requireNameable } from "../build/sources.ts";
import { ToolError } from "../errors.ts";
import type { Dtype } from "../kernel/dtypes.ts";
import {
  type ArgumentField,
  dtypeCodes,
  type FieldType,
  type OperatorName,
  rmsnormFields,
} from "../kernel/operators.ts";
import { listed } from "../text.ts";
import type { Candidate } from "./candidate.ts";

/** The struct that the generated entry point takes: that of rmsnorm, and what other norms need. */
const entryFields: readonly ArgumentField[] = [
  ...rmsnormFields,
  { name: "residual", type: "pointer" },
  { name: "bias", type: "pointer" },
  { name: "mean", type: "pointer" },
];

/** Words of a signature that stand for buffers of the element type T. */
const elementBuffers = ["out", "x", "weight", "residual", "bias"] as const;
/** One float32 a row. */
const floatBuffers = ["rstd", "mean"] as const;
const scalars = [
  "rows",
  "hidden_size",
  "x_row_stride",
  "out_row_stride",
  "eps",
  "weight_offset",
] as const;
const words = [...elementBuffers, ...floatBuffers, ...scalars, "stream", "T"];

const cTypes: Record<Dtype, string> = {
  bfloat16: "__nv_bfloat16",
  float16: "__half",
  float32: "float",
};

/** Each costs a quarter of a second of compiling. */
const headers: Record<Dtype, string> = {
  bfloat16: "#include <cuda_bf16.h>\n",
  float16: "#include <cuda_fp16.h>\n",
  float32: "",
};

const fieldCTypes: Record<FieldType, string> = {
  uint32: "uint32_t",
  int32: "int32_t",
  int64: "int64_t",
  float32: "float",
  pointer: "void*",
};

interface EntryArguments {
  signature?: string | undefined;
  dtypes?: readonly Dtype[] | undefined;
  eps?: number | undefined;
  /** Absolute. */
  include_folders: readonly string[];
}

type EntryParts = Omit<Candidate, "kind" | "label" | "archs" | "call">;

/**
 * Writes the .cu that includes `file` and calls it through `signature`, a line of C++ in the words
 * of the glossary: "launch_rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)" or
 * "kernel<<<rows, 256>>>(out, x, weight, hidden_size, eps)". What the words are says which operator
 * it is: `residual` add_rmsnorm, `bias` or `mean` layernorm, else rmsnorm; without `out` the result
 * is written over `x`.
 */
export function writeEntry(file: string, workspace: string, args: EntryArguments): EntryParts {
  requireNameable(file);
  const line = requireSignature(args.signature, file);
  const used = new Set(line.match(/[A-Za-z_]\w*/gu));
  const operator = operatorOf(used);
  const chosen = args.dtypes ?? dtypesOf(used, line);
  requireEps(used, line, args.eps);
  const main = placeOf(file, line, chosen, workspace);
  mkdirSync(path.dirname(main), { recursive: true });
  writeFileSync(main, entrySource(path.basename(file), line, chosen));
  return {
    operator,
    entry: "kernelwright_entry",
    main,
    include_folders: [path.dirname(file), ...args.include_folders],
    root: path.dirname(file),
    records: path.dirname(main),
    supports: {
      dtypes: chosen,
      rounding: ["single", "llama"],
      weight: used.has("weight") ? ["same"] : ["none"],
      weight_offset: [0],
      layouts: used.has("x_row_stride") ? ["contiguous", "strided"] : ["contiguous"],
    },
    form: {
      rstd: used.has("rstd") ? "always" : "never",
      in_place: !used.has("out"),
      rounded_sum: true,
      bias: used.has("bias"),
      mean: used.has("mean"),
    },
    takes_stream: used.has("stream"),
    promotes: false,
    fields: entryFields,
    declared: false,
    eps: args.eps,
  };
}

function requireSignature(signature: string | undefined, file: string): string {
  const example = `"my_rmsnorm(out, x, weight, rows, hidden_size, eps, stream)"`;
  if (signature === undefined || signature.trim() === "") {
    throw new ToolError(
      "invalid_argument",
      `${path.basename(file)} is a single file: which function is to be called, and with what, is not known.`,
      `Add signature: one line of C++ that calls it, in the words ${listed(words)}; for example ${example}.`,
    );
  }
  const line = signature.trim().replace(/;+$/u, "");
  const used: ReadonlySet<string> = new Set(line.match(/[A-Za-z_]\w*/gu));
  if (!used.has("x") || !line.includes("(")) {
    throw new ToolError(
      "invalid_argument",
      `The signature "${line}" does not call anything with x.`,
      `Write the call in the words ${listed(words)}; for example ${example}.`,
    );
  }
  return line;
}

function operatorOf(used: ReadonlySet<string>): OperatorName {
  if (used.has("residual")) return "add_rmsnorm";
  return used.has("bias") || used.has("mean") ? "layernorm" : "rmsnorm";
}

/** All three where the signature is generic in T; else the one whose C type it names. */
function dtypesOf(used: ReadonlySet<string>, line: string): Dtype[] {
  if (used.has("T")) return ["bfloat16", "float16", "float32"];
  const named = (Object.keys(cTypes) as Dtype[]).filter((dtype) => used.has(cTypes[dtype]));
  if (named.length === 1) return named;
  throw new ToolError(
    "invalid_argument",
    `The signature "${line}" does not say which element type it takes.`,
    'Add dtypes, for example dtypes: ["bfloat16"], or write T where the element type belongs.',
  );
}

/** Which eps a kernel adds that is not given one, nobody can guess. */
function requireEps(used: ReadonlySet<string>, line: string, eps: number | undefined): void {
  if (used.has("eps") === (eps === undefined)) return;
  throw used.has("eps")
    ? new ToolError(
        "invalid_argument",
        `The signature "${line}" takes eps from the judge, and eps: ${eps} was given too.`,
        "Leave out the argument eps, or the word eps in the signature.",
      )
    : new ToolError(
        "invalid_argument",
        `The signature "${line}" passes no eps, so the kernel has one of its own.`,
        "Add the eps that stands in its source, for example eps: 1e-5.",
      );
}

/** One folder per (file, signature, dtypes), so that builds of it are found again. */
function placeOf(file: string, line: string, dtypes: readonly Dtype[], workspace: string): string {
  const key = createHash("sha256")
    .update(JSON.stringify([file, line, dtypes]))
    .digest("hex");
  return path.join(workspace, ".kernelwright", "entries", key.slice(0, 16), "entry.cu");
}

function entrySource(fileName: string, line: string, dtypes: readonly Dtype[]): string {
  const fields = entryFields.map(({ name, type }) => `  ${fieldCTypes[type]} ${name};`);
  const pointer = (type: string, name: string) =>
    `  [[maybe_unused]] ${type}* ${name} = static_cast<${type}*>(args->${name});`;
  const cases = dtypes.map(
    (dtype) =>
      `    case ${dtypeCodes[dtype]}: kernelwright_call<${cTypes[dtype]}>(args, stream); break;`,
  );
  return `// Generated by Kernelwright: the entry point through which ${fileName} is judged.
${dtypes.map((dtype) => headers[dtype]).join("")}#include <cuda_runtime.h>
#include <stdint.h>
#include "${fileName}"

typedef struct {
${fields.join("\n")}
} kernelwright_args;

namespace {
template <typename T>
void kernelwright_call(const kernelwright_args* args, cudaStream_t stream) {
${elementBuffers.map((name) => pointer("T", name)).join("\n")}
${floatBuffers.map((name) => pointer("float", name)).join("\n")}
${scalars.map((name) => `  [[maybe_unused]] const auto ${name} = args->${name};`).join("\n")}
#line 1 "signature"
  ${line};
}
}  // namespace

extern "C" int kernelwright_entry(const kernelwright_args* args, cudaStream_t stream) {
  switch (args->dtype) {
${cases.join("\n")}
    default: return cudaErrorNotSupported;
  }
  return cudaGetLastError();
}
`;
}
