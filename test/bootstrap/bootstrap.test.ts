import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";
import { countPytest, countVitest } from "../../tools/bootstrap/count.mjs";
import { dependenciesAreStale } from "../../tools/bootstrap/steps.mjs";

const base = mkdtempSync(path.join(tmpdir(), "kernelwright-npm-"));
afterAll(() => rmSync(base, { recursive: true, force: true }));

/** A folder with a lock file and npm's own record of what it installed. */
function installation(wanted: object, installed?: object): string {
  const folder = mkdtempSync(path.join(base, "clone-"));
  writeFileSync(path.join(folder, "package-lock.json"), JSON.stringify({ packages: wanted }));
  if (installed) {
    mkdirSync(path.join(folder, "node_modules"));
    const record = path.join(folder, "node_modules", ".package-lock.json");
    writeFileSync(record, JSON.stringify({ packages: installed }));
  }
  return folder;
}

const zod = { "node_modules/zod": { version: "4.6.7", integrity: "sha512-a" } };

test("dependencies are stale without npm's record: an interrupted npm ci leaves none", () => {
  expect(dependenciesAreStale(installation({ "": {}, ...zod }))).toBe(true);
});

test("dependencies are up to date when the record says what the lock file says", () => {
  expect(dependenciesAreStale(installation({ "": {}, ...zod }, zod))).toBe(false);
});

test.each([
  ["another version", { "node_modules/zod": { version: "4.6.8", integrity: "sha512-a" } }],
  ["other content", { "node_modules/zod": { version: "4.6.7", integrity: "sha512-b" } }],
  ["a package less", {}],
])("dependencies are stale with %s", (_, installed) => {
  expect(dependenciesAreStale(installation({ "": {}, ...zod }, installed))).toBe(true);
});

test("a package for another platform may be absent", () => {
  const wanted = { ...zod, "node_modules/@esbuild/win32-x64": { version: "1", optional: true } };
  expect(dependenciesAreStale(installation(wanted, zod))).toBe(false);
});

const report = { numPassedTests: 5, numFailedTests: 1, numPendingTests: 2, numTodoTests: 1 };

test("vitest's report is counted, and a file that could not be loaded is a failure", () => {
  const failed = { status: "failed", assertionResults: [{ status: "failed" }] };
  const broken = { status: "failed", assertionResults: [] };
  const passed = { status: "passed", assertionResults: [{ status: "passed" }] };
  expect(countVitest({ ...report, testResults: [failed, passed] })).toEqual([5, 1, 3]);
  expect(countVitest({ ...report, testResults: [failed, broken] })).toEqual([5, 2, 3]);
});

test.each([
  ["....\n31 passed in 0.40s", [31, 0, 0]],
  ["FAILED a.py\n2 failed, 31 passed, 1 skipped, 1 error in 0.40s", [31, 3, 1]],
  ["bash: pytest: command not found", [0, 1, 0]],
])("pytest's last line %j is counted", (text, counts) => {
  expect(countPytest(text)).toEqual(counts);
});
