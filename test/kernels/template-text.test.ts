import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { readProject } from "../../tools/kernel/project.ts";
import { packageData } from "../../tools/paths.ts";

const template = readProject(packageData("cuda-templates", "rmsnorm"));
const read = (file: string) => readFileSync(file, "utf8");
const allSources = template.sources.map(read).join("\n");

test("every tunable launch parameter is a macro of the sources, and its default is among the values", () => {
  for (const [name, values] of Object.entries(template.tune)) {
    const macro = `TUNE_${name.toUpperCase()}`;
    const value = new RegExp(`#define ${macro} (?<value>\\d+)`, "u").exec(allSources)?.groups
      ?.value;
    expect(values, macro).toContain(Number(value));
  }
});

test("kernel.yaml and supports.cuh agree on the dtypes", () => {
  const supported = [...allSources.matchAll(/#define SUPPORT_(?<dtype>\w+) 1/gu)];
  expect(supported.map((match) => match.groups?.dtype?.toLowerCase())).toEqual(
    template.supports.dtypes,
  );
});

test("build.toml lists every header that the sources include, and no other", () => {
  const own = path.dirname(template.main);
  const lying = readdirSync(own).filter((name) => name.endsWith(".cuh"));
  const common = readdirSync(packageData("cuda-templates", "common"));
  const listed = template.sources.slice(1).map((source) => path.basename(source));
  expect([...listed].sort()).toEqual([...lying, ...common].sort());
  for (const [, header] of allSources.matchAll(/#include "(?:common\/)?([^"]+)"/gu)) {
    expect(listed).toContain(header);
  }
});

test("every kernel says its work split, traffic, numerics and requirements", () => {
  const kernels = template.sources.filter((source) => read(source).includes("__global__"));
  expect(kernels).toHaveLength(5);
  for (const kernel of kernels) {
    for (const heading of ["Work split", "Traffic", "Numerics", "Requires"]) {
      expect(read(kernel), path.basename(kernel)).toContain(`// ${heading}  `);
    }
  }
});

test("offsets are 64-bit: no row or stride is held in an int", () => {
  expect(allSources).not.toMatch(
    /\b(?:int|int32_t|unsigned|uint32_t)\s+(?:row|rows|offset|\w*stride)\b/u,
  );
});
