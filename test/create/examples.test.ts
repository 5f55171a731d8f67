import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { createKernel } from "../../tools/create/tool.ts";
import { packageData } from "../../tools/paths.ts";
import { examples } from "./examples.ts";
import { everythingIn, freshContext } from "./workspace.ts";

/** What building and running leave behind, and .gitignore keeps out. */
const leftBehind = /(?:^|\/)(?:\.kernelwright|build|__pycache__)(?:\/|$)/u;

test.each(examples)(
  "$folder is what create_kernel writes today (update: vitest -u)",
  async (example) => {
    const context = freshContext();
    const { files } = await createKernel.run(createKernel.input.parse(example.arguments), context);
    for (const file of files) {
      const written = readFileSync(
        path.join(context.workspace, example.arguments.folder, file),
        "utf8",
      );
      await expect(written).toMatchFileSnapshot(packageData(example.arguments.folder, file));
    }
    const committed = everythingIn(packageData(example.arguments.folder)).filter(
      (name) => !leftBehind.test(name),
    );
    expect(committed.filter((name) => name.includes(".") || name === "LICENSE").sort()).toEqual(
      [...files].sort(),
    );
  },
);

test.each(examples)("$folder has a README with the very calls", ({ folder, arguments: args }) => {
  const readme = readFileSync(packageData(folder, "README.md"), "utf8");
  const command = `kernelwright create ${args.name} --model ${args.model}`;
  expect(readme).toContain(command);
  expect(readme).toContain(`--dtypes ${args.dtypes.join(",")}`);
  const project = args.folder.split("/").at(-1) ?? "";
  expect(readme).toContain(`kernelwright validate ${project}`);
  expect(existsSync(packageData(args.folder, "kernel.yaml"))).toBe(true);
});
