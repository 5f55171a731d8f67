import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readProject } from "../../tools/kernel/project.ts";
import { packageData } from "../../tools/paths.ts";

/** A copy of the templates with one edit in a file of rmsnorm; returns the project's folder. */
function editedTemplate(file: string, find: string | RegExp, replacement: string): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), "kernelwright-project-")));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  cpSync(packageData("cuda-templates"), folder, { recursive: true });
  const edited = path.join(folder, "rmsnorm", file);
  const text = readFileSync(edited, "utf8");
  const changed = text.replace(find, replacement);
  expect(changed).not.toBe(text);
  writeFileSync(edited, changed);
  return path.join(folder, "rmsnorm");
}

test("the template is a project: entry point, absolute paths, headers beside the templates", () => {
  const folder = packageData("cuda-templates", "rmsnorm");
  const project = readProject(folder);
  expect(project).toMatchObject({
    folder,
    name: "rmsnorm-kernel",
    operator: "rmsnorm",
    package: "rmsnorm_kernel",
    entry: "rmsnorm",
    main: path.join(folder, "rmsnorm_cuda", "rmsnorm.cu"),
    include_folders: [path.join(folder, "rmsnorm_cuda"), packageData("cuda-templates")],
    config_path: path.join(folder, "kernel.yaml"),
  });
  expect(project.sources).toContain(packageData("cuda-templates", "common", "vector.cuh"));
});

test.each([
  ["kernel.yaml", "hidden_size: 4096", "hidden_size: wide", 'sites[0].hidden_size is "wide"'],
  ["kernel.yaml", "hidden_size: 4096", "hidden_size: 0", "sites[0].hidden_size is 0"],
  ["kernel.yaml", "sm_90", "sm_70", 'archs[4] is "sm_70"'],
  ["kernel.yaml", "schema: 1", "schema: 2", "schema is 2"],
  ["kernel.yaml", "in_place: false", "inplace: false", "supports.in_place is missing"],
  ["kernel.yaml", "tune:", "tuning:", "tune is missing"],
  [
    "kernel.yaml",
    "rounding: [llama, single]",
    "rounding: [single]",
    'sites[0].rounding is "llama"',
  ],
  ["kernel.yaml", "operator: rmsnorm", "operator: softmax", 'operator is "softmax"'],
  ["build.toml", 'name = "rmsnorm-kernel"', 'name = "My_Kernel"', 'general.name is "My_Kernel"'],
  ["build.toml", "any_shape.cuh", "gone.cuh", "lists rmsnorm_cuda/gone.cuh, which does not exist"],
  ["build.toml", "rmsnorm_cuda/any_shape.cuh", "../../x.cuh", "lists ../../x.cuh"],
  ["build.toml", "any_shape.cuh", "second.cu", "as .cu files"],
])("%s with %j edited to %j is refused with file, field and value", (file, find, to, words) => {
  const folder = editedTemplate(file, find, to);
  expect(() => readProject(folder)).toThrow(
    expect.objectContaining({
      code: "project_invalid",
      message: expect.stringContaining(words),
      hint: expect.stringMatching(
        new RegExp(`^(?:Edit|Correct) .*${file.replace(".", "\\.")}`, "u"),
      ),
    }),
  );
});

test.each([
  ["build.toml", "version = 1", "version = "],
  ["kernel.yaml", "schema: 1", "schema: [1"],
])("%s that cannot be parsed is refused with the line", (file, find, to) => {
  const folder = editedTemplate(file, find, to);
  expect(() => readProject(folder)).toThrow(/cannot be parsed: .*line \d+/u);
});

test("a folder without kernel.yaml is no project, and a missing one is told how to create it", () => {
  expect(() => readProject(packageData("cuda-templates", "common"))).toThrow(
    expect.objectContaining({
      code: "project_invalid",
      message: expect.stringContaining("build.toml is missing"),
    }),
  );
  expect(() => readProject("/nowhere/my-norm")).toThrow(
    expect.objectContaining({
      code: "not_found",
      hint: expect.stringContaining('create_kernel with name: "my-norm"'),
    }),
  );
});

test.each([
  ["schema: 1", "schema: 1\nbackends: [cuda]", "backends is no field"],
  ["name: hidden", "name: hidden, width: 3", "sites[0].width is no field"],
])("an unknown field is named: %j edited to %j", (find, to, words) => {
  const folder = editedTemplate("kernel.yaml", find, to);
  expect(() => readProject(folder)).toThrow(words);
});

test.each(["kernel.yaml", "build.toml"])(
  "a folder in the place of %s is the user's to mend",
  (name) => {
    const folder = editedTemplate("kernel.yaml", "hidden_size: 4096", "hidden_size: 64");
    rmSync(path.join(folder, name));
    mkdirSync(path.join(folder, name));
    expect(() => readProject(folder)).toThrow(
      expect.objectContaining({
        code: "project_invalid",
        message: `${path.join(folder, name)} cannot be read: it is no regular file.`,
      }),
    );
  },
);

test.skipIf(process.platform === "win32")(
  "a pipe in the place of a source is refused, not waited for",
  () => {
    const folder = editedTemplate("kernel.yaml", "hidden_size: 4096", "hidden_size: 64");
    const source = path.join(folder, "rmsnorm_cuda", "rmsnorm.cu");
    rmSync(source);
    execFileSync("mkfifo", [source]);
    expect(() => readProject(folder)).toThrow(
      expect.objectContaining({
        code: "project_invalid",
        message: expect.stringContaining("which is no regular file"),
      }),
    );
  },
);

test("a file is no project: it is not proposed as the name of a new one", () => {
  const file = path.join(packageData("cuda-templates"), "rmsnorm", "rmsnorm_cuda", "rmsnorm.cu");
  expect(() => readProject(file)).toThrow(
    expect.objectContaining({
      code: "invalid_argument",
      hint: expect.stringContaining("validate_kernel"),
    }),
  );
});
