// `npm run bench`: how long a user waits, each number with its spread. Quiet machine, please.
import { spawn, spawnSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import path from "node:path";
import { bundle } from "../../tools/bootstrap/bundle.mjs";
import { renderTable } from "../../tools/text.ts";
import { findCompiler } from "../../tools/toolchain/compiler.ts";
import { gpuTimes } from "./gpu.ts";
import { interpreterRates } from "./interpreter.ts";
import { spreadOf } from "./spread.ts";

const runs = Math.max(5, Number(process.env.BENCH_RUNS ?? 5));
const base = mkdtempSync(path.join(tmpdir(), "kernelwright-bench-"));
const kernel = "kernels/qwen3-rmsnorm";

interface Row {
  what: string;
  unit: string;
  aim: string;
  samples: number[];
}

const initialize = {
  jsonrpc: "2.0",
  id: 1,
  method: "initialize",
  params: {
    protocolVersion: "2025-11-25",
    capabilities: {},
    clientInfo: { name: "bench", version: "1" },
  },
};

const rows: Row[] = [];
const compilerVersion = (await findCompiler())?.version ?? "none";
try {
  const program = await bundle({ folder: path.join(base, "dist") });
  kernelwright(program, ["create", "qwen3-rmsnorm", "--model", "qwen3-8b"]);
  rows.push(await startToInitialize(program));
  rows.push(editToBuilt(program));
  const { plain, checked, slower } = await interpreterRates(base, kernel, runs);
  rows.push({
    what: "interpreter, thread-instructions a core",
    unit: "M/s",
    aim: ">= 150",
    samples: plain,
  });
  rows.push({ what: "the same with checks of races", unit: "M/s", aim: "", samples: checked });
  rows.push({ what: "slower with checks", unit: "x", aim: "<= 3", samples: slower });
  rows.push(defaultValidation(program));
  rows.push(...(await onGpu(program)));
} finally {
  // Also where a later step failed: what was measured stands.
  console.log(
    `${cpus()[0]?.model ?? "?"}, ${availableParallelism()} cores, Node ${process.versions.node}`,
  );
  console.log(
    renderTable(["what", ">median", ">range", "unit", ">runs", "aim"], rows.map(renderRow)),
  );
  rmSync(base, { recursive: true, force: true });
}
if (process.argv.includes("--record")) {
  const folder = path.join(import.meta.dirname, "results");
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, `${availableParallelism()}-cores.json`), resultFile());
}

/** From starting the process to its answer to `initialize`. */
async function startToInitialize(program: string): Promise<Row> {
  const samples: number[] = [];
  for (let run = 0; run <= 2 * runs; run += 1) {
    const started = performance.now();
    const child = spawn(process.execPath, [program, "mcp"], {
      cwd: base,
      stdio: ["pipe", "pipe", "ignore"],
    });
    child.stdin.write(`${JSON.stringify(initialize)}\n`);
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const elapsed = performance.now() - started;
    if (run > 0) samples.push(elapsed); // The first also reads the file from disk.
    child.stdin.end();
    await new Promise((resolve) => child.once("close", resolve));
  }
  return { what: "server start to initialize reply", unit: "ms", aim: "<= 200", samples };
}

/** A changed line in a header, then the command to its end: machine code, PTX and resources of sm_90. */
function editToBuilt(program: string): Row {
  const samples: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    edit(run);
    const started = performance.now();
    kernelwright(program, ["build", kernel, "--archs", "sm_90"]);
    samples.push(performance.now() - started);
  }
  return { what: "edit to built, one arch", unit: "ms", aim: "<= 2000", samples };
}

/** Code, so that no cache of the preprocessed text could answer either. */
function edit(run: number): void {
  const folder = path.join(base, kernel, "rmsnorm_cuda");
  const header = path.join(folder, readdirSync(folder).find((name) => name.endsWith(".cuh")) ?? "");
  const value = Math.floor(performance.now() * 1000);
  appendFileSync(header, `\nstatic constexpr int kBenchEdit${run}_${value} = ${value % 1e6};\n`);
}

/** The default call on a project that was edited and built: all its archs, no outcome to read. */
function defaultValidation(program: string): Row {
  const samples: number[] = [];
  for (let run = 0; run < runs; run += 1) {
    edit(run);
    kernelwright(program, ["build", kernel]);
    const started = performance.now();
    const result = kernelwright(program, ["validate", kernel]);
    const elapsed = performance.now() - started;
    if (result.verdict !== "passed" || result.cases_cached !== 0) {
      throw new Error(`the template did not pass from scratch: ${JSON.stringify(result.summary)}`);
    }
    samples.push(elapsed);
  }
  return {
    what: "default validation without a GPU, seven archs",
    unit: "ms",
    aim: "<= 5000",
    samples,
  };
}

/** Empty where there is no GPU. */
async function onGpu(program: string): Promise<Row[]> {
  let edits = runs;
  const times = await gpuTimes(program, kernel, "sm_90", base, () => {
    edits += 1;
    edit(edits);
    kernelwright(program, ["build", kernel, "--archs", "sm_90"]);
  });
  return times?.rows ?? [];
}

/** The structured result of a call over the command line; anything but success ends the bench. */
function kernelwright(program: string, words: readonly string[]): Record<string, unknown> {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [program, ...words, "--workspace", base, "--json"],
    { encoding: "utf8", maxBuffer: 1 << 24 },
  );
  if (status !== 0)
    throw new Error(`kernelwright ${words.join(" ")} ended with ${status}: ${stdout}${stderr}`);
  return JSON.parse(stdout) as Record<string, unknown>;
}

function renderRow({ what, unit, aim, samples }: Row): string[] {
  const { median, low, high } = spreadOf(samples);
  return [what, String(median), `${low} .. ${high}`, unit, String(samples.length), aim];
}

/** The form that test/docs.test.ts writes the README's table from. */
function resultFile(): string {
  const result = {
    machine: `${availableParallelism()} cores, ${process.platform} ${process.arch}`,
    versions: { node: process.versions.node, cuda_compiler: compilerVersion },
    date: new Date().toISOString().slice(0, 10),
    command: "npm run bench -- --record",
    rows: rows.map(({ what, unit, samples }) => ({ name: what, ...spreadOf(samples), unit })),
  };
  return `${JSON.stringify(result, undefined, 2)}\n`;
}
