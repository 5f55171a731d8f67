import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { rowKinds } from "../../tools/kernel/inputs.ts";
import { dtypeCodes, roundingCodes } from "../../tools/kernel/operators.ts";
import { type StructField, structLayout } from "../../tools/worker/device-struct.ts";
import {
  blockThreads,
  bufferBytes,
  caseFields,
  encodeJudgeCase,
  questionCodes,
  weightValuesCodes,
} from "../../tools/worker/judge-case.ts";
import { judgeSources } from "../../tools/worker/judge-code.ts";
import { zonesFields } from "../../tools/worker/judge-launches.ts";
import { resultFields } from "../../tools/worker/judge-result.ts";
import { compilerOrSkip } from "../helpers/run-tool.ts";
import { kernelCase } from "../validate/cases.ts";
import { judgeModule } from "./judge-device.ts";

const compiler = await compilerOrSkip("the judge's device code");
const module = compiler && (await judgeModule(compiler));

const text = ["case.cuh", "inputs.cuh", "rows.cuh", "fill.cuh"]
  .map((name) => readFileSync(path.join(judgeSources(), name), "utf8"))
  .join("\n")
  .replace(/\/\/.*$/gmu, "");

/** The fields of a struct as the header declares them; those of a judge_layout, and array elements, one by one. */
function fieldsInHeader(name: string): StructField[] {
  const body = new RegExp(`struct ${name} \\{([^}]*)\\}`, "u").exec(text)?.[1] ?? "";
  return [...body.matchAll(/(\w+) ([\w\s,[\]]+);/gu)].flatMap(([, type = "", names = ""]) =>
    names.split(",").flatMap((each) => {
      const [, field = "", count] = /(\w+)(?:\[(\w+)\])?/u.exec(each) ?? [];
      if (type === "judge_layout") {
        return fieldsInHeader(type).map((inner) => ({ ...inner, name: `${field}.${inner.name}` }));
      }
      if (count === undefined) return [{ name: field, type: type as StructField["type"] }];
      return Array.from({ length: Number(constant(count)) }, (_, index) => ({
        name: `${field}.${index}`,
        type: type as StructField["type"],
      }));
    }),
  );
}

function constant(name: string): string | undefined {
  return new RegExp(`constexpr \\w+ ${name} = (\\w+);`, "u").exec(text)?.[1];
}

/** The names of an enum that begin with `prefix`, in lower case and in the order of their codes. */
function enumInHeader(prefix: string): string[] {
  const names = [...text.matchAll(new RegExp(`\\b${prefix}_(\\w+)(?: = (\\d+))?,?`, "gu"))];
  const listed = names.filter(([whole]) => whole.endsWith(",") || whole.includes("="));
  return listed.map(([, name = ""]) => name.toLowerCase());
}

const words = (names: readonly string[]) =>
  names.map((name) => ({ name, type: "uint64_t" as const }));

test.each([
  ["judge_case", caseFields],
  ["judge_zones", zonesFields],
  ["judge_result", words(resultFields)],
] as const)("the fields of %s are those of the header, in its order", (name, fields) => {
  expect(fieldsInHeader(name)).toEqual(fields);
  expect(fields.length).toBeGreaterThan(2);
});

test.runIf(module)("the compiler lays the structs out as we do", () => {
  const bytesOf = (kernel: string) => module?.kernels.get(kernel)?.params[0]?.bytes;
  expect(bytesOf("kw_measure")).toBe(structLayout(caseFields).bytes);
  expect(bytesOf("kw_zones")).toBe(structLayout(zonesFields).bytes);
});

test("codes are those of the header", () => {
  expect(enumInHeader("ROW")).toEqual(rowKinds);
  expect(enumInHeader("WEIGHT")).toEqual(Object.keys(weightValuesCodes));
  expect(enumInHeader("QUESTION")).toEqual(Object.keys(questionCodes));
  expect(enumInHeader("DTYPE")).toEqual(Object.keys(dtypeCodes));
  expect(enumInHeader("ROUNDING")).toEqual(Object.keys(roundingCodes));
  expect(Number(constant("kThreads"))).toBe(blockThreads);
});

test("a case without a place for one of its buffers is our mistake, and said", () => {
  const one = kernelCase({ with_rstd: true });
  const buffer = { address: 4096n, before_bytes: 0, after_bytes: 0 };
  const places = { x: buffer, out: buffer, weight: buffer, result: 8192n };
  expect(() => encodeJudgeCase(one, places)).toThrow("the case has a buffer rstd");
  expect(encodeJudgeCase({ ...one, with_rstd: false }, places)).toHaveLength(
    structLayout(caseFields).bytes,
  );
});

test("a buffer that a case does not have takes no bytes", () => {
  const one = kernelCase({ in_place: true, weight: "none", layout: "contiguous" });
  const none = { out: 0, weight: 0, bias: 0, residual: 0, rstd: 0, mean: 0 };
  expect(bufferBytes(one)).toEqual({ ...none, x: 5 * 128 * 2 });
});
