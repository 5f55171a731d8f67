import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, expect, test } from "vitest";
import { judgePtx } from "../../tools/worker/judge-code.ts";
import { compilerOrSkip, makeWorkspace } from "../helpers/run-tool.ts";

const compiler = await compilerOrSkip("compiling the judge's device code");
const home = process.env.XDG_CACHE_HOME;
const { workspace, remove } = makeWorkspace("judge-code");

afterEach(() => {
  if (home === undefined) delete process.env.XDG_CACHE_HOME;
  else process.env.XDG_CACHE_HOME = home;
  remove();
});

test.runIf(compiler)(
  "is compiled once, by whoever comes first, and again where it was damaged",
  async () => {
    if (!compiler) return;
    process.env.XDG_CACHE_HOME = workspace;
    const [file, other] = await Promise.all([judgePtx(compiler), judgePtx(compiler)]);
    expect(other).toBe(file);
    const text = readFileSync(file, "utf8");
    expect(text).toContain(".target sm_75");
    expect(readdirSync(path.dirname(file))).toEqual([path.basename(file)]);

    const began = performance.now();
    expect(await judgePtx(compiler)).toBe(file);
    expect(performance.now() - began).toBeLessThan(1000);

    writeFileSync(file, text.slice(0, -100));
    expect(await judgePtx(compiler)).toBe(file);
    expect(readFileSync(file, "utf8")).toBe(text);
  },
);

test.runIf(compiler)("has no multiply-add and nothing approximate in its float64", async () => {
  if (!compiler) return;
  const text = readFileSync(await judgePtx(compiler), "utf8");
  expect(text.match(/^\s+(?:@\S+ )?(?:fma|mad)\.\S*f(?:32|64)/mu)).toBeNull();
  expect(text.match(/\.approx|\.ftz|\.full/u)).toBeNull();
  expect(text).toContain("sqrt.rn.f64");
});
