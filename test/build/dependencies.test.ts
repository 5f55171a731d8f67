import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { unhashedDependencies } from "../../tools/build/dependencies.ts";

const root = realpathSync(mkdtempSync(path.join(tmpdir(), "kernelwright-dependencies-")));
afterAll(() => rmSync(root, { recursive: true }));

const source = { main: path.join(root, "main.cu"), include_folders: [], defines: {}, root };
const sources = { files: [{ path: source.main, sha256: "" }], sha256: "" };

async function unhashed(markers: string): Promise<string[]> {
  writeFileSync(path.join(root, "main.cpp1.ii"), markers);
  return unhashedDependencies(root, source, sources, { root: path.join(root, "cuda") });
}

test("a header that the compiler read and the key does not cover is named", async () => {
  writeFileSync(source.main, "");
  writeFileSync(path.join(root, "by_macro.cuh"), "");
  expect(await unhashed('# 1 "main.cu"\n# 1 "./by_macro.cuh" 1\n')).toEqual([
    path.join(root, "by_macro.cuh"),
  ]);
});

test("a name that only a #line directive made up is no dependency: the build stays cached", async () => {
  writeFileSync(source.main, "");
  expect(await unhashed('# 1 "main.cu"\n# 1 "signature"\n')).toEqual([]);
});
