import { spawn } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { beforeEach, expect, test } from "vitest";
import {
  buildFiles,
  buildFolder,
  cleanBuilds,
  findBuild,
  makeStagingFolder,
  storeBuild,
} from "../../tools/build/cache.ts";
import { userCache } from "../../tools/paths.ts";
import { temporaryFolder } from "./compiler.ts";

temporaryFolder();
beforeEach(() => rmSync(userCache("builds"), { recursive: true, force: true }));

async function staged(text: string): Promise<string> {
  const folder = await makeStagingFolder();
  for (const name of buildFiles) writeFileSync(path.join(folder, name), `${name} ${text}`);
  return folder;
}

async function store(id: string, text = id): Promise<unknown> {
  return storeBuild(await staged(text), id, `key of ${id}`, { said: text });
}

const find = (id: string) => findBuild(id, `key of ${id}`);

/** As if the build had been made and used that long ago by a process that has gone. */
function age(id: string, minutes: number): void {
  const folder = buildFolder(id);
  for (const name of readdirSync(folder)) {
    if (name.startsWith(".lease-")) rmSync(path.join(folder, name));
  }
  const then = new Date(Date.now() - minutes * 60_000);
  utimesSync(path.join(folder, "build.json"), then, then);
}

test("what was stored is found by id and key, and by no other key", async () => {
  await store("sm_90-a");
  expect(await find("sm_90-a")).toEqual({ said: "sm_90-a" });
  expect(await find("sm_90-b")).toBeUndefined();
  expect(await findBuild("sm_90-a", "another key")).toBeUndefined();
});

test.each(buildFiles)("a build whose %s was damaged is removed, not handed out", async (name) => {
  await store("sm_90-a");
  writeFileSync(path.join(buildFolder("sm_90-a"), name), "damaged");
  expect(await find("sm_90-a")).toBeUndefined();
  expect(existsSync(buildFolder("sm_90-a"))).toBe(false);
});

test.each(["kernel.ptx", "build.json"])("so is one that lacks %s", async (name) => {
  await store("sm_90-a");
  rmSync(path.join(buildFolder("sm_90-a"), name));
  expect(await find("sm_90-a")).toBeUndefined();
});

test("of two builders at once both get the build that stands, and nothing is left over", async () => {
  const [first, second] = await Promise.all([store("sm_90-a", "one"), store("sm_90-a", "two")]);
  expect(first).toEqual(second);
  expect(await find("sm_90-a")).toEqual(first);
  expect(readdirSync(userCache("builds"))).toEqual(["sm_90-a"]);
});

test("a damaged build is replaced by a sound one that is stored at its place", async () => {
  await store("sm_90-a", "old");
  writeFileSync(path.join(buildFolder("sm_90-a"), "library.so"), "damaged");
  expect(await store("sm_90-a", "new")).toEqual({ said: "new" });
  expect(await find("sm_90-a")).toEqual({ said: "new" });
});

test("past the limit the builds used longest ago go first", async () => {
  for (const id of ["sm_90-a", "sm_90-b", "sm_90-c"]) await store(id);
  age("sm_90-a", 10);
  age("sm_90-b", 30);
  age("sm_90-c", 20);
  const limit = 2 * (await cleanBuilds(1e9)).kept_bytes * (1 / 3) + 10;
  expect(await cleanBuilds(limit)).toMatchObject({ removed_builds: 1, kept_builds: 2 });
  expect(readdirSync(userCache("builds")).sort()).toEqual(["sm_90-a", "sm_90-c"]);
});

test("a build that a living process was given stays, even when everything is to go", async () => {
  await store("sm_90-mine");
  await store("sm_90-old");
  age("sm_90-old", 1);
  expect(await cleanBuilds()).toMatchObject({ removed_builds: 1, kept_builds: 1 });
  expect(await find("sm_90-mine")).toEqual({ said: "sm_90-mine" });
});

test("the lease of a process that has ended holds nothing", async () => {
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => child.once("exit", resolve));
  await store("sm_90-a");
  age("sm_90-a", 1);
  writeFileSync(path.join(buildFolder("sm_90-a"), `.lease-${child.pid}`), "");
  expect(await cleanBuilds()).toMatchObject({ removed_builds: 1, kept_builds: 0 });
});

test("a folder of builds that cannot be written is said, with what to set", async () => {
  mkdirSync(path.dirname(userCache("builds")), { recursive: true });
  writeFileSync(userCache("builds"), "a file in its place");
  await expect(makeStagingFolder()).rejects.toMatchObject({
    code: "prerequisite_missing",
    hint: expect.stringContaining("XDG_CACHE_HOME"),
  });
});

test("leftovers of a builder that was killed are removed, those of a living one are not", async () => {
  const mine = await staged("in progress");
  const child = spawn(process.execPath, ["-e", ""]);
  await new Promise((resolve) => child.once("exit", resolve));
  const theirs = mine.replace(`.new-${process.pid}-`, `.new-${child.pid}-`);
  const another = await staged("killed");
  renameSync(another, theirs);
  await cleanBuilds();
  expect(existsSync(mine)).toBe(true);
  expect(existsSync(theirs)).toBe(false);
});
