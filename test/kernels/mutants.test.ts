import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { type KernelProject, readProject } from "../../tools/kernel/project.ts";
import { reasons } from "../../tools/validate/reasons.ts";
import { applied, controls, mutants, writeMutant } from "./mutants.ts";
import { compileDevice, testWithNvcc } from "./nvcc.ts";

const edits = [...mutants, ...controls];

test.each(edits)("$name applies exactly once to today's template", (edit) => {
  expect(applied(edit)).not.toContain(edit.find);
});

test("names are unique, and each mutant's reasons are ones that validate_kernel gives", () => {
  expect(new Set(edits.map((edit) => edit.name)).size).toBe(edits.length);
  const known = Object.keys(reasons);
  for (const mutant of mutants) expect(known).toEqual(expect.arrayContaining([...mutant.reasons]));
});

testWithNvcc("every mutant and control still compiles", { timeout: 300_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "kernelwright-mutants-"));
  try {
    const waiting = [...edits];
    const compileNext = async (): Promise<void> => {
      const edit = waiting.shift();
      if (!edit) return;
      const project = readProject(writeMutant(edit, path.join(folder, edit.name)));
      compileOnly("BFLOAT16", project);
      await compileDevice(project, "sm_90", path.join(folder, `${edit.name}.ptx`), { ptx: true });
      return compileNext();
    };
    await Promise.all([compileNext(), compileNext()]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

/** One dtype is enough here, and three times faster: the edits are in code that all dtypes share. */
function compileOnly(dtype: string, project: KernelProject): void {
  const header = project.sources.find((source) => source.endsWith("/supports.cuh"));
  if (!header) throw new Error("the template has no supports.cuh");
  const text = readFileSync(header, "utf8");
  writeFileSync(
    header,
    text.replaceAll(
      /(?<=#define SUPPORT_)(\w+) 1/gu,
      (_, one) => `${one} ${one === dtype ? 1 : 0}`,
    ),
  );
}
