import { accuracyLimits } from "../../tools/kernel/accuracy.ts";
import {
  efforts,
  type KernelCase,
  layouts,
  listCases,
  roundings,
  weightForms,
} from "../../tools/kernel/cases.ts";
import { dtypeNames } from "../../tools/kernel/dtypes.ts";
import { inputRecipes } from "../../tools/kernel/inputs.ts";
import { readProject } from "../../tools/kernel/project.ts";
import { packageData } from "../../tools/paths.ts";
import type { Tool } from "../../tools/tool.ts";
import { reasons } from "../../tools/validate/reasons.ts";
import { mutants } from "../kernels/mutants.ts";
import { markdownTable } from "./splice.ts";

/** The tools as the README lists them. */
export function toolTable(tools: readonly Tool[]): string {
  const rows = tools.map((tool) => [
    `\`${tool.name}\``,
    `\`${tool.verb}\``,
    tool.description,
    Object.keys(tool.input.shape)
      .map((name) => `\`${name}\``)
      .join(", "),
    tool.readOnly ? "yes" : "no",
  ]);
  return markdownTable(["tool", "verb", "what and when", "arguments", "only reads"], rows);
}

/** The case list of the template in numbers: how many cases, and over which values. */
export function caseTable(): string {
  const { supports, operator } = readProject(packageData("cuda-templates", "rmsnorm"));
  const form = {
    rstd: "optional",
    in_place: false,
    rounded_sum: true,
    bias: false,
    mean: false,
  } as const;
  const listOf = (effort: (typeof efforts)[number]) =>
    listCases({ operator, supports, form, effort, promotes: true });
  const counts = efforts.map((effort) => `${effort} ${listOf(effort).length}`);
  const cases = listOf("default");
  const row = (what: string, values: Iterable<string | number>) => [
    what,
    [...new Set(values)].join(", "),
  ];
  const numbers = (key: "rows" | "hidden_size") =>
    cases.map((one) => one[key]).toSorted((a, b) => a - b);
  // In the order in which they are declared; what is in no list comes last.
  const words = (key: keyof KernelCase, declared: readonly string[]) => {
    const used = new Set(cases.map((one) => String(one[key])));
    return [...declared.filter((word) => used.has(word)), ...used];
  };
  return markdownTable(
    ["factor", "values"],
    [
      row("dtype", words("dtype", dtypeNames)),
      row("`hidden_size`", numbers("hidden_size")),
      row("`rows`", numbers("rows")),
      row("`rounding`", words("rounding", roundings)),
      row("`weight`", words("weight", weightForms)),
      row("`weight_offset`", words("weight_offset", ["0", "1"])),
      row("layout", words("layout", layouts)),
      row("inputs", words("inputs", inputRecipes)),
      row("cases per arch, by `effort`", counts),
    ],
  );
}

/** The faults that validate_kernel must reject, and the reasons that it may give for each. */
export function mutantTable(): string {
  return markdownTable(
    ["fault", "rejected as"],
    mutants.map(({ nature, reasons: codes }) => [
      nature,
      codes.map((code) => `\`${code}\``).join(" or "),
    ]),
  );
}

/** The limits of a pass, per output dtype and rounding order. */
export function limitTable(): string {
  const rows = [
    { what: "bfloat16 or float16", dtype: "bfloat16", out_dtype: "bfloat16", rounding: "single" },
    { what: "bfloat16 or float16", dtype: "bfloat16", out_dtype: "bfloat16", rounding: "llama" },
    { what: "float32", dtype: "float32", out_dtype: "float32", rounding: "single" },
    { what: "float32 from bfloat16", dtype: "bfloat16", out_dtype: "float32", rounding: "llama" },
    { what: "float32 from float16", dtype: "float16", out_dtype: "float32", rounding: "llama" },
  ] as const;
  return markdownTable(
    ["output", "rounding", "`max_ulp` at most", "counted as beyond", "share beyond at most"],
    rows.map((row) => {
      const limits = accuracyLimits({ operator: "rmsnorm", ...row });
      return [
        row.what,
        `\`${row.rounding}\``,
        String(limits.max_ulp),
        `over ${limits.ordered_ulp} ulp`,
        `${limits.max_fraction_beyond * 100} %, and room for chance`,
      ];
    }),
  );
}

/** The whole of references/reasons.md. */
export function reasonsPage(): string {
  const rows = Object.entries(reasons).map(([code, { means, fix }]) => [
    `\`${code}\``,
    capitalised(means),
    fix,
  ]);
  return `# What does this reason of a failed validation mean, and what is the fix?

\`validate_kernel\` gives every failure a \`reason\` from this closed list. Repair the first one that it
names: causes are listed before what follows from them. Written by \`npm run docs\` from the tool itself.

${markdownTable(["reason", "means", "fix"], rows)}
`;
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
