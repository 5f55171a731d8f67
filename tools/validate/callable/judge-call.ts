import { type Dtype, dtypeFacts } from "../../kernel/dtypes.ts";
import { layoutOfCase, type MatrixLayout, rowStart } from "../../kernel/layout.ts";
import { listed } from "../../text.ts";
import type { CallableError, CallableResult, Called } from "../../worker/callable.ts";
import { measure } from "../measure.ts";
import type { CaseOutcome, Executed, FaultReport } from "../outcome.ts";
import type { Output } from "../output.ts";
import type { ReasonCode } from "../reasons.ts";
import { isInput, type PreparedCall } from "./call.ts";
import type { CallableCandidate } from "./candidate.ts";
import { brokenGuards, insideOf } from "./host-buffers.ts";
import { forgiveNanRows } from "./nan-rows.ts";

/** What one call left behind, judged by itself. `output`: the rows' bytes, to be compared. */
export interface JudgedCall {
  outcome: CaseOutcome;
  output: Buffer | undefined;
  /** Rows with an infinity that are NaN as a whole; see nan-rows.ts. */
  forgiven?: number;
}

/**
 * A reply as an outcome: faults are named as reasons are, an exception is a refusal, and values are
 * measured here, from the bytes that came back.
 */
export function judgeCall(
  candidate: CallableCandidate,
  prepared: PreparedCall,
  called: Called,
  milliseconds: number,
): JudgedCall {
  const executed = executedCall(candidate, milliseconds);
  if (called.error) return { outcome: outcomeOfError(called.error, executed), output: undefined };
  const results = resultsOf(candidate, called);
  const fault =
    badForm(prepared, called, results) ?? badBuffers(candidate, prepared, called, results);
  const output = outputOf(candidate, prepared, called, results);
  if (fault || !output) {
    const missing = { kind: "not_written", message: "nothing came back, and nothing was written" };
    return {
      outcome: { state: "faulted", fault: fault ?? missing, ...executed },
      output: undefined,
    };
  }
  const rows = rowsOf(prepared, output);
  const { measurement, forgiven } = measureRows(prepared, output, rows);
  return {
    outcome: { state: "measured", measurement, reused: false, ...executed },
    output: rows,
    forgiven,
  };
}

function measureRows({ one, placed }: PreparedCall, output: Output, rows: Buffer) {
  const measurement = measure(one, placed.inputs, output);
  if (measurement.bad_count === 0) return { measurement, forgiven: 0 };
  const mended = forgiveNanRows(one, placed.inputs, rows);
  if (mended.forgiven === 0) return { measurement, forgiven: 0 };
  const elementBytes = dtypeFacts[one.out_dtype].bytes;
  const again = measure(one, placed.inputs, {
    ...output,
    layout: denseLayout(one.rows, one.hidden_size, one.out_dtype),
    read: (first, count) =>
      mended.rows.subarray(first * elementBytes, (first + count) * elementBytes),
  });
  const { canaries_broken } = measurement;
  return { measurement: { ...again, canaries_broken }, forgiven: mended.forgiven };
}

/** A callable launches what it likes: its name stands for that. */
export function executedCall(candidate: CallableCandidate, milliseconds: number): Executed {
  const launch = { kernel: candidate.function, grid: [], block: [], dynamic_shared_bytes: 0 };
  return { launches: [launch], thread_instructions: 0, milliseconds, launch_digest: "" };
}

/** Of CUDA's own words, which torch passes on. */
const cudaFaults: readonly [RegExp, ReasonCode][] = [
  [/illegal memory access/iu, "out_of_bounds"],
  [/misaligned address/iu, "misaligned"],
  [/device-side assert|illegal instruction|unspecified launch failure/iu, "trapped"],
  [/launch timed out/iu, "endless_loop"],
];

/** After such an error the context is of no use any more. */
export function losesContext(error: CallableError | undefined): boolean {
  return error !== undefined && faultOf(error) !== undefined;
}

function faultOf({ message }: CallableError): ReasonCode | undefined {
  return cudaFaults.find(([words]) => words.test(message))?.[1];
}

function outcomeOfError(error: CallableError, executed: Executed): CaseOutcome {
  const said = `${error.type}: ${error.message}${error.where ? ` (${error.where})` : ""}`;
  const kind = faultOf(error);
  if (kind) return { state: "faulted", fault: { kind, message: said }, ...executed };
  return { state: "refused", result_name: `an exception (${said})`, ...executed };
}

type Results = Partial<Record<string, CallableResult>>;

/** What came back by the words of the signature: a single value is the first of them. */
function resultsOf(candidate: CallableCandidate, called: Called): Results {
  if (!returns(candidate)) return {};
  const { result_words: words } = candidate;
  return Object.fromEntries(words.map((word, index) => [word, called.results[index]]));
}

/** Until a first call has shown that nothing comes back. */
function returns({ result }: CallableCandidate): boolean {
  return result === "returned" || result === "probed";
}

function badForm(
  { one, shape }: PreparedCall,
  called: Called,
  results: Results,
): FaultReport | undefined {
  const fault = (kind: ReasonCode, message: string) => ({ kind, message });
  const lazy = called.results.find(({ exact, tensor }) => tensor && !exact);
  if (lazy) {
    return fault("harness_tampered", `a ${lazy.type} came back, which is no plain torch.Tensor`);
  }
  const perRow: readonly number[] = shape.slice(0, -1);
  for (const [word, result] of Object.entries(results)) {
    if (word === "_") continue;
    if (!result?.exact) {
      return fault("not_written", `${result?.type ?? "nothing"} came back in place of ${word}`);
    }
    if (result.device !== called.device) {
      const message = `${word} is on the device ${result.device}, and x on ${called.device}`;
      return fault("wrong_values", message);
    }
    const ofRow = word === "rstd" || word === "mean";
    const dtype = ofRow ? "float32" : word === "out" ? one.out_dtype : one.dtype;
    if (result.dtype !== dtype) {
      return fault("dtype_misread", `${word} is ${result.dtype}, and ${dtype} was due`);
    }
    const elements = (ofRow ? perRow : shape).reduce((a, b) => a * b, 1);
    const count = (result.shape ?? []).reduce((a, b) => a * b, 1);
    const same = JSON.stringify(result.shape) === JSON.stringify(shape);
    if (ofRow ? count !== elements : !same) {
      return fault("wrong_values", `${word} has the shape ${result.shape}, and ${shape} was due`);
    }
  }
  return undefined;
}

/** Inputs, guards, and results that lie in an input's memory. */
function badBuffers(
  candidate: CallableCandidate,
  { one, request }: PreparedCall,
  called: Called,
  results: Results,
): FaultReport | undefined {
  for (const [index, { name, content }] of request.buffers.entries()) {
    const after = called.buffers[index] as Buffer;
    const broken = brokenGuards(after);
    if (broken > 0) {
      const message = `${broken} bytes beside ${name} were overwritten`;
      return { kind: "canary_overwritten", message };
    }
    if (isInput(candidate, one, name) && Buffer.compare(after, content as Buffer) !== 0) {
      return { kind: "input_modified", message: `${name} is not what it was before the call` };
    }
  }
  const shared = Object.values(results).flatMap((result) => result?.shares ?? []);
  if (shared.length === 0 || candidate.result === "in_place") return undefined;
  const message = `the result lies in the memory of ${listed([...new Set(shared)])}`;
  return { kind: "input_returned", message };
}

function outputOf(
  candidate: CallableCandidate,
  { one, request }: PreparedCall,
  called: Called,
  results: Results,
): Output | undefined {
  const inside = (name: string) => {
    const index = request.buffers.findIndex((each) => each.name === name);
    const bytes = called.buffers[index];
    return bytes && insideOf(bytes);
  };
  const name = candidate.result === "out" ? "out" : "x";
  const returned = returns(candidate);
  const bytes = returned ? results.out?.content : inside(name);
  if (!bytes) return undefined;
  const layouts = layoutOfCase(one);
  const layout = returned ? denseLayout(one.rows, one.hidden_size, one.out_dtype) : layouts.out;
  const elementBytes = dtypeFacts[one.out_dtype].bytes;
  const perRow = (word: "rstd" | "mean") => {
    const found = results[word]?.content ?? inside(word);
    return found && new Float32Array(Uint8Array.from(found.subarray(0, 4 * one.rows)).buffer);
  };
  return {
    layout,
    read: (first, count) => bytes.subarray(first * elementBytes, (first + count) * elementBytes),
    rstd: perRow("rstd"),
    mean: perRow("mean"),
    residual: residualRows(candidate, one, results, inside("residual")),
  };
}

/** The sum, where it is given back or written over residual. */
function residualRows(
  candidate: CallableCandidate,
  one: PreparedCall["one"],
  results: Results,
  inside: Buffer | undefined,
): Output["residual"] {
  const bytes = results.residual?.content ?? (candidate.writes_residual ? inside : undefined);
  if (!bytes) return undefined;
  const rowBytes = one.hidden_size * dtypeFacts[one.dtype].bytes;
  return (row) => bytes.subarray(row * rowBytes, (row + 1) * rowBytes);
}

function denseLayout(rows: number, hiddenSize: number, dtype: Dtype): MatrixLayout {
  return {
    buffer_bytes: Math.max(rows * hiddenSize, 1) * dtypeFacts[dtype].bytes,
    first_element: 0,
    row_stride: hiddenSize,
    group_stride: 0,
    rows_per_group: 0,
  };
}

function rowsOf({ one }: PreparedCall, output: Output): Buffer {
  return Buffer.concat(
    Array.from({ length: one.rows }, (_, row) =>
      output.read(rowStart(output.layout, row), one.hidden_size),
    ),
  );
}
