import { copyFileSync } from "node:fs";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { type ReasonCode, reasonCodes, reasons } from "../../tools/validate/reasons.ts";
import { validateKernel } from "../../tools/validate/tool.ts";
import { compilerOrSkip, makeWorkspace, runTool } from "../helpers/run-tool.ts";
import { catalogue, cataloguedCheats } from "./catalogue.ts";
import { cheatsFolder, pairName, readFixtures } from "./fixtures.ts";

const compiler = await compilerOrSkip("a validation that checks nothing");
const { workspace, remove } = makeWorkspace("catalogue");
afterAll(remove);
const fixtures = readFixtures();

test("every reason is given for a fixture or a mutant: a check that nothing exercises does not exist", () => {
  const shown = new Set(cataloguedCheats().flatMap((cheat) => cheat.reasons));
  expect(reasonCodes.filter((code) => !shown.has(code))).toEqual([]);
});

test("every number of the catalogue has a fixture or a mutant, and every number is of the catalogue", () => {
  const shown = new Set(cataloguedCheats().flatMap((cheat) => cheat.d_numbers));
  // D69 is about the checks themselves: this file.
  shown.add("D69");
  expect([...shown].sort()).toEqual(Object.keys(catalogue));
  const answered = Object.values(reasons).flatMap(({ cheats }): readonly string[] => cheats);
  expect(answered.filter((d_number) => !(d_number in catalogue))).toEqual([]);
});

test("fixtures say why they exist, and name reasons that validate_kernel gives", () => {
  for (const { file, honest, reasons: given, gpu_reasons, why, arguments: args } of fixtures) {
    expect(why.length, file).toBeGreaterThan(10);
    expect(given.length > 0, file).toBe(!honest);
    const known: readonly string[] = reasonCodes satisfies readonly ReasonCode[];
    expect(known, file).toEqual(expect.arrayContaining([...given, ...(gpu_reasons ?? [])]));
    expect(args.signature, file).toBeDefined();
  }
});

test("every number of the catalogue that has fixtures has an honest twin, and twins have a cheat beside them", () => {
  const cheats = fixtures.filter(({ honest }) => !honest);
  const twins = fixtures.filter(({ file }) => file.includes(".honest."));
  const numbersOf = (list: typeof fixtures) => new Set(list.flatMap((one) => one.d_numbers));
  const withTwin = numbersOf(twins);
  // A fallback that is none: the twins of D37.
  withTwin.add("D36");
  const lacking = [...numbersOf(cheats)].filter((d_number) => !withTwin.has(d_number));
  expect(lacking).toEqual([]);
  const names = new Set(cheats.map(({ file }) => pairName(file)));
  expect(twins.map(({ file }) => pairName(file)).filter((name) => !names.has(name))).toEqual([]);
});

test("the honest set is large enough to show false rejections", () => {
  expect(fixtures.filter(({ honest }) => honest).length).toBeGreaterThanOrEqual(25);
});

test.skipIf(!compiler)("a validation of empty inputs alone is not a pass", async () => {
  const kernel = "d04-weight-ignored.cu";
  copyFileSync(path.join(cheatsFolder, kernel), path.join(workspace, kernel));
  const result = await runTool(validateKernel, workspace, {
    kernel,
    signature: "rmsnorm<T>(out, x, weight, rows, hidden_size, eps, stream)",
    dtypes: ["bfloat16"],
    shapes: ["0x128"],
    effort: "quick",
  });
  expect(result.verdict).not.toBe("passed");
});
