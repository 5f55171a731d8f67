import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { createKernel } from "../../tools/create/tool.ts";
import { models, normCount } from "../../tools/kernel/models.ts";
import { readProject } from "../../tools/kernel/project.ts";
import { packageData } from "../../tools/paths.ts";
import type { ToolContext } from "../../tools/tool.ts";
import { compileDevice, testWithNvcc } from "../kernels/nvcc.ts";
import { everythingIn, freshContext } from "./workspace.ts";

async function create(args: Record<string, unknown>, context: ToolContext) {
  const result = await createKernel.run(createKernel.input.parse(args), context);
  return createKernel.output.parse(result);
}

test("a project can be read back, and says what to call next", async () => {
  const context = freshContext();
  const result = await create({ name: "my-norm" }, context);
  expect(result.kernel).toBe("kernels/my-norm");
  expect(result.next[0]).toMatchObject({
    tool: "validate_kernel",
    arguments: JSON.stringify({ kernel: "kernels/my-norm" }),
  });
  const project = readProject(path.join(context.workspace, result.kernel));
  expect(project).toMatchObject({ name: "my-norm", package: "my_norm", operator: "rmsnorm" });
  expect(everythingIn(project.folder)).toEqual(expect.arrayContaining([...result.files]));
  expect(readFileSync(path.join(project.folder, ".gitignore"), "utf8")).toContain("build/");
});

test("only names and numbers differ from the template", async () => {
  const context = freshContext();
  const { kernel, files } = await create(
    { name: "other-norm", dtypes: ["bfloat16"], archs: ["sm_90"], model: "ltx-video" },
    context,
  );
  for (const file of files.filter((name) => name !== "kernel.yaml")) {
    const own = file
      .replace("other_norm", "rmsnorm_kernel")
      .replace(".gitignore", "gitignore")
      .replace("rmsnorm_cuda/common/", "../common/");
    const before = readFileSync(path.join(packageData("cuda-templates", "rmsnorm"), own), "utf8");
    const after = readFileSync(path.join(context.workspace, kernel, file), "utf8");
    const neutral = (text: string) =>
      text
        .replaceAll(/other([-_])norm/gu, "rmsnorm$1kernel")
        .replaceAll(/^(?<what>#define SUPPORT_\w+) \d$/gmu, "$<what>")
        .replaceAll(/^ {4}\(\d+, \d+\),\n/gmu, "");
    expect(neutral(after), file).toBe(neutral(before));
  }
});

test("nothing of the template's own name is left", async () => {
  const context = freshContext();
  const { kernel, files } = await create({ name: "abc" }, context);
  for (const file of files) {
    const text = readFileSync(path.join(context.workspace, kernel, file), "utf8");
    expect(`${file}\n${text}`).not.toMatch(/rmsnorm[-_]kernel/u);
  }
});

test.each(models)("$name: the sites hold all of its norms", async (model) => {
  const context = freshContext();
  const result = await create({ model: model.name }, context);
  const { sites } = readProject(path.join(context.workspace, result.kernel));
  expect(sites.reduce((sum, site) => sum + (site.count ?? 0), 0)).toBe(normCount(model));
  expect(model.source).toContain(`${normCount(model)} norms`);
  expect(result.summary).toContain(`${normCount(model)} norms of ${model.name}`);
});

test("Qwen3-8B has 145 norms, 72 of them per head", () => {
  const qwen = models.find((model) => model.name === "qwen3-8b");
  expect(qwen && normCount(qwen)).toBe(145);
  expect(qwen?.sites.filter((site) => site.hidden_size === 128)).toMatchObject([
    { count: 36, rows_per_token: 32 },
    { count: 36, rows_per_token: 8 },
  ]);
});

test("dtypes that are left out are neither promised nor compiled", async () => {
  const context = freshContext();
  const { kernel } = await create({ name: "half", dtypes: ["float16", "float16"] }, context);
  const project = readProject(path.join(context.workspace, kernel));
  expect(project.supports.dtypes).toEqual(["float16"]);
  const supports = readFileSync(path.join(project.folder, "rmsnorm_cuda", "supports.cuh"), "utf8");
  expect(supports.match(/SUPPORT_\w+ \d/gu)).toEqual([
    "SUPPORT_BFLOAT16 0",
    "SUPPORT_FLOAT16 1",
    "SUPPORT_FLOAT32 0",
  ]);
});

test("an existing folder is never overwritten", async () => {
  const context = freshContext();
  const { kernel } = await create({ name: "mine" }, context);
  const file = path.join(context.workspace, kernel, "kernel.yaml");
  writeFileSync(file, "edited");
  await expect(create({ name: "mine" }, context)).rejects.toMatchObject({ code: "already_exists" });
  expect(readFileSync(file, "utf8")).toBe("edited");
});

test("of two at once, one creates the whole project and the other is told that it exists", async () => {
  const context = freshContext();
  const both = await Promise.allSettled([
    create({ name: "race" }, context),
    create({ name: "race" }, context),
  ]);
  expect(both.map((one) => one.status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(both.find((one) => one.status === "rejected")).toMatchObject({
    reason: { code: "already_exists" },
  });
  expect(everythingIn(path.join(context.workspace, "kernels"))[0]).toBe("race");
});

test("a cancelled creation leaves nothing, not even the folder above", async () => {
  const controller = new AbortController();
  const context = freshContext(controller.signal);
  const creation = create({ name: "gone" }, context);
  controller.abort();
  await expect(creation).rejects.toMatchObject({ code: "cancelled" });
  expect(everythingIn(context.workspace)).toEqual([]);
});

test("what a killed process left behind goes away with the next creation, and only that", async () => {
  const context = freshContext();
  const kernels = path.join(context.workspace, "kernels");
  mkdirSync(path.join(kernels, ".kernelwright-creating-999999999-abc"), { recursive: true });
  mkdirSync(path.join(kernels, `.kernelwright-creating-${process.pid}-abc`));
  await create({ name: "next" }, context);
  expect(everythingIn(kernels).filter((name) => !name.startsWith("next"))).toEqual([
    `.kernelwright-creating-${process.pid}-abc`,
  ]);
});

test("a parent that is a file is an error without leftovers", async () => {
  const context = freshContext();
  writeFileSync(path.join(context.workspace, "kernels"), "a file");
  await expect(create({ name: "below" }, context)).rejects.toMatchObject({
    code: "invalid_argument",
    message: expect.stringContaining("Nothing was left behind"),
  });
  expect(everythingIn(context.workspace)).toEqual(["kernels"]);
});

test.each(["../outside", "link/inside"])(
  "%s, outside of the workspace, is refused",
  async (folder) => {
    const context = freshContext();
    const outside = freshContext().workspace;
    symlinkSync(outside, path.join(context.workspace, "link"));
    await expect(create({ name: "ab", folder }, context)).rejects.toMatchObject({
      code: "path_outside_workspace",
    });
    expect(everythingIn(outside)).toEqual([]);
    expect(existsSync(path.join(tmpdir(), "outside"))).toBe(false);
  },
);

test("an unknown model is refused with the known ones", async () => {
  await expect(create({ model: "qwen-9" }, freshContext())).rejects.toMatchObject({
    code: "invalid_argument",
    hint: expect.stringContaining("qwen3-8b, qwen3-30b-a3b, llama-3.1-8b"),
  });
});

test("unknown arguments are refused by name", () => {
  expect(() => createKernel.input.parse({ nam: "x" })).toThrow(/nam/u);
});

test("a result is small, and reads as a table", async () => {
  const result = await create({ model: "gemma-3-4b" }, freshContext());
  expect(JSON.stringify(result).length).toBeLessThan(4000);
  expect(createKernel.render(result)).toMatch(/^q_norm +34 +256 +1e-6 +single +same \+ 1$/mu);
});

testWithNvcc("what is written compiles as it is, without any include folder", async () => {
  const context = freshContext();
  const { kernel } = await create({ name: "built", dtypes: ["bfloat16"] }, context);
  const project = readProject(path.join(context.workspace, kernel));
  expect(project.include_folders).toEqual([path.dirname(project.main)]);
  await compileDevice(
    { ...project, include_folders: [] },
    "sm_90",
    path.join(context.workspace, "built.cubin"),
  );
});
