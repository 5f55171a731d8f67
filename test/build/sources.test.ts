import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { type BuildSource, readSources } from "../../tools/build/sources.ts";

const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "kernelwright-sources-")));
const root = path.join(folder, "project");
afterAll(() => rmSync(folder, { recursive: true }));

const source: BuildSource = {
  main: path.join(root, "src", "main.cu"),
  include_folders: [path.join(root, "first"), path.join(root, "second")],
  defines: {},
  root,
};

function write(name: string, text: string): void {
  const file = path.join(root, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

beforeEach(() => {
  rmSync(root, { recursive: true, force: true });
  write(
    "src/main.cu",
    '#include <cuda_runtime.h>\n#include "own.cuh"\n  #  include <shared/deep.cuh>\n',
  );
  write("src/own.cuh", '#if 0\n#include "never.cuh"\n#endif\n#include "../outside.h"\n');
  write("second/shared/deep.cuh", "int x;\n");
  write("outside.h", "int y;\n");
});

const shown = async () =>
  (await readSources(source)).files.map((file) => path.relative(root, file.path));

test("a source and all headers that it includes are found, through folders and ..", async () => {
  expect(await shown()).toEqual([
    "outside.h",
    "second/shared/deep.cuh",
    "src/main.cu",
    "src/own.cuh",
  ]);
});

test("files that nothing includes change nothing", async () => {
  const before = (await readSources(source)).sha256;
  write("src/unused.cuh", "int z;\n");
  write("second/other.cuh", "int z;\n");
  expect((await readSources(source)).sha256).toBe(before);
});

test.each([
  ["an edited header", "second/shared/deep.cuh", "int x2;\n"],
  ["a header that shadows another", "first/shared/deep.cuh", "int x;\n"],
  ["a header that is behind the one in use", "first/own.cuh", "int x;\n"],
  ["a header under #if that appears", "src/never.cuh", "int never;\n"],
])("%s changes the sources", async (_what, name, text) => {
  const before = (await readSources(source)).sha256;
  write(name, text);
  expect((await readSources(source)).sha256).not.toBe(before);
});

test("includes split over lines, in __has_include and in a circle are followed", async () => {
  write("src/main.cu", '#\\\ninclude \\\n"own.cuh"\n#if __has_include("maybe.cuh")\n#endif\n');
  write("src/own.cuh", '#include "main.cu"\n');
  write("src/maybe.cuh", "");
  expect(await shown()).toEqual(["src/main.cu", "src/maybe.cuh", "src/own.cuh"]);
});

test("a source that is not there is refused with its path", async () => {
  const missing = { ...source, main: path.join(root, "src", "gone.cu") };
  await expect(readSources(missing)).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("gone.cu"),
  });
});

test.skipIf(process.platform === "win32")(
  "a pipe with the name of a header is not waited for",
  async () => {
    rmSync(path.join(root, "src", "own.cuh"));
    execFileSync("mkfifo", [path.join(root, "src", "own.cuh")]);
    expect(await shown()).not.toContain(path.join("src", "own.cuh"));
  },
  5000,
);

test.each(['a"b', "a\nb"])(
  "a path with %j in it, which no #include can name, is refused",
  async (name) => {
    const main = path.join(root, name, "main.cu");
    await expect(readSources({ ...source, main })).rejects.toMatchObject({
      code: "invalid_argument",
      hint: expect.stringContaining("Rename"),
    });
  },
);
