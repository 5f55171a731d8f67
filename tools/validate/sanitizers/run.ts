import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { ToolError } from "../../errors.ts";
import { packageData } from "../../paths.ts";
import type { RecordedOperation } from "../../record/recorder.ts";
import type { Sanitizer } from "../../toolchain/sanitizer.ts";
import { type SanitizerTool, sanitizerCommand, sanitizerTools } from "./command.ts";
import { countRecords, mergeFindings, readReport, type SanitizerFinding } from "./report.ts";
import { type Session, startSession } from "./session.ts";
import { allocates, stepsOf } from "./steps.ts";

export interface SanitizerBuffer {
  label: string;
  /** At least 1. The allocation has exactly `bytes`: what lies behind is out of bounds. */
  bytes: number;
  /** Uploaded before the launches. Without it the buffer counts as never written. */
  content?: Uint8Array;
}

/** A case as the sanitizers see it: its buffers, and what the host code makes of their addresses. */
export interface SanitizerCase {
  label: string;
  buffers: readonly SanitizerBuffer[];
  /** Called with the addresses that the driver gave: what the host code asks of the device with them. */
  record(
    addresses: ReadonlyMap<string, bigint>,
  ): Promise<readonly RecordedOperation[] | { not_recorded: string }>;
}

export interface SanitizerInput {
  sanitizer: Sanitizer;
  /** The Python that runs the runner. */
  python: string;
  device_index?: number;
  /** The candidate's machine code, built with -lineinfo. */
  image: string;
  cases: readonly SanitizerCase[];
  tools?: readonly SanitizerTool[];
  signal: AbortSignal;
  /** For all tools together. What does not fit is in `not_run`. */
  timeoutMs: number;
  /** The runner; other than ours only in tests. */
  worker?: readonly string[];
}

export interface SanitizerResult {
  findings: (SanitizerFinding & { case_label?: string })[];
  /** Tools and cases that were not looked at, each with the reason: never a pass. */
  not_run: string[];
  milliseconds: number;
}

/**
 * Runs the cases under each tool, in a runner of its own with an exact allocation for each buffer and
 * with no kernel but the candidate's: what is found is the candidate's. A tool stops at the first case
 * that it finds at fault. Slow: a second or two a tool, so cases should be few and small.
 */
export async function runSanitizers(input: SanitizerInput): Promise<SanitizerResult> {
  const began = performance.now();
  const result: SanitizerResult = { findings: [], not_run: [], milliseconds: 0 };
  const limit = AbortSignal.timeout(input.timeoutMs);
  const signal = AbortSignal.any([input.signal, limit]);
  for (const tool of input.tools ?? sanitizerTools) {
    if (limit.aborted) {
      result.not_run.push(`${tool}: ${overtime(input)}`);
      continue;
    }
    await runTool(tool, { ...input, signal }, result);
    if (input.signal.aborted) throw cancelled();
  }
  result.milliseconds = performance.now() - began;
  return result;
}

async function runTool(
  tool: SanitizerTool,
  input: SanitizerInput,
  result: SanitizerResult,
): Promise<void> {
  const folder = await mkdtemp(path.join(tmpdir(), "kernelwright-sanitizer-"));
  try {
    const files = { report: path.join(folder, "report.xml"), log: path.join(folder, "log.txt") };
    const worker = input.worker ?? [packageData("tools", "worker", "gpu_worker")];
    const command = [input.python, "-B", ...worker];
    const argv = sanitizerCommand(input.sanitizer.program, tool, files, command);
    const session = startSession(argv, input.signal);
    const marks: Mark[] = [];
    let problem: string | undefined;
    let ended: Awaited<ReturnType<Session["close"]>>;
    try {
      problem = await runCases(session, input, () => countRecords(readText(files.log)), marks);
    } finally {
      ended = await session.close();
    }
    const findings = readReport(readText(files.report), tool);
    result.findings.push(...attribute(findings, marks));
    const complaint = complaintOf(readText(files.log), ended.stderr);
    if (input.signal.aborted) result.not_run.push(`${tool}: ${overtime(input)}`);
    else if (problem) result.not_run.push(`${tool}: ${problem}`);
    else if (!existsSync(files.report)) result.not_run.push(`${tool}: it wrote no report`);
    else return;
    if (complaint && findings.length === 0) result.not_run.push(`${tool}: ${complaint}`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Records up to this count were written by the time that this launch was over. */
interface Mark {
  records: number;
  case_label: string;
  kernel: string | undefined;
}

/** Instrumented kernels are slow; one that takes longer hangs. */
const mostLaunchMs = 60_000;

/** The protocol wants slots; with plain allocations none are made. */
const noSlots = {
  base: "0x100000000000",
  slots: 1,
  slot_bytes: "0x400000",
  plain_allocations: true,
};

/** Returns why not all cases were looked at, if so. */
async function runCases(
  session: Session,
  input: SanitizerInput,
  look: () => { records: number; errors: number },
  marks: Mark[],
): Promise<string | undefined> {
  const hello = { op: "hello", device_index: input.device_index ?? 0, ...noSlots };
  const load = { op: "load", module: "candidate", image_path: path.resolve(input.image) };
  for (const request of [hello, load]) {
    const refused = faultOf(await session.ask(request));
    if (refused) return `the runner did not start: ${refused}`;
  }
  for (const [index, one] of input.cases.entries()) {
    const limitMs = Math.min(input.timeoutMs, mostLaunchMs);
    const problem = await runCase(session, one, limitMs, () => look().records, marks);
    const left = input.cases.length - index - 1;
    const after = left > 0 ? `${left} case${left === 1 ? "" : "s"} after it` : "";
    if (problem) return `${one.label}: ${problem}${after && `; not looked at: ${after}`}`;
    if (after && look().errors > 0) return `stopped at ${one.label}; not looked at: ${after}`;
  }
  return undefined;
}

async function runCase(
  session: Session,
  one: SanitizerCase,
  limitMs: number,
  records: () => number,
  marks: Mark[],
): Promise<string | undefined> {
  const addresses = new Map<string, bigint>();
  const run = async (steps: object[]): Promise<{ results: unknown[] } | { fault: string }> => {
    const reply = await session.ask({ op: "run", time_limit_ms: limitMs, steps });
    const fault = faultOf(reply);
    return fault ? { fault } : { results: (reply?.results ?? []) as unknown[] };
  };
  const allocated = await run(
    one.buffers.map(({ label, bytes }) => ({ do: "allocate", label, bytes })),
  );
  if ("fault" in allocated) return allocated.fault;
  for (const [index, { label }] of one.buffers.entries()) {
    const { address } = allocated.results[index] as { address: string };
    addresses.set(label, BigInt(address));
  }
  const operations = await one.record(addresses);
  if ("not_recorded" in operations) return operations.not_recorded;
  if (allocates(operations)) return "the host code allocates device memory while it is called";
  const uploads = one.buffers.flatMap(({ label, content }) =>
    content && content.length > 0 ? [uploadOf(addresses.get(label) ?? 0n, content)] : [],
  );
  if (uploads.length > 0) {
    const uploaded = await run(uploads);
    if ("fault" in uploaded) return uploaded.fault;
  }
  for (const { kernel, steps } of stepsOf(operations)) {
    const done = await run([...steps, { do: "synchronize" }]);
    marks.push({ records: records(), case_label: one.label, kernel });
    if ("fault" in done) return done.fault;
  }
  const freed = await run([{ do: "free_all" }]);
  return "fault" in freed ? freed.fault : undefined;
}

function uploadOf(address: bigint, content: Uint8Array): object {
  const data = Buffer.from(content.buffer, content.byteOffset, content.byteLength);
  return { do: "upload", address: `0x${address.toString(16)}`, data: data.toString("base64") };
}

/** The n-th record of the report is the n-th of the log: it belongs to the launch after which the log had it. */
function attribute(
  findings: readonly SanitizerFinding[],
  marks: readonly Mark[],
): SanitizerResult["findings"] {
  const placed = findings.map((finding, index) => {
    const mark = marks.find(({ records }) => records > index);
    if (!mark) return finding;
    const { case_label, kernel } = mark;
    return { ...finding, case_label, ...(kernel !== undefined && { kernel }) };
  });
  return mergeFindings(placed);
}

function overtime({ timeoutMs }: SanitizerInput): string {
  return `the ${timeoutMs} ms for the sanitizers were over`;
}

function faultOf(reply: Record<string, unknown> | undefined): string | undefined {
  if (reply === undefined) return "the runner ended without an answer";
  if (reply.ok === true) return undefined;
  const fault = reply.fault as { kind?: string; message?: string } | undefined;
  return `${fault?.kind ?? "fault"}: ${fault?.message ?? "no message"}`;
}

/** What the tool says of itself: "Error: Device not supported". */
function complaintOf(log: string, stderr: string): string {
  const lines = log.match(/^========= (?:Internal )?Error: .*$/gmu) ?? [];
  return [...lines.map((line) => line.slice(10)), stderr.trim().split("\n").at(-1) ?? ""]
    .filter((line) => line !== "")
    .join(" ")
    .slice(0, 500);
}

function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

function cancelled(): ToolError {
  return new ToolError(
    "cancelled",
    "Cancelled: the sanitizers and their runner were ended.",
    "Make the same call again.",
  );
}
