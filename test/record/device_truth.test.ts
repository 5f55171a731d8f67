import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "vitest";
import { requireDevice } from "../../tools/gpu/devices.ts";
import { Recorder } from "../../tools/record/recorder.ts";
import { buildFolder, compileLibrary, compilerOrReason } from "./library.ts";

const compiler = await compilerOrReason();
const build = buildFolder();
afterAll(build.remove);

const fixture = fileURLToPath(
  new URL("../fixtures/record/device_truth.h200.txt.gz", import.meta.url),
);

interface Truth {
  answers: Map<string, number>[];
  /** Code, name and words of each error. */
  errors: string[];
}

/** sources/device_truth.cu on an H200, driver 580.159, static CUDA 13.0 runtime, 2026-11-22. */
async function measured(): Promise<Truth> {
  return readTruth(gunzipSync(await readFile(fixture)).toString("utf8"));
}

function readTruth(text: string): Truth {
  const [lines = "", errors = ""] = text.split("--- errors\n");
  return { answers: readAnswers(lines), errors: errors.trim().split("\n") };
}

/** A question may be asked again later: each time is an entry of its own. */
function readAnswers(text: string): Map<string, number>[] {
  const rounds: Map<string, number>[] = [];
  for (const line of text.trim().split("\n")) {
    const [question = "", answer] = line.split(" = ");
    let round = rounds.find((known) => !known.has(question));
    if (!round) {
      round = new Map();
      rounds.push(round);
    }
    round.set(question, Number(answer));
  }
  return rounds;
}

/** What no limit decides: the driver's memory bus width of the H200 is 6016, datasheets say 6144. */
const ofThisOneChip = /^(device attribute 37|property memoryBusWidth|device attribute (13|32))$/u;
/** Clusters per device depend on how a chip's multiprocessors are spread: an estimate, see function.c. */
const estimated = /^clusters .* size (\d+) /u;

describe.skipIf(typeof compiler === "string")("the stand-in answers as an H200", () => {
  test("5,000 questions about limits, functions, occupancy, launches and errors have the H200's answers", async () => {
    if (typeof compiler === "string") return;
    const built = await compileLibrary(compiler, build.folder, "device_truth.cu");
    const { signal } = new AbortController();
    const recorder = await Recorder.start({
      ...{
        ...built,
        entry: "device_truth",
        device: requireDevice("H200"),
        signal,
        timeoutMs: 20_000,
      },
    });
    const call = await recorder.call(Buffer.alloc(8));
    await recorder.close();
    const upload = call.operations.findLast((operation) => operation.kind === "upload");
    const answered = readTruth(Buffer.from(upload?.data ?? []).toString("utf8"));
    const { answers, errors } = await measured();
    const wrong: string[] = [];
    let compared = 0;
    for (const [round, asked] of answered.answers.entries()) {
      for (const [question, answer] of asked) {
        const truth = answers[round]?.get(question);
        if (ofThisOneChip.test(question)) continue;
        compared += 1;
        if (truth === undefined || !agrees(question, answer, truth)) {
          wrong.push(`${question}: ${answer}, the H200 says ${truth}`);
        }
      }
    }
    expect(wrong.slice(0, 40)).toEqual([]);
    expect(compared).toBeGreaterThan(5000);
    expect(answered.errors).toEqual(errors);
    expect(errors.length).toBeGreaterThan(120);
  }, 120_000);
});

function agrees(question: string, answer: number, truth: number): boolean {
  const size = Number(estimated.exec(question)?.[1]);
  if (!(size > 2) || truth <= 0) return answer === truth;
  const powerOfTwo = Number.isInteger(Math.log2(size));
  return Math.abs(answer - truth) <= (powerOfTwo ? Math.max(1, 0.04 * truth) : 0.3 * truth);
}
