// Holds the judge's device code on a GPU against the same code in the interpreter, byte by byte:
//
//   npx tsx test/gpu/judge-requests.ts dump FOLDER         here: requests.jsonl and expected.json
//   python tools/worker/gpu_worker < FOLDER/requests.jsonl > FOLDER/replies.jsonl      on the GPU
//   npx tsx test/gpu/judge-requests.ts compare FOLDER      here: the report, as JSON
//
// The device also measures what the interpreter cannot: 2^26 elements in several shapes, for the
// time, and a case past 2^31 elements, for the counts.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { caseName, type KernelCase } from "../../tools/kernel/cases.ts";
import { mix32 } from "../../tools/kernel/inputs.ts";
import { parsePtx } from "../../tools/ptx/index.ts";
import { findCompiler } from "../../tools/toolchain/compiler.ts";
import {
  bufferBytes,
  bufferNames,
  type JudgeBuffer,
  type JudgePlaces,
} from "../../tools/worker/judge-case.ts";
import { judgePtx } from "../../tools/worker/judge-code.ts";
import {
  decodeMeasure,
  drawLaunches,
  type JudgeLaunch,
  measureLaunches,
  measureResultBytes,
} from "../../tools/worker/judge-launches.ts";
import type { Step } from "../../tools/worker/protocol.ts";
import { kernelCase } from "../validate/cases.ts";
import { corrupt } from "../worker/judge-agreement.ts";
import { baseCases, judgeCases } from "../worker/judge-cases.ts";
import { guardBytes, JudgeDevice } from "../worker/judge-device.ts";
import { inputsOf, writeOutput } from "../worker/judge-output.ts";

const base = 0x1000_0000_0000n;
const slotBytes = 1n << 36n;
const resultSlot = 15;
/** Larger buffers are neither read nor uploaded. */
const mostReadBytes = 1 << 22;

/** 2^26 elements each, and one past 2^31. */
const largeCases: KernelCase[] = [
  ...[1, 3, 64, 512, 1024, 4096, 262144].map((hidden_size) =>
    kernelCase({ layout: "contiguous", rows: Math.floor(2 ** 26 / hidden_size), hidden_size }),
  ),
  kernelCase({ layout: "strided", operator: "add_rmsnorm", rows: 16384, hidden_size: 4096 }),
  kernelCase({
    layout: "contiguous",
    dtype: "float32",
    out_dtype: "float32",
    operator: "layernorm",
    rounding: "single",
    with_bias: true,
    rows: 16384,
    hidden_size: 4096,
  }),
  kernelCase({ layout: "contiguous", rows: 2 ** 19 + 1, hidden_size: 4096 }),
];

const [command, folder = "."] = process.argv.slice(2);
if (command === "dump") await dump(path.resolve(folder));
else compare(path.resolve(folder));

interface Expected {
  name: string;
  /** SHA-256 of what each read of the run gives; none of a large case. */
  reads: string[];
  large?: { elements: number; what: string };
}

async function dump(folder: string): Promise<void> {
  const compiler = await findCompiler();
  if (!compiler) throw new Error("no CUDA compiler: run kernelwright setup");
  const ptx = readFileSync(await judgePtx(compiler));
  const module = parsePtx(ptx.toString());
  const requests: object[] = [
    { op: "hello", device_index: 0, base: hex(base), slots: 16, slot_bytes: hex(slotBytes) },
    { op: "load", module: "judge", image_base64: ptx.toString("base64") },
  ];
  const expected: Expected[] = [];
  const add = (steps: Step[], what: Expected) => {
    requests.push({ op: "run", time_limit_ms: 60_000, steps });
    expected.push(what);
  };
  const cases = [...judgeCases(), ...baseCases];
  for (const one of cases) {
    const { steps, reads } = smallRun(one, new JudgeDevice(module, one));
    add([...unmapAll(), ...steps], { name: caseName(one), reads });
  }
  for (const one of largeCases) {
    const places = placesOf(one);
    const elements = one.rows * one.hidden_size;
    const timed = (what: string, launches: JudgeLaunch[]) =>
      add(launchSteps(launches), { name: caseName(one), reads: [], large: { elements, what } });
    add([...unmapAll(), ...mapSteps(one, places)], { name: caseName(one), reads: [] });
    timed("first", drawLaunches(one, places));
    timed("draw", drawLaunches(one, places));
    measureLaunches(one, places).forEach((launch, place) => {
      timed(`${place} ${launch.kernel}`, [launch]);
    });
    add([read(places.result, measureResultBytes)], {
      name: caseName(one),
      reads: [],
      large: { elements, what: "result" },
    });
  }
  const lines = requests.map((request, id) => JSON.stringify({ id: id + 1, ...request }));
  writeFileSync(path.join(folder, "requests.jsonl"), `${lines.join("\n")}\n`);
  writeFileSync(path.join(folder, "expected.json"), JSON.stringify(expected, undefined, 1));
  console.log(`${cases.length} small cases, ${largeCases.length} large ones in ${folder}`);
}

/** Draws, reads what was drawn, puts an output with some faults in its place, measures. */
function smallRun(one: KernelCase, device: JudgeDevice): { steps: Step[]; reads: string[] } {
  const places = placesOf(one);
  const sizes = bufferBytes(one);
  const steps: Step[] = [...mapSteps(one, places), ...launchSteps(drawLaunches(one, places))];
  const reads: string[] = [];
  device.run(drawLaunches(one, device.places));
  for (const name of bufferNames) {
    const [there, here] = [places[name], device.places[name]];
    if (!there || !here || sizes[name] === 0 || sizes[name] > mostReadBytes) continue;
    const guarded = guardBytes + sizes[name] + here.after_bytes;
    steps.push(read(there.address - BigInt(guardBytes), guarded));
    reads.push(sha256(device.read(here.address - BigInt(guardBytes), guarded)));
  }
  writeOutput(device, one, inputsOf(one));
  const elements = one.rows * one.hidden_size;
  const faults = elements === 0 ? 0 : 1 + (one.seed % 5);
  for (let index = 0; index < faults; index += 1) {
    corrupt({ one, device }, mix32(index) % elements, () => mix32(one.seed + index));
  }
  for (const name of ["out", "residual", "rstd", "mean"] as const) {
    const [there, here] = [places[name], device.places[name]];
    if (!there || !here) continue;
    const bytes = name === "out" ? sizes.out || sizes.x : sizes[name];
    if (bytes > mostReadBytes) continue;
    const data = Buffer.from(device.read(here.address, bytes)).toString("base64");
    steps.push({ do: "upload", address: hex(there.address), data });
  }
  steps.push(...launchSteps(measureLaunches(one, places)));
  device.run(measureLaunches(one, device.places));
  // Rows that are gigabytes apart are not uploaded: there everything counts as never written.
  if ((sizes.out || sizes.x) <= mostReadBytes) {
    steps.push(read(places.result, measureResultBytes));
    reads.push(sha256(device.read(device.places.result, measureResultBytes)));
  }
  return { steps, reads };
}

function placesOf(one: KernelCase): JudgePlaces {
  const sizes = bufferBytes(one);
  const place = (slot: number, bytes: number): JudgeBuffer => {
    const rounded = Math.ceil(bytes / 256) * 256;
    const address = base + BigInt(slot + 1) * slotBytes - BigInt(rounded);
    return { address, before_bytes: guardBytes, after_bytes: rounded - bytes };
  };
  const x = place(0, sizes.x);
  const others = bufferNames.flatMap((name, slot) =>
    name === "x" || sizes[name] === 0 ? [] : [[name, place(slot, sizes[name])] as const],
  );
  const result = base + BigInt(resultSlot + 1) * slotBytes - 4096n;
  return { out: x, ...Object.fromEntries(others), x, result };
}

function mapSteps(one: KernelCase, places: JudgePlaces): Step[] {
  const sizes = bufferBytes(one);
  const buffers = bufferNames.flatMap((name) => {
    const place = places[name];
    if (!place || sizes[name] === 0) return [];
    const bytes = guardBytes + sizes[name] + place.after_bytes;
    return [{ do: "map" as const, address: hex(place.address - BigInt(guardBytes)), bytes }];
  });
  return [...buffers, { do: "map", address: hex(places.result), bytes: 4096 }];
}

function launchSteps(launches: readonly JudgeLaunch[]): Step[] {
  return launches.map(({ params, ...launch }) => ({
    do: "launch" as const,
    module: "judge",
    ...launch,
    params: params.map((param) => Buffer.from(param).toString("base64")),
  }));
}

function unmapAll(): Step[] {
  return Array.from({ length: resultSlot + 1 }, (_, slot) => ({ do: "unmap_all", slot }));
}

function read(address: bigint, bytes: number): Step {
  return { do: "read", address: hex(address), bytes };
}

interface Reply {
  ok: boolean;
  results?: ({ data: string } | null)[];
  gpu_ms?: number;
  device?: object;
  load_ms?: number;
  fault?: object;
}

function compare(folder: string): void {
  const lines = readFileSync(path.join(folder, "replies.jsonl"), "utf8").trim().split("\n");
  const [hello, load, ...replies] = lines.map((line) => JSON.parse(line) as Reply);
  const expected = JSON.parse(
    readFileSync(path.join(folder, "expected.json"), "utf8"),
  ) as Expected[];
  let small = 0;
  let reads = 0;
  const wrong: string[] = [];
  const large: object[] = [];
  expected.forEach((one, index) => {
    const reply = replies[index];
    if (!reply?.ok) {
      wrong.push(`${one.name}: ${JSON.stringify(reply?.fault ?? "no reply")}`);
      return;
    }
    const got = (reply.results ?? []).flatMap((each) =>
      each ? [new Uint8Array(Buffer.from(each.data, "base64"))] : [],
    );
    if (one.large) {
      const { elements, what } = one.large;
      const found = got[0] && decodeMeasure(got[0]);
      if (found && !isUnwritten(found, elements)) wrong.push(`${one.name}: ${say(found)}`);
      large.push({ case_name: one.name, elements, what, gpu_ms: reply.gpu_ms });
      return;
    }
    if (one.reads.length > 0) small += 1;
    one.reads.forEach((wanted, place) => {
      reads += 1;
      const bytes = got[place] ?? new Uint8Array();
      if (sha256(bytes) !== wanted)
        wrong.push(`${one.name}: read ${place} of ${bytes.length} bytes`);
    });
  });
  const report = { device: hello?.device, load_ms: load?.load_ms, small, reads, wrong, large };
  console.log(JSON.stringify(report, undefined, 1));
  process.exitCode = wrong.length > 0 ? 1 : 0;
}

/** What poison alone must measure as: every element bad and never written, inputs intact. */
function isUnwritten(found: ReturnType<typeof decodeMeasure>, elements: number): boolean {
  return (
    found.elements === elements &&
    found.bad_count === elements &&
    found.not_written_count === elements &&
    found.max_ulp === Infinity &&
    found.first_bad_index === 0 &&
    found.worst_index === 0 &&
    found.exact_count === 0 &&
    found.canaries_broken + found.guards_broken + found.inputs_changed === 0
  );
}

function say(value: unknown): string {
  return JSON.stringify(value);
}

function hex(value: bigint): string {
  return `0x${value.toString(16)}`;
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
