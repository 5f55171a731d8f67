import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import path from "node:path";
import { type CheatFixture, readFixtures } from "../cheats/fixtures.ts";
import type { CheatResults, CheatRow } from "../docs/cheat-table.ts";

/**
 * Judges every fixture of test/cheats through the command line, as a user would, on whatever this
 * machine has, and writes one result file for the table in the docs:
 *
 *   npm run build && npx tsx test/gpu/judge-cheats.ts test/cheats/results/interpreter.json
 *
 * On a GPU machine without node_modules: bundle this file first, then run the bundle there:
 *
 *   npx esbuild test/gpu/judge-cheats.ts --bundle --platform=node --format=esm --outfile=dist/judge-cheats.mjs
 *   node dist/judge-cheats.mjs $OUT/nvidia-h200.json
 *
 * Words after the file choose fixtures by name; KERNELWRIGHT_JUDGE_JOBS says how many run at once,
 * KERNELWRIGHT_JUDGE_PROGRAM where the bundle is.
 */
const [target = "cheats.json", ...wanted] = process.argv.slice(2);
const folder = path.resolve("test/cheats");
const program = path.resolve(process.env.KERNELWRIGHT_JUDGE_PROGRAM ?? "dist/kernelwright.mjs");
const timeoutMs = 120_000;
const jobs = Number(process.env.KERNELWRIGHT_JUDGE_JOBS ?? Math.max(2, availableParallelism() / 2));

const workspace = mkdtempSync(path.join(tmpdir(), "kernelwright-cheats-"));
process.on("exit", () => rmSync(workspace, { recursive: true, force: true }));
cpSync(folder, path.join(workspace, "cheats"), { recursive: true });

const chosen = readFixtures(folder).filter(
  ({ file }) => wanted.length === 0 || wanted.some((word) => file.includes(word)),
);
// What keeps a GPU busy until its time limit would make the others look slow: these come last, alone.
const hang = ["deadlock", "endless_loop", "missing_lanes", "divergent_barrier"];
const isHanging = ({ reasons }: CheatFixture) => reasons.some((code) => hang.includes(code));
const rows = [
  ...(await judgeAll(
    chosen.filter((one) => !isHanging(one)),
    jobs,
  )),
  ...(await judgeAll(chosen.filter(isHanging), 1)),
].sort((a, b) => (a.fixture < b.fixture ? -1 : 1));

const inspected = await runProgram(["inspect", "--json"], 60_000);
const facts = parsed(inspected.stdout) as { driver_version?: string; gpus?: { name?: string }[] };
const ran = rows.find(({ devices }) => devices.length > 0);
const results: CheatResults = {
  device: facts.gpus?.[0]?.name ?? ran?.devices[0] ?? "none",
  driver: facts.driver_version ?? "none",
  versions: {
    node: process.versions.node,
    kernelwright: (await runProgram(["--version"], 10_000)).stdout.trim(),
  },
  date: new Date().toISOString().slice(0, 10),
  rows,
};
mkdirSync(path.dirname(path.resolve(target)), { recursive: true });
writeFileSync(target, `${JSON.stringify(results, null, 2)}\n`);
const skipped = rows.filter(isSkipped);
const wrong = rows.filter((row) => !row.as_expected && !isSkipped(row));
for (const row of wrong) {
  console.log(
    `${row.fixture}: expected ${row.expected}, got ${row.verdict} ${row.reasons.join(", ")} ${row.message}`,
  );
}
console.log(
  `${rows.length} fixtures, ${wrong.length} not as expected, ${skipped.length} not run: no torch here`,
);

/** A callable where there is no Python with torch. */
function isSkipped({ verdict }: CheatRow): boolean {
  return verdict === "error prerequisite_missing";
}

async function judgeAll(list: readonly CheatFixture[], lanes: number): Promise<CheatRow[]> {
  const open = [...list];
  const done: CheatRow[] = [];
  const lane = async () => {
    for (let one = open.shift(); one; one = open.shift()) {
      const row = await judge(one);
      console.log(
        `${row.as_expected ? "ok " : "BAD"} ${row.fixture} ${row.verdict} ${row.reason} ${row.ms} ms`,
      );
      done.push(row);
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  return done;
}

async function judge(one: CheatFixture): Promise<CheatRow> {
  const began = performance.now();
  const ending = await runProgram(["validate", ...wordsOf(one), "--json"], timeoutMs);
  const result = parsed(ending.stdout) as {
    verdict?: string;
    executed_on?: string;
    devices?: string[];
    failures?: { reason: string; detail: string }[];
    error?: { code: string; message: string };
    summary?: string;
  };
  const failures = result.failures ?? [];
  const verdict = result.verdict ?? (result.error ? `error ${result.error.code}` : ending.state);
  const onGpu = result.executed_on === "gpu";
  const accepted = onGpu ? "passed" : one.verdict_without_gpu;
  const expected = onGpu ? one.gpu_reasons : one.reasons;
  const reason = failures[0]?.reason ?? "";
  const rejected = verdict === "failed" && (expected === undefined || expected.includes(reason));
  return {
    fixture: one.file,
    expected: one.honest ? accepted : (expected ?? ["not shown on a GPU"]).join(" or "),
    verdict,
    reason,
    reasons: failures.map((failure) => failure.reason),
    message:
      failures[0]?.detail ??
      result.error?.message ??
      (ending.stdout ? "" : ending.stderr.slice(-500)),
    as_expected: one.honest ? verdict === accepted : rejected || expected === undefined,
    executed_on: result.executed_on ?? "nothing",
    devices: result.devices ?? [],
    ms: Math.round(performance.now() - began),
  };
}

/** The fixture's arguments as words of the command line. */
function wordsOf({ file, function: name, arguments: args }: CheatFixture): string[] {
  const kernel = path.join("cheats", name === undefined ? file : `${file}:${name}`);
  const options = Object.entries(args).flatMap(([key, value]) => [
    `--${key}`,
    Array.isArray(value) ? value.join(",") : String(value),
  ]);
  return [kernel, "--workspace", workspace, ...options];
}

function runProgram(
  words: readonly string[],
  limitMs: number,
): Promise<{ state: "ended" | "timed_out"; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    // Its own group: what a fixture leaves behind ends with it.
    const child = spawn(process.execPath, [program, ...words], {
      cwd: workspace,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let state: "ended" | "timed_out" = "ended";
    const timer = setTimeout(() => {
      state = "timed_out";
      if (child.pid) process.kill(-child.pid, "SIGKILL");
    }, limitMs);
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (piece) => {
      stdout += piece;
    });
    child.stderr.on("data", (piece) => {
      stderr += piece;
    });
    child.on("close", () => {
      clearTimeout(timer);
      resolve({ state, stdout, stderr });
    });
  });
}

function parsed(text: string): object {
  try {
    return JSON.parse(text) as object;
  } catch {
    return {};
  }
}
