import { expect, test } from "vitest";
import { reasons } from "../../tools/validate/reasons.ts";
import { applied, controls, mutants } from "./mutants.ts";

const edits = [...mutants, ...controls];

test.each(edits)("$name applies exactly once to today's template", (edit) => {
  expect(applied(edit)).not.toContain(edit.find);
});

test("names are unique, and each mutant's reasons are ones that validate_kernel gives", () => {
  expect(new Set(edits.map((edit) => edit.name)).size).toBe(edits.length);
  const known = Object.keys(reasons);
  for (const mutant of mutants) expect(known).toEqual(expect.arrayContaining([...mutant.reasons]));
});
