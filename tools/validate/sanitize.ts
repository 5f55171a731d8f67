import type { KernelCase } from "../kernel/cases.ts";
import { caseName } from "../kernel/cases.ts";
import { callStream, type RecordedOperation } from "../record/recorder.ts";
import type { ToolContext } from "../tool.ts";
import { findPython } from "../toolchain/python.ts";
import { findSanitizer } from "../toolchain/sanitizer.ts";
import type { ArchInput } from "./arch-input.ts";
import type { Candidate } from "./candidate.ts";
import { isSearched } from "./interpreter/case-run.ts";
import type { FaultReport } from "./outcome.ts";
import { patientRecord } from "./patient-record.ts";
import { type DeviceMemory, placeCase } from "./prepare-case.ts";
import type { ReasonCode } from "./reasons.ts";
import type { Recorded } from "./recording.ts";
import { runSanitizers, type SanitizerCase } from "./sanitizers/run.ts";
import { startRecorder } from "./start-recorder.ts";
import { type Failure, reasonOf } from "./verdict.ts";

export interface Sanitized {
  /** All cases were looked at by all tools. */
  done: boolean;
  failures: Failure[];
  /** Races inside of a warp, which may be meant. */
  doubts: FaultReport[];
  not_checked: string[];
}

/** All four tools over `mostCases` cases take about 10 s; this is for machines that are slow. */
const timeLimitMs = 120_000;
const mostCases = 9;

/**
 * NVIDIA's compute-sanitizer over small cases of the machine code that is the GPU's own: memcheck,
 * racecheck, initcheck and synccheck. What it could not look at is said, never passed over.
 */
export async function sanitize(
  candidate: Candidate,
  run: ArchInput,
  cases: readonly KernelCase[],
  context: ToolContext,
  done: number,
): Promise<Sanitized> {
  const { signal, progress } = context;
  const sanitizer = await findSanitizer(signal);
  const python = (await findPython())?.python;
  if (!sanitizer || !python) {
    const why = "compute-sanitizer was not found; install it with: kernelwright setup --sanitizer";
    return { done: false, failures: [], doubts: [], not_checked: [`sanitizers: ${why}`] };
  }
  progress({ message: `compute-sanitizer ${sanitizer.version} on ${run.build.arch}`, done });
  const recorder = await startRecorder(candidate, { ...run, gpu: undefined }, signal);
  try {
    const record = patientRecord(recorder, candidate.takes_stream);
    const result = await runSanitizers({
      sanitizer,
      python,
      image: run.build.cubin,
      cases: chosen(cases).map((one) => sanitizerCase(one, candidate, record)),
      signal,
      timeoutMs: timeLimitMs,
    });
    const errors = result.findings.filter(({ level }) => level === "error");
    return {
      done: result.not_run.length === 0,
      failures: errors.map((finding) => failureOf(finding, run.build.arch)),
      doubts: result.findings.filter(({ level }) => level === "warning"),
      not_checked: result.not_run.map((line) => `sanitizers: ${line}`),
    };
  } finally {
    await recorder.close();
  }
}

/** Small ones that differ in dtype and width: each may be a kernel of its own. */
function chosen(cases: readonly KernelCase[]): KernelCase[] {
  const seen = new Map<string, KernelCase>();
  for (const one of cases) {
    // Allocations there are exact: no gigabytes between rows.
    if (!isSearched(one) || one.layout === "far_strided") continue;
    if (one.rows < 1 || one.inputs !== "std_1") continue;
    const key = `${one.dtype} ${one.hidden_size % 8 === 0} ${widthClass(one)}`;
    if (!seen.has(key)) seen.set(key, one);
  }
  return [...seen.values()].slice(0, mostCases);
}

/** Narrow rows, those that a block's registers hold, and wider ones go to different kernels. */
function widthClass({ hidden_size }: KernelCase): number {
  return hidden_size > 8192 ? 2 : Number(hidden_size > 1024);
}

/** What the judge writes before the call. The others must count as never written. */
const inputLabels = ["x", "weight", "bias", "residual"];

function sanitizerCase(
  one: KernelCase,
  { fields }: Candidate,
  record: ReturnType<typeof patientRecord>,
): SanitizerCase {
  const host = new HostBuffers();
  placeCase(one, fields, host).fill();
  return {
    label: caseName(one),
    buffers: host.buffers.map(({ label, bytes }) => ({
      label,
      bytes: bytes.length,
      ...(inputLabels.includes(label) ? { content: bytes } : {}),
    })),
    async record(addresses) {
      const placed = placeCase(one, fields, {
        ...nothing,
        alloc: (_, { label }) => addresses.get(label) as bigint,
      });
      const recording = await record(placed.arguments, () => undefined);
      if (recording.state === "recorded") return [...keptOf(recording), ...recording.operations];
      return { not_recorded: "message" in recording ? recording.message : "its outcome is known" };
    },
  };
}

function keptOf({ kept }: Recorded): RecordedOperation[] {
  return kept.map(({ address, bytes }) => ({ kind: "alloc", address, bytes, stream: callStream }));
}

const nothing: Omit<DeviceMemory, "alloc"> = {
  write: () => {},
  read: () => new Uint8Array(),
};

/** The buffers of a case as bytes here, to be uploaded. */
class HostBuffers implements DeviceMemory {
  readonly buffers: { label: string; address: bigint; bytes: Uint8Array }[] = [];

  alloc(bytes: number, { label }: { label: string }): bigint {
    const address = BigInt(this.buffers.length + 1) << 40n;
    this.buffers.push({ label, address, bytes: new Uint8Array(Math.max(bytes, 1)) });
    return address;
  }

  write(address: bigint, bytes: Uint8Array): void {
    const buffer = this.buffers[Number(address >> 40n) - 1];
    buffer?.bytes.set(bytes, Number(address - buffer.address));
  }

  read(): Uint8Array {
    return new Uint8Array();
  }
}

function failureOf(
  {
    tool,
    kind,
    message,
    source_file,
    source_line,
    case_label,
  }: FaultReport & {
    tool: string;
    case_label?: string;
  },
  arch: string,
): Failure {
  const reason: ReasonCode = reasonOf(kind);
  return {
    reason,
    detail: `${tool}: ${message}`,
    case_name: case_label ?? "sanitizers",
    case_index: -70,
    special_inputs: false,
    arch,
    ...(source_file ? { source: `${source_file}:${source_line ?? 0}` } : {}),
  };
}
