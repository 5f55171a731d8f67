// The same recorded launches in the interpreter and on the GPU of this machine, output bits compared:
//   node compare-executors.mjs RESULT.json [FOLDER WITH FOREIGN KERNELS]
// (bundled with esbuild; needs nvcc, and the checkout's cuda-templates). See test/gpu/README.md.
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { isMainThread, workerData } from "node:worker_threads";
import { runThread } from "../../server/threads.ts";
import { compile } from "../../tools/build/compile.ts";
import { createContext } from "../../tools/context.ts";
import type { ThreadData } from "../../tools/executors/thread.ts";
import { deviceForArch } from "../../tools/gpu/devices.ts";
import { ulpDistance } from "../../tools/kernel/accuracy.ts";
import { caseName, type KernelCase } from "../../tools/kernel/cases.ts";
import { rowStart } from "../../tools/kernel/layout.ts";
import { referenceRow } from "../../tools/kernel/reference.ts";
import { packageData } from "../../tools/paths.ts";
import { Machine, parsePtx } from "../../tools/ptx/index.ts";
import type { ToolContext } from "../../tools/tool.ts";
import { type CudaCompiler, requireCompiler } from "../../tools/toolchain/compiler.ts";
import type { ArchInput } from "../../tools/validate/arch-input.ts";
import { buildSource, type Candidate, requireCandidate } from "../../tools/validate/candidate.ts";
import { chooseCases } from "../../tools/validate/case-choice.ts";
import {
  findGpu,
  type GpuChoice,
  onThisGpu,
  releaseGpu,
} from "../../tools/validate/gpu/find-gpu.ts";
import { mapRanges } from "../../tools/validate/gpu/gpu-case.ts";
import { readOutput } from "../../tools/validate/gpu/read-measurement.ts";
import { SlotMemory } from "../../tools/validate/gpu/slots.ts";
import { candidateSteps, judgeSteps, mapSteps } from "../../tools/validate/gpu/steps.ts";
import { outputOf } from "../../tools/validate/interpreter/output-of.ts";
import { perform } from "../../tools/validate/interpreter/perform.ts";
import { readRow } from "../../tools/validate/output.ts";
import { patientRecord } from "../../tools/validate/patient-record.ts";
import { placeCase, prepareCase } from "../../tools/validate/prepare-case.ts";
import { probeSemantics } from "../../tools/validate/semantics.ts";
import { startRecorder } from "../../tools/validate/start-recorder.ts";
import type { GpuWorker } from "../../tools/worker/client.ts";
import { drawLaunches } from "../../tools/worker/judge-launches.ts";
import { foreign, foreignCall } from "../kernels/foreign.ts";

interface Compared {
  kernel: string;
  arch: string;
  code: string;
  dtype: string;
  cases: number;
  elements: number;
  differing_elements: number;
  differing_pct: number;
  max_ulp_between: number;
  worst_case: string;
}

const [file = "bits.json", foreignRoot] = process.argv.slice(2);
const { signal } = new AbortController();
const rows: Compared[] = [];

// The bundle is also what its own interpreter threads start with.
if (isMainThread) await main();
else await runThread(workerData as ThreadData);

async function main(): Promise<void> {
  const workspace = mkdtempSync(path.join(tmpdir(), "kernelwright-bits-"));
  const sources = { argument: workspace, env: {}, cwd: workspace };
  const context = createContext({ sources, signal });
  const compiler = await requireCompiler(context);
  const gpu = await findGpu({}, compiler, signal);
  if (!gpu.worker) throw new Error(gpu.why);
  const bench: Bench = { context, compiler, gpu, worker: gpu.worker };
  const template = requireCandidate({ kernel: "cuda-templates/rmsnorm" }, packageData());
  const own = gpu.limits?.arch ?? "sm_90";
  await compareAll(bench, "template rmsnorm", template, ["sm_75", "sm_80", "sm_89", own]);
  for (const one of foreignRoot ? foreign : []) {
    if (one.fault) continue;
    const call = foreignCall(one, foreignRoot as string, workspace);
    const shapes = one.shapes?.map((text) => {
      const [rows = 0, hidden_size = 0] = text.split("x").map(Number);
      return { rows, hidden_size };
    });
    await compareAll(bench, one.name, requireCandidate(call, workspace), [own], shapes);
  }
  await releaseGpu(gpu);
  const { name, driver_version, cuda_driver_version } = gpu.worker.device;
  const report = {
    device: name,
    driver_version,
    cuda_driver_version,
    compiler: compiler.version,
    date: new Date().toISOString().slice(0, 10),
    command: "test/gpu/compare-executors.ts",
    rows,
  };
  writeFileSync(file, `${JSON.stringify(report, undefined, 2)}\n`);
  console.table(rows, ["kernel", "arch", "dtype", "elements", "differing_pct", "max_ulp_between"]);
}

interface Bench {
  context: ToolContext;
  compiler: CudaCompiler;
  gpu: GpuChoice;
  worker: GpuWorker;
}

type Shapes = { rows: number; hidden_size: number }[] | undefined;

async function compareAll(
  bench: Bench,
  label: string,
  given: Candidate,
  archs: string[],
  shapes?: Shapes,
): Promise<void> {
  const { gpu, compiler, context, worker } = bench;
  const own = gpu.limits?.arch;
  const compiled = await compile(buildSource(given), archs, compiler, context);
  if (!compiled.passed) throw new Error(`${label} does not compile`);
  for (const build of compiled.builds) {
    const run: ArchInput = {
      build,
      device: build.arch === own && gpu.limits ? gpu.limits : deviceForArch(build.arch),
      ptx: readFileSync(build.ptx, "utf8"),
    };
    const place = onThisGpu(gpu, build, given.fields);
    if (!place) throw new Error(`${build.arch} does not run on the ${worker.device.name}`);
    const candidate = given.declared ? given : await probeSemantics(given, [run], context);
    await compareArch(worker, label, candidate, { ...run, gpu: place }, shapes);
  }
}

async function compareArch(
  worker: GpuWorker,
  label: string,
  candidate: Candidate,
  run: ArchInput,
  shapes: Shapes,
): Promise<void> {
  const { build, gpu: place } = run;
  const module = parsePtx(run.ptx);
  await worker.load("candidate", { path: place?.code === "cubin" ? build.cubin : build.ptx });
  const recorder = await startRecorder(candidate, run, signal);
  const record = patientRecord(recorder, candidate.takes_stream);
  const tallies = new Map<string, Compared>();
  for (const one of chooseCases(candidate, { effort: "default", shapes, seed: 1, onGpu: false })) {
    if (one.layout === "far_strided" || one.rows === 0) continue;
    const tally = tallies.get(one.dtype) ?? {
      kernel: label,
      arch: build.arch,
      code: place?.code ?? "",
      dtype: one.dtype,
      cases: 0,
      elements: 0,
      differing_elements: 0,
      differing_pct: 0,
      max_ulp_between: 0,
      worst_case: "",
    };
    tallies.set(one.dtype, tally);
    await compareCase(worker, candidate, one, module, record, tally);
  }
  await recorder.close();
  for (const tally of tallies.values()) {
    tally.differing_pct = (100 * tally.differing_elements) / Math.max(1, tally.elements);
    rows.push(tally);
  }
}

async function compareCase(
  worker: GpuWorker,
  { fields }: Candidate,
  one: KernelCase,
  module: ReturnType<typeof parsePtx>,
  record: ReturnType<typeof patientRecord>,
  tally: Compared,
): Promise<void> {
  const machine = new Machine(module);
  const interpreted = prepareCase(one, fields, machine);
  const first = await record(interpreted.arguments, () => undefined);
  const memory = new SlotMemory(worker, 0);
  const placed = placeCase(one, fields, memory);
  const second = await record(placed.arguments, () => undefined);
  if (first.state !== "recorded" || second.state !== "recorded") {
    throw new Error(`${caseName(one)} is not recorded`);
  }
  perform(machine, first);
  const steps = [
    ...mapRanges(memory),
    ...judgeSteps(drawLaunches(one, memory.places())),
    ...mapSteps(second),
    ...candidateSteps(second),
  ];
  const reply = await worker.run(steps, { time_limit_ms: 20_000 });
  if (!reply.ok) throw new Error(`${caseName(one)}: ${reply.fault.message}`);
  const there = await readOutput(
    { one, worker, fields, load: async () => undefined },
    placed,
    memory.places(),
  );
  const here = outputOf(one, interpreted, machine);
  tally.cases += 1;
  tally.elements += one.rows * one.hidden_size;
  for (let row = 0; row < one.rows; row += 1) {
    const first_element = rowStart(here.layout, row);
    const count = one.hidden_size;
    if (Buffer.compare(here.read(first_element, count), there.read(first_element, count)) === 0) {
      continue;
    }
    const a = readRow(one, here, row);
    const b = readRow(one, there, row);
    const { scale } = referenceRow(one, interpreted.inputs(row));
    for (let column = 0; column < count; column += 1) {
      if (a.bits[column] === b.bits[column]) continue;
      const [x, y] = [a.values[column] as number, b.values[column] as number];
      if (Number.isNaN(x) && Number.isNaN(y)) continue;
      tally.differing_elements += 1;
      // Where terms cancel, errors count in ulps of these terms: accuracy.ts.
      const distance = ulpDistance(x, y, one.out_dtype, scale?.[column]);
      if (distance <= tally.max_ulp_between) continue;
      tally.max_ulp_between = distance;
      tally.worst_case = `${caseName(one)}: row ${row}, column ${column}: ${x} and ${y}`;
    }
  }
}
