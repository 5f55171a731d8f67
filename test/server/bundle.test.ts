// The program as it is shipped: one file and its data, in a folder far from the repository.
import { spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import path from "node:path";
import { beforeAll, expect, test } from "vitest";
import { bundle } from "../../tools/bootstrap/bundle.mjs";
import { connect, fromSources, root, scratchFolder, startRaw } from "./fixtures/connect.ts";

let program: string;

beforeAll(async () => {
  const folder = scratchFolder();
  await bundle({ folder: path.join(folder, "built") });
  // Moved: nothing may remember where it was built.
  cpSync(path.join(folder, "built"), path.join(folder, "moved"), { recursive: true });
  program = path.join(folder, "moved", "kernelwright.mjs");
});

test("the bundle answers initialize soon and lists the tools as the sources do", async () => {
  const started = Date.now();
  const server = startRaw([process.execPath, program, "mcp"]);
  await server.answer(1000);
  // The aim of 200 ms is held by the bench on a quiet machine; here others run beside us.
  expect(Date.now() - started).toBeLessThan(1500);
  const bundled = await connect([process.execPath, program, "mcp"]);
  const sources = await connect([...fromSources, "mcp"]);
  const list = await bundled.client.listTools();
  expect(list).toEqual(await sources.client.listTools());
  expect(list.tools.length).toBe(5);
});

test("the bundle creates a project from the templates beside it", () => {
  const cwd = scratchFolder();
  const { status, stderr } = spawnSync(
    process.execPath,
    [program, "create", "my-rmsnorm", "--archs", "sm_90", "--json"],
    { cwd, encoding: "utf8", env: { ...process.env, KERNELWRIGHT_WORKSPACE: cwd } },
  );
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(existsSync(path.join(cwd, "kernels", "my-rmsnorm", "kernel.yaml"))).toBe(true);
});

test("npm pack ships the program with its data, and no sources or tests", () => {
  const { stdout } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    cwd: root,
    encoding: "utf8",
  });
  const [packed] = JSON.parse(stdout) as { files: { path: string }[] }[];
  const files = packed?.files.map((file) => file.path) ?? [];
  expect(files).toContain("package.json");
  for (const file of files) expect(file).not.toMatch(/^(test|server|tools|node_modules|demo)\//u);
  if (existsSync(path.join(root, "dist"))) expect(files).toContain("dist/kernelwright.mjs");
});
