import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import type { ArchBuild } from "../../tools/build/compile.ts";
import { changesSinceLastBuild } from "../../tools/build/history.ts";
import type { KernelResources } from "../../tools/build/resources.ts";
import { temporaryFolder } from "./compiler.ts";

const folder = temporaryFolder();
let projects = 0;
function newProject(): string {
  projects += 1;
  return path.join(folder, `project-${projects}`);
}

function built(build_id: string, registers: Record<string, number>, arch = "sm_90"): ArchBuild {
  const kernels = Object.entries(registers).map(
    ([name, registers_per_thread]) =>
      ({
        demangled: `void ${name}(float*)`,
        registers_per_thread,
        spill_store_bytes: 0,
        spill_load_bytes: 0,
        stack_frame_bytes: 0,
        static_shared_bytes: 0,
        instruction_count: 100,
      }) as KernelResources,
  );
  return { arch, build_id, kernels } as ArchBuild;
}

test("the first build of a project has no changes", async () => {
  expect(await changesSinceLastBuild(newProject(), [built("a", { norm: 40 })])).toEqual([]);
});

test("the next build says what is different, kernel by kernel", async () => {
  const project = newProject();
  await changesSinceLastBuild(project, [built("a", { "norm<256>": 40, gone: 8 })]);
  const changes = await changesSinceLastBuild(project, [built("b", { "norm<256>": 48, new: 8 })]);
  expect(changes).toEqual([
    { arch: "sm_90", kernel: "norm<256>", what: "registers", before: 40, after: 48 },
    { arch: "sm_90", kernel: "gone", what: "kernel", before: 1, after: 0 },
    { arch: "sm_90", kernel: "new", what: "kernel", before: 0, after: 1 },
  ]);
  expect(await changesSinceLastBuild(project, [built("b", { "norm<256>": 48, new: 8 })])).toEqual(
    [],
  );
});

test("an arch that is left out of a build is remembered for the next one that has it", async () => {
  const project = newProject();
  await changesSinceLastBuild(project, [
    built("a", { norm: 40 }),
    built("b", { norm: 30 }, "sm_75"),
  ]);
  await changesSinceLastBuild(project, [built("c", { norm: 41 })]);
  const changes = await changesSinceLastBuild(project, [built("d", { norm: 31 }, "sm_75")]);
  expect(changes).toMatchObject([{ arch: "sm_75", before: 30, after: 31 }]);
});

test("a damaged record counts as none and is replaced", async () => {
  const project = newProject();
  await changesSinceLastBuild(project, [built("a", { norm: 40 })]);
  const file = path.join(project, ".kernelwright", "last-build.json");
  writeFileSync(file, readFileSync(file, "utf8").slice(0, 20));
  expect(await changesSinceLastBuild(project, [built("b", { norm: 41 })])).toEqual([]);
  expect(await changesSinceLastBuild(project, [built("c", { norm: 42 })])).toHaveLength(1);
});
