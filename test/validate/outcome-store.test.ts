import { appendFileSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { CaseOutcome } from "../../tools/validate/outcome.ts";
import { OutcomeStore } from "../../tools/validate/outcome-store.ts";
import type { WorkItem } from "../../tools/validate/work.ts";
import { makeWorkspace } from "../helpers/run-tool.ts";
import { kernelCase, measuredOutcome } from "./cases.ts";

function records(): string {
  const { workspace, remove } = makeWorkspace("outcomes");
  onTestFinished(remove);
  return workspace;
}

const one: WorkItem = { one: kernelCase(), check: "values" };
const aged = new Set<string>();
const outcome = measuredOutcome({ max_ulp: 0.5 });

/** The one file of outcomes. */
function fileOf(folder: string): string {
  const [name] = readdirSync(path.join(folder, "outcomes"));
  return path.join(folder, "outcomes", name as string);
}

test("what was added is found by the next run, for that subject and that item only", () => {
  const folder = records();
  new OutcomeStore(folder, ["build", "T4"]).add(one, outcome);
  expect(new OutcomeStore(folder, ["build", "T4"]).find(one)).toEqual(outcome);
  expect(
    new OutcomeStore(folder, ["build", "T4"]).find({ ...one, check: "calls" }),
  ).toBeUndefined();
  expect(new OutcomeStore(folder, ["build", "H100"]).find(one)).toBeUndefined();
});

test("NaN, infinities and -0 come back as they were", () => {
  const folder = records();
  const bad = {
    row: 0,
    column: 1,
    expected: -0,
    got: Number.NaN,
    ulp: Infinity,
    not_written: false,
  };
  const odd = measuredOutcome({
    max_ulp: Infinity,
    first_bad: bad,
    worst: { ...bad, got: -Infinity },
  });
  new OutcomeStore(folder, "a").add(one, odd);
  const found = new OutcomeStore(folder, "a").find(one);
  expect(found).toEqual(odd);
  const first = found?.state === "measured" ? found.measurement.first_bad : undefined;
  expect(Object.is(first?.expected, -0)).toBe(true);
});

test("a torn line is passed over, and what is appended after it is not lost", () => {
  const folder = records();
  new OutcomeStore(folder, "a").add(one, outcome);
  const file = fileOf(folder);
  const text = readFileSync(file, "utf8");
  writeFileSync(file, text.slice(0, -20));
  const torn = new OutcomeStore(folder, "a");
  expect(torn.find(one)).toBeUndefined();
  torn.add(one, outcome);
  expect(new OutcomeStore(folder, "a").find(one)).toEqual(outcome);
});

test("a second line for a case does not replace the first", () => {
  const folder = records();
  new OutcomeStore(folder, "a").add(one, measuredOutcome({ bad_count: 3 }));
  const line = readFileSync(fileOf(folder), "utf8");
  appendFileSync(fileOf(folder), line.replace('"bad_count":3', '"bad_count":0'));
  expect(new OutcomeStore(folder, "a").find(one)).toMatchObject({ measurement: { bad_count: 3 } });
});

test("what could not be recorded or executed is tried again", () => {
  const folder = records();
  const store = new OutcomeStore(folder, "a");
  store.add(one, { state: "not_executed", message: "unsupported" });
  store.add(one, {
    state: "not_recorded",
    code: "timed_out",
    message: "",
    hint: "",
  } as CaseOutcome);
  expect(new OutcomeStore(folder, "a").find(one)).toBeUndefined();
});

test("only the outcomes of the builds used last are kept", () => {
  const folder = records();
  for (let build = 0; build < 260; build += 1) {
    new OutcomeStore(folder, build).add(one, outcome);
    // One second apart: the clock of a file system may be coarse.
    for (const name of readdirSync(path.join(folder, "outcomes"))) {
      const file = path.join(folder, "outcomes", name);
      if (readFileSync(file, "utf8") !== "" && !aged.has(file)) {
        utimesSync(file, build, build);
        aged.add(file);
      }
    }
  }
  expect(readdirSync(path.join(folder, "outcomes")).length).toBe(256);
  expect(new OutcomeStore(folder, 259).find(one)).toBeDefined();
  expect(new OutcomeStore(folder, 0).find(one)).toBeUndefined();
});
