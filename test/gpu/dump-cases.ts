import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { compile } from "../../tools/build/compile.ts";
import { createContext } from "../../tools/context.ts";
import { deviceForArch } from "../../tools/gpu/devices.ts";
import { caseName, type KernelCase, listCases } from "../../tools/kernel/cases.ts";
import { dtypeFacts } from "../../tools/kernel/dtypes.ts";
import { layoutOf } from "../../tools/kernel/operators.ts";
import { packageData } from "../../tools/paths.ts";
import { Machine, parsePtx } from "../../tools/ptx/index.ts";
import { requireCompiler } from "../../tools/toolchain/compiler.ts";
import { type Candidate, requireCandidate } from "../../tools/validate/candidate.ts";
import { prepareCase } from "../../tools/validate/prepare-case.ts";
import { startRecorder } from "../../tools/validate/start-recorder.ts";

/**
 * Writes what the interpreter makes of the template's default cases, buffers and all, for
 * compare_bits.py to run the same calls on a GPU and compare every byte:
 *   npx tsx test/gpu/dump-cases.ts FILE.json.gz sm_75 sm_80 sm_90
 */
const [file = "cases.json.gz", ...archs] = process.argv.slice(2);
const workspace = packageData();
const context = createContext({
  sources: { argument: workspace, env: {}, cwd: workspace },
  signal: new AbortController().signal,
});
const candidate = requireCandidate({ kernel: "cuda-templates/rmsnorm" }, workspace);
const { main, include_folders, root } = candidate;
const compiler = await requireCompiler(context);
const source = { main, include_folders, defines: {}, root };
const { builds } = await compile(source, archs, compiler, context);
const cases = listCases({ ...candidate, effort: "default" }).filter(
  (one) => one.layout !== "far_strided",
);
const dumped = [];
for (const build of builds) {
  const ptx = readFileSync(build.ptx, "utf8");
  const run = { build, device: deviceForArch(build.arch), ptx };
  const recorder = await startRecorder(candidate, run, context.signal);
  const module = parsePtx(ptx);
  const outputs = [];
  for (const one of cases) outputs.push(await outputOf(one, module, recorder));
  await recorder.close();
  dumped.push({ arch: build.arch, outputs });
}
const inputs = cases.map((one) => ({ name: caseName(one), ...buffersOf(one, candidate) }));
const offsets = layoutOf(candidate.fields).offsets;
writeFileSync(file, gzipSync(JSON.stringify({ offsets, inputs, archs: dumped })));

/** SHA-256 of out (and rstd) after the case's launches in the interpreter. */
async function outputOf(
  one: KernelCase,
  module: ReturnType<typeof parsePtx>,
  recorder: Awaited<ReturnType<typeof startRecorder>>,
): Promise<{ out: string; rstd: string | undefined }> {
  const machine = new Machine(module);
  const prepared = prepareCase(one, candidate.fields, machine);
  const call = await recorder.call(prepared.arguments);
  for (const launch of call.launches) machine.launch(launch);
  const bytes = prepared.layout.buffer_bytes;
  const { rstd } = prepared;
  return {
    out: digest(machine.read(prepared.out, bytes)),
    rstd: rstd === undefined ? undefined : digest(machine.read(rstd, 4 * Math.max(one.rows, 1))),
  };
}

/** The argument struct and every buffer's first content, with the addresses that the struct uses. */
function buffersOf(one: KernelCase, { fields }: Candidate) {
  const buffers: { label: string; address: string; bytes: Uint8Array }[] = [];
  let next = 0x10000000;
  const prepared = prepareCase(one, fields, {
    alloc(bytes, { label }) {
      const address = next;
      next += Math.ceil(bytes / 4096 + 1) * 4096;
      buffers.push({ label, address: String(address), bytes: new Uint8Array(bytes) });
      return BigInt(address);
    },
    write(address, bytes) {
      const buffer = buffers.findLast((each) => BigInt(each.address) <= address);
      buffer?.bytes.set(bytes, Number(address - BigInt(buffer.address)));
    },
    read: () => new Uint8Array(),
  });
  return {
    arguments: base64(prepared.arguments),
    elements: one.rows * one.hidden_size,
    dtype: one.dtype,
    out_element_bytes: dtypeFacts[one.out_dtype].bytes,
    buffers: buffers.map(({ label, address, bytes }) => ({ label, address, bytes: base64(bytes) })),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
